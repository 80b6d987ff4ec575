"""A User sends: non-critical, critical with correlation, for local delivery; over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dccemu_protocol.duis import DuisRequest
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore
from dccemu_sdk import (
    CounterSource,
    DCCSigners,
    GatewayClient,
    GatewayError,
    Identity,
    NotCorrelated,
    Receiver,
    SdkError,
    User,
    check_header,
)

SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")


@pytest.fixture
def user(store: Keystore, small_dcc: Any) -> Iterator[User]:
    signers = DCCSigners(store)
    with GatewayClient(small_dcc.url, signers) as gateway, Receiver(signers) as receiver:
        small_dcc.push_to = receiver.url
        yield User(Identity(store, SUPPLIER), gateway, receiver, counters=CounterSource(lambda: 5000))


def test_a_non_critical_request_gets_its_acknowledgement_and_its_response(
    user: User, small_dcc: Any, read_registers: bytes
) -> None:
    outcome = user.send(read_registers, timeout=5)

    assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
    assert outcome.payload == b"response"
    assert outcome.request_id.counter == 5000
    assert [service for service, _ in small_dcc.requests] == ["S"]


def test_a_critical_request_goes_through_transform_and_back_signed(
    user: User, small_dcc: Any, synchronise_clock: bytes
) -> None:
    outcome = user.send(synchronise_clock, timeout=5)

    assert [answer.kind for answer in outcome.answers] == ["PreCommand", "Acknowledgement", "GBCSPayload"]
    (first, transform), (second, signed) = small_dcc.requests
    assert (first, second) == ("T", "S")
    assert transform.request_id == signed.request_id
    assert signed.command_variant == 5


def test_a_critical_command_for_local_delivery_comes_in_the_reply(
    user: User, small_dcc: Any, synchronise_clock: bytes
) -> None:
    outcome = user.send(synchronise_clock, local=True)

    assert outcome.last.kind == "LocalCommand"
    assert [service for service, _ in small_dcc.requests] == ["T", "D"]


def test_a_pre_command_for_something_else_is_not_signed(user: User, small_dcc: Any, synchronise_clock: bytes) -> None:
    small_dcc.wrong_counter = True

    with pytest.raises(NotCorrelated, match="RequestID / originator counter: expected 5000, found 7"):
        user.send(synchronise_clock)
    assert len(small_dcc.requests) == 1


def test_a_pre_command_that_means_something_else_is_not_signed(
    user: User, small_dcc: Any, synchronise_clock: bytes
) -> None:
    small_dcc.tolerance = 61

    with pytest.raises(NotCorrelated, match=r"SynchroniseClock/TolerancePeriod / .*: expected 60, found 61"):
        user.send(synchronise_clock)
    assert len(small_dcc.requests) == 1


def test_the_header_alone_can_be_checked_instead(store: Keystore, small_dcc: Any, synchronise_clock: bytes) -> None:
    small_dcc.tolerance = 61

    with GatewayClient(small_dcc.url, DCCSigners(store)) as gateway:
        user = User(Identity(store, SUPPLIER), gateway, correlate=check_header)
        assert user.send(synchronise_clock, wait=False).last.is_acknowledgement
        small_dcc.wrong_counter = True
        with pytest.raises(NotCorrelated, match=":7"):
            user.send(synchronise_clock)


def test_a_correlation_of_ones_own_can_refuse(store: Keystore, small_dcc: Any, synchronise_clock: bytes) -> None:
    seen: list[DuisRequest] = []

    def refuse(request: DuisRequest, pre_command: bytes) -> None:
        seen.append(request)
        raise NotCorrelated("the tolerance differs")

    with GatewayClient(small_dcc.url, DCCSigners(store)) as gateway:
        user = User(Identity(store, SUPPLIER), gateway, correlate=refuse)
        with pytest.raises(NotCorrelated, match="tolerance"):
            user.send(synchronise_clock)
    assert seen[0].body_name == "SynchroniseClock"


def test_the_counter_of_a_top_up_stays_as_the_supplier_made_it(user: User, small_dcc: Any, top_up: bytes) -> None:
    user.send(top_up, timeout=5)

    assert small_dcc.requests[0][1].request_id.counter == 3 << 32


def test_an_http_error_is_an_error_with_its_status(user: User, small_dcc: Any, read_registers: bytes) -> None:
    small_dcc.status = 503

    with pytest.raises(GatewayError, match="503") as caught:
        user.send(read_registers)
    assert caught.value.status == 503


def test_without_a_receiver_there_is_nothing_to_wait_at(store: Keystore, small_dcc: Any, read_registers: bytes) -> None:
    with GatewayClient(small_dcc.url) as gateway:
        user = User(Identity(store, SUPPLIER), gateway)
        assert user.send(read_registers, wait=False).last.is_acknowledgement
        with pytest.raises(SdkError, match="Receive Response Service"):
            user.send(read_registers)
