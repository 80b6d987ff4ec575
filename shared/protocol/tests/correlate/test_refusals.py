"""What cannot be compared is refused by rule; what is no Pre-Command is a difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dccemu_protocol.duis import DuisRequest, parse_document, read_request
from dccemu_protocol.gbcs.correlate import NOT_CRITICAL, REQUEST_UNREADABLE, CorrelationError, Known, correlate
from dccemu_protocol.gbcs.envelope import decode, encode

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
METER = "00-DB-12-34-56-78-90-A0"


def request(srv: str, body: str) -> DuisRequest:
    """A Service Request to a meter."""
    return read_request(
        parse_document(
            (
                '<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4">'
                f"<sr:Header><sr:RequestID>{SUPPLIER}:{METER}:1000</sr:RequestID><sr:CommandVariant>4</sr:CommandVariant>"
                f"<sr:ServiceReference>{srv}</sr:ServiceReference>"
                f"<sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant></sr:Header>"
                f"<sr:Body>{body}</sr:Body></sr:Request>"
            ).encode()
        )
    )


CLOSE = bytes.fromhex(
    "df090100000000000003e80890b3d51f300100000800db1234567890a00002004f15d9200003e8000103000900000a006aff0101120033"
)
"""The worked example of gbcs.md section 3.6: ECS42, close the load switch."""


def test_the_worked_example_is_what_enable_supply_asks_for() -> None:
    assert correlate(request("7.1", "<sr:EnableSupply/>"), CLOSE).same


@pytest.mark.parametrize(
    ("srv", "body"),
    [
        ("4.1.1", "<sr:ReadInstantaneousImportRegisters/>"),
        ("8.2", "<sr:ReadInventory/>"),
        ("7.1", "<sr:SignedPreCommand><sr:GBCSPayload>AAAA</sr:GBCSPayload></sr:SignedPreCommand>"),
    ],
)
def test_a_request_without_pre_command_is_refused(srv: str, body: str) -> None:
    with pytest.raises(CorrelationError) as caught:
        correlate(request(srv, body), CLOSE)

    assert caught.value.rule == NOT_CRITICAL


def test_an_element_that_is_not_of_its_type_is_refused_with_its_place(published: Any) -> None:
    asked = published.request("ECS70_6.11_SUCCESS")
    pre_command = published.pre_command("ECS70_6.11_SUCCESS", asked)
    asked.body[1].text = "soon"

    with pytest.raises(CorrelationError) as caught:
        correlate(asked, pre_command)

    assert caught.value.rule == REQUEST_UNREADABLE
    assert caught.value.place == "/Request/Body/SynchroniseClock/TolerancePeriod"


@pytest.mark.parametrize("octets", [b"", b"\x00", b"\xdf" * 60, CLOSE[:30], CLOSE + b"\x01\x02"])
def test_octets_that_are_no_message_are_a_difference(octets: bytes) -> None:
    found = correlate(request("7.1", "<sr:EnableSupply/>"), octets)

    assert found.difference is not None
    assert found.difference.expected == "a GBCS message"


def test_a_payload_that_cannot_be_read_is_a_difference() -> None:
    found = correlate(request("7.1", "<sr:EnableSupply/>"), encode(replace(decode(CLOSE), payload=b"\xd9\x20")))

    assert found.difference is not None
    assert found.difference.expected == "a payload"


def test_a_body_of_another_service_is_a_difference() -> None:
    found = correlate(request("7.1", "<sr:DisableSupply/>"), CLOSE)

    assert found.difference is not None
    assert found.difference.expected == "EnableSupply"


def test_a_script_for_another_effect_is_named_with_item_and_value() -> None:
    opened = CLOSE[:-1] + b"\x34"

    found = correlate(request("7.1", "<sr:EnableSupply/>"), opened)

    assert found.difference is not None
    assert found.difference.element == "/Request/Body/EnableSupply"
    assert found.difference.item == "action class 9 0-0:10.0.106.255 method 1"
    assert found.difference.expected == "always LongUnsigned 51"
    assert found.difference.found == "LongUnsigned 52"


def test_an_element_that_nothing_carries_is_a_difference() -> None:
    found = correlate(
        request(
            "7.1",
            "<sr:EnableSupply><sr:ExecutionDateTime>2030-01-01T00:00:00Z</sr:ExecutionDateTime></sr:EnableSupply>",
        ),
        CLOSE,
    )

    assert found.difference is not None
    assert found.difference.element == "/Request/Body/EnableSupply/ExecutionDateTime"
    assert found.difference.found == "nothing"


def test_the_time_of_the_gateway_is_checked_where_it_is_known(published: Any) -> None:
    stem = "GCS32_7.2_SUCCESS"
    asked = published.request(stem)
    pre_command = published.pre_command(stem, asked)
    at = datetime(2015, 1, 1, tzinfo=UTC)

    assert correlate(asked, pre_command, Known(sent_between=(at, at))).same
    later = correlate(asked, pre_command, Known(sent_between=(at + timedelta(days=1), at + timedelta(days=2))))
    assert later.difference is not None
    assert later.difference.item == "ChangeSupply issuerEventId"


@pytest.mark.parametrize(("twin", "same"), [(None, True), (False, True), (True, False)])
def test_the_pairs_of_a_second_element_fit_the_meter(published: Any, twin: bool | None, same: bool) -> None:
    stem = "ECS03_1.6_IMMEDIATE_SINGLE_SUCCESS"
    asked = published.request(stem)

    found = correlate(asked, published.pre_command(stem, asked), Known(is_twin_element=twin))

    assert found.same is same


def test_the_certificate_of_a_join_is_that_of_the_other_device(published: Any) -> None:
    stem = "CS03CCritical_8.7.1_SUCCESS"
    asked = published.request(stem)
    pre_command = published.pre_command(stem, asked)

    found = correlate(asked, pre_command, Known(certificate=lambda eui: b"another"))

    assert correlate(asked, pre_command, Known(certificate=lambda eui: published.certificate(eui, "ka"))).same
    assert found.difference is not None
    assert found.difference.element.endswith("/OtherDeviceID")
