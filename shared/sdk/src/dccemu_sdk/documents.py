"""Service Request documents: fill in a template, and build the Signed Pre-Command of a Pre-Command."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

from lxml import etree

from dccemu_protocol.duis import DuisRequest, parse_document, read_request, write_date_time
from dccemu_protocol.identifiers import Eui64, RequestId

_SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
_TOP_UP = "2.2"


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

    Same RequestID, same Service Reference and variant, the ExecutionDateTime if the request was future dated.
    """
    root = etree.Element(_sr("Request"), {"schemaVersion": request.schema_version}, nsmap={"sr": _SR})
    header = etree.SubElement(root, _sr("Header"))
    values = {
        "RequestID": str(request.request_id),
        "CommandVariant": str(command_variant),
        "ServiceReference": request.service_reference,
        "ServiceReferenceVariant": request.service_reference_variant,
    }
    if request.first_in_sequence is not None:
        values["FirstInSequence"] = "true" if request.first_in_sequence else "false"
    if request.preceding is not None:
        values["PrecedingServiceRequestID"] = str(request.preceding)
    order = ("RequestID", "FirstInSequence", "PrecedingServiceRequestID", "CommandVariant")
    for name in (*order, "ServiceReference", "ServiceReferenceVariant"):
        if name in values:
            etree.SubElement(header, _sr(name)).text = values[name]
    body = etree.SubElement(etree.SubElement(root, _sr("Body")), _sr("SignedPreCommand"))
    if request.execution_date_time is not None:
        etree.SubElement(body, _sr("ExecutionDateTime")).text = write_date_time(request.execution_date_time)
    etree.SubElement(body, _sr("GBCSPayload")).text = b64encode(payload).decode()
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
