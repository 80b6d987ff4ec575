"""Service Request documents: fill in a template, and build the Signed Pre-Command of a Pre-Command."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

from lxml import etree

from dccemu_protocol.duis import DuisRequest, parse_document, read_request, write_date_time
from dccemu_protocol.identifiers import Eui64, RequestId

_SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
_TOP_UP = "2.2"
# Canonical XML 1.0, section 2.3: what is written as a reference in text and in attribute values.
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_IN_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"})


def _sr(name: str) -> str:
    return f"{{{_SR}}}{name}"


def has_fixed_counter(request: DuisRequest) -> bool:
    """Whether the counter of the RequestID means something else and may not be replaced (2.2, duis.md section 3)."""
    return request.service_reference_variant == _TOP_UP and request.request_id.counter & 0xFFFFFFFF == 0


def address(
    document: bytes,
    *,
    originator: Eui64 | None = None,
    target: Eui64 | None = None,
    counter: int | None = None,
    command_variant: int | None = None,
    execution_date_time: datetime | None = None,
) -> bytes:
    """Change who asks, whom, with which counter, how and when. What is None stays as it is.

    A Signature in the document is left in place: sign afterwards, which replaces it. ``execution_date_time`` is
    added as the first element of the body where there is none.

    Raises
    ------
    ProtocolError
        When the document is not a readable Request.
    """
    root = parse_document(document)
    request = read_request(root)
    header = root[0]
    old = request.request_id
    header[0].text = str(
        RequestId(
            originator if originator is not None else old.originator,
            target if target is not None else old.target,
            counter if counter is not None else old.counter,
        )
    )
    if command_variant is not None:
        found = header.find(_sr("CommandVariant"))
        assert found is not None
        found.text = str(command_variant)
    if execution_date_time is not None:
        date = request.body.find(_sr("ExecutionDateTime"))
        if date is None:
            date = etree.Element(_sr("ExecutionDateTime"))
            request.body.insert(0, date)
        date.text = write_date_time(execution_date_time)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def signed_pre_command(request: DuisRequest, payload: bytes, command_variant: int = 5) -> bytes:
    """Build the unsigned request that carries a Signed Pre-Command back (service-request-processing.md 8, step 6).

    Same RequestID, same Service Reference and variant, the ExecutionDateTime if the request was future dated. What is
    given back is the canonical form, which ``Identity.sign_canonical`` takes as it is.
    """
    request_id, variant = str(request.request_id), str(command_variant)
    first, at = request.first_in_sequence, request.execution_date_time
    preceding = None if request.preceding is None else str(request.preceding)
    return (
        f'<sr:Request xmlns:sr="{_SR}" schemaVersion="{request.schema_version.translate(_IN_ATTRIBUTE)}"><sr:Header>'
        f"{_text('RequestID', request_id)}"
        f"{'' if first is None else _text('FirstInSequence', 'true' if first else 'false')}"
        f"{'' if preceding is None else _text('PrecedingServiceRequestID', preceding)}"
        f"{_text('CommandVariant', variant)}{_text('ServiceReference', request.service_reference)}"
        f"{_text('ServiceReferenceVariant', request.service_reference_variant)}</sr:Header>"
        "<sr:Body><sr:SignedPreCommand>"
        f"{'' if at is None else _text('ExecutionDateTime', write_date_time(at))}"
        f"{_text('GBCSPayload', b64encode(payload).decode())}</sr:SignedPreCommand></sr:Body></sr:Request>"
    ).encode()


def _text(name: str, value: str) -> str:
    return f"<sr:{name}>{value.translate(_IN_TEXT)}</sr:{name}>"
