"""Service Requests and Signed Pre-Commands as values."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dccemu_protocol.duis import (
    AnsweredRequest,
    check_version,
    parse_document,
    read_date_time,
    read_request,
    read_request_id,
    write_date_time,
)
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
METER = "00-DB-12-34-56-78-90-A0"


def request_document(
    *,
    request_id: str = f"{SUPPLIER}:{METER}:1000",
    header: str = "",
    variant: str = "4",
    service: str = "6.11",
    service_variant: str = "6.11",
    body: str = "<SynchroniseClock/>",
    version: str = "5.4",
) -> bytes:
    return (
        f'<Request xmlns="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="{version}"><Header>'
        f"<RequestID>{request_id}</RequestID>{header}<CommandVariant>{variant}</CommandVariant>"
        f"<ServiceReference>{service}</ServiceReference>"
        f"<ServiceReferenceVariant>{service_variant}</ServiceReferenceVariant></Header><Body>{body}</Body></Request>"
    ).encode()


def test_a_service_request_is_read() -> None:
    request = read_request(parse_document(request_document()))

    assert request.user == Eui64.parse(SUPPLIER)
    assert request.device == Eui64.parse(METER)
    assert request.request_id.counter == 1000
    assert (request.command_variant, request.service_reference_variant) == (4, "6.11")
    assert request.body_name == "SynchroniseClock"
    assert request.first_in_sequence is None
    assert request.preceding is None
    assert request.execution_date_time is None
    assert request.gbcs_payload is None
    assert not request.is_cancellation


def test_sequencing_and_future_date_are_read() -> None:
    preceding = f"<PrecedingServiceRequestID>{SUPPLIER}:{METER}:999</PrecedingServiceRequestID>"
    header = f"<FirstInSequence>false</FirstInSequence>{preceding}"
    body = "<SynchroniseClock><ExecutionDateTime>2026-03-01T12:00:00+01:00</ExecutionDateTime></SynchroniseClock>"

    request = read_request(parse_document(request_document(header=header, body=body)))

    assert request.first_in_sequence is False
    assert request.preceding is not None
    assert request.preceding.counter == 999
    assert request.execution_date_time == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_the_year_3000_cancels() -> None:
    body = "<UpdatePaymentMode><ExecutionDateTime>3000-12-31T00:00:00Z</ExecutionDateTime></UpdatePaymentMode>"

    assert read_request(parse_document(request_document(body=body))).is_cancellation


def test_a_signed_pre_command_is_read() -> None:
    body = "<SignedPreCommand><GBCSPayload>3wkB\n AAAA</GBCSPayload></SignedPreCommand>"

    request = read_request(parse_document(request_document(body=body, variant="5")))

    assert request.is_signed_pre_command
    assert request.gbcs_payload == bytes.fromhex("df0901000000")


def test_lower_case_identifiers_are_the_same_identifiers() -> None:
    request_id = f"{SUPPLIER}:{METER}:18446744073709551615".lower()

    read = read_request_id(parse_document(request_document(request_id=request_id)))

    assert str(read) == f"{SUPPLIER}:{METER}:18446744073709551615"


@pytest.mark.parametrize(
    "request_id",
    [
        "",
        "x",
        f"{SUPPLIER}:{METER}",
        f"{SUPPLIER}:{METER}:",
        f"{SUPPLIER}:{METER}:01",
        f"{SUPPLIER}:{METER}:-1",
        f"{SUPPLIER}:{METER}:18446744073709551616",
        f"{SUPPLIER}:{METER}:1:1",
        f"{SUPPLIER}:{METER[:-1]}:1",
        f"{SUPPLIER}:{METER}:\u0661",
    ],
)
def test_without_a_readable_request_id_there_is_nobody_to_answer(request_id: str) -> None:
    with pytest.raises(ProtocolError, match="REQUEST_ID_UNREADABLE"):
        read_request_id(parse_document(request_document(request_id=request_id)))


@pytest.mark.parametrize(
    "document",
    [
        b"<Request/>",
        b'<Response xmlns="http://www.dccinterface.co.uk/ServiceUserGateway"/>',
        b'<Request xmlns="http://www.dccinterface.co.uk/ServiceUserGateway"/>',
        b'<Request xmlns="http://www.dccinterface.co.uk/ServiceUserGateway"><Body/></Request>',
        b'<Request xmlns="http://www.dccinterface.co.uk/ServiceUserGateway"><Header/></Request>',
    ],
)
def test_what_is_not_a_request_has_nobody_to_answer(document: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"NOT_A_REQUEST|REQUEST_ID_UNREADABLE"):
        read_request(parse_document(document))


@pytest.mark.parametrize(
    "document",
    [
        request_document(header=f"<RequestID>{SUPPLIER}:{METER}:7</RequestID>"),
        request_document().replace(b"<Body>", b"<Header/><Body>"),
        request_document().replace(b"</Request>", b"<Body><X/></Body></Request>"),
        request_document(body=""),
        request_document(body="<A/><B/>"),
        request_document(variant="four"),
        request_document(variant="\u0664"),
        request_document(header="<FirstInSequence>maybe</FirstInSequence>"),
        request_document(body="<SignedPreCommand/>"),
        request_document(body="<SignedPreCommand><GBCSPayload>***</GBCSPayload></SignedPreCommand>"),
        request_document(body="<A><ExecutionDateTime>tomorrow</ExecutionDateTime></A>"),
    ],
)
def test_ambiguous_or_broken_requests_are_refused(document: bytes) -> None:
    with pytest.raises(ProtocolError, match="SCHEMA_INVALID"):
        read_request(parse_document(document))


@pytest.mark.parametrize("version", ["5.0", "5.1", "5.4"])
def test_known_schema_versions_are_taken(version: str) -> None:
    check_version(parse_document(request_document(version=version)))


@pytest.mark.parametrize("version", ["", "4.9", "5.5", "54", "5"])
def test_other_schema_versions_are_refused(version: str) -> None:
    with pytest.raises(ProtocolError, match="SCHEMA_VERSION_UNKNOWN"):
        check_version(parse_document(request_document(version=version)))


def test_a_refused_document_can_still_be_answered() -> None:
    answered = AnsweredRequest.salvage(parse_document(request_document(service_variant="?", version="99")))

    assert answered.service_reference_variant == "6.11"
    assert answered.schema_version == "5.4"


def test_a_document_that_names_no_service_cannot_be_answered() -> None:
    document = request_document(service_variant="?", body="<Unheard/>")

    with pytest.raises(ProtocolError, match="SERVICE_UNREADABLE"):
        AnsweredRequest.salvage(parse_document(document))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00.123456789Z", "2026-03-01T12:00:00.123Z"),
        ("2026-03-01T24:00:00Z", "2026-03-02T00:00:00.000Z"),
        ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00.000Z"),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00.000Z"),
        (" 2026-03-01T12:00:00-14:00 ", "2026-03-02T02:00:00.000Z"),
    ],
)
def test_times_are_read_into_utc(text: str, written: str) -> None:
    assert write_date_time(read_date_time(text)) == written


@pytest.mark.parametrize(
    "text",
    ["", "2026-03-01", "2026-02-29T00:00:00Z", "2026-03-01T25:00:00Z", "9999-12-31T24:00:00Z", "0000-01-01T00:00:00Z"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="SCHEMA_INVALID"):
        read_date_time(text)


def test_every_published_template_is_read(templates: list[Path]) -> None:
    requests = [read_request(parse_document(template.read_bytes())) for template in templates]

    assert len(requests) == 297
    assert sum(request.is_cancellation for request in requests) > 0
    assert sum(request.execution_date_time is not None for request in requests) > 20


def test_a_date_with_a_fraction_of_any_length_is_read_and_not_kept() -> None:
    text = "2026-01-02T03:04:05." + "5" * 100_000 + "Z"
    holders = sys.getrefcount(text)

    assert read_date_time(text) == datetime(2026, 1, 2, 3, 4, 5, 555_555, UTC)

    assert sys.getrefcount(text) == holders
