"""A User whose replies are lost: the same RequestID again, and E45 means that the first was taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore
from dccemu_sdk import (
    AnswerLost,
    CounterSource,
    DCCSigners,
    GatewayClient,
    GatewayError,
    Identity,
    PatientGateway,
    Receiver,
    User,
)

SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")


@pytest.fixture
def user(store: Keystore, small_dcc: Any) -> Iterator[User]:
    signers = DCCSigners(store)
    with PatientGateway(small_dcc.url, signers, patience=5) as gateway, Receiver(signers) as receiver:
        small_dcc.push_to = receiver.url
        yield User(Identity(store, SUPPLIER), gateway, receiver, counters=CounterSource(lambda: 5000))


def test_a_request_whose_acknowledgement_was_lost_goes_out_again_and_is_answered_once(
    user: User, small_dcc: Any, read_registers: bytes
) -> None:
    small_dcc.lose = 2

    outcome = user.send(read_registers, timeout=5)

    assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
    assert [str(identifier) for identifier, _ in small_dcc.taken] == [str(outcome.request_id)] * 3
    assert len(user.receiver.responses) == 1 if user.receiver else False


def test_a_result_that_stood_in_the_lost_reply_is_gone(user: User, small_dcc: Any, synchronise_clock: bytes) -> None:
    small_dcc.lose = 1

    with pytest.raises(AnswerLost) as lost:
        user.send(synchronise_clock)

    assert lost.value.taken.request_id is not None
    assert lost.value.taken.request_id.counter == 5000
    # Asked for anew, with a RequestID of its own, it comes.
    assert user.send(synchronise_clock, timeout=5).code == "I0"


def test_a_refusal_is_an_answer_and_is_not_repeated(user: User, small_dcc: Any, read_registers: bytes) -> None:
    small_dcc.status = 400

    with pytest.raises(GatewayError):
        user.send(read_registers)

    assert isinstance(user.gateway, PatientGateway)
    assert user.gateway.repeats == 0


def test_patience_ends(store: Keystore, small_dcc: Any, read_registers: bytes) -> None:
    small_dcc.lose = 1000
    with PatientGateway(small_dcc.url, DCCSigners(store), patience=0.3) as gateway:
        user = User(Identity(store, SUPPLIER), gateway, counters=CounterSource(lambda: 5000))

        with pytest.raises(httpx.TransportError):
            user.send(read_registers, wait=False)


def test_without_patience_a_lost_reply_is_the_end(store: Keystore, small_dcc: Any, read_registers: bytes) -> None:
    small_dcc.lose = 1
    with GatewayClient(small_dcc.url, DCCSigners(store)) as gateway:
        user = User(Identity(store, SUPPLIER), gateway, counters=CounterSource(lambda: 5000))

        with pytest.raises(httpx.TransportError):
            user.send(read_registers, wait=False)
    assert len(small_dcc.requests) == 1
