"""Search and retrieve of the repository: what clients may send, and what they are answered (smki.md section 8.1).

No namespaces. A device result carries ``CertificateSubjectAltName`` and no role, an organisation's
``CertificateSubjectName`` and its role in decimal. HTTP 402 means that nothing was found, 401 that the parameters are
not valid.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from dccemu_protocol.duis import Limits, parse_document
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, Usage, parse_serial

from .errors import BAD_SEARCH
from .lifecycle import Status, status_at
from .records import CertificateRecord

LIMITS = Limits(octets=64 * 1024, elements=64, attributes=64, depth=4)
_SOURCE = "smki.md section 8.1"
_SUBJECTS = {"CertificateSubjectAltName": Kind.DEVICE, "CertificateSubjectName": Kind.ORGANISATION}
_OPTIONAL = frozenset({"CertificateStatus", "CertificateRole", "CertificateUsage"})


@dataclass(frozen=True, slots=True)
class Criteria:
    """A search: an owner, and what its certificates must fit where that is asked."""

    eui: Eui64
    kind: Kind
    status: Status | None = None
    role: int | None = None
    usage: Usage | None = None

    def fits(self, record: CertificateRecord, at: datetime) -> bool:
        """Whether a certificate of the owner is wanted."""
        return (
            (self.status is None or shown_status(record, at) is self.status)
            and (self.role is None or record.role == self.role)
            and (self.usage is None or record.usage is self.usage)
        )


def shown_status(record: CertificateRecord, at: datetime) -> Status:
    """The status as of now; certificates whose dates are not enforced do not expire."""
    return status_at(record.kind, record.status, record.not_after, at) if record.dated else record.status


def read_search(body: bytes) -> Criteria:
    """Read a ``CertificateSearchRequest``.

    Raises
    ------
    ProtocolError
        ``BAD_SEARCH`` and the rules of hostile XML: every one of them is HTTP 401.
    """
    values = _children(body, "CertificateSearchRequest", frozenset(_SUBJECTS) | _OPTIONAL)
    subjects = [name for name in _SUBJECTS if name in values]
    if len(subjects) != 1:
        raise _bad("exactly one of CertificateSubjectAltName and CertificateSubjectName is needed")
    status, role, usage = (values.get(f"Certificate{name}") for name in ("Status", "Role", "Usage"))
    if status is not None and status not in {one.value for one in Status}:
        raise _bad(f"CertificateStatus {status[:20]!r}")
    if role is not None and not (role.isascii() and role.isdigit() and len(role) <= 3):
        raise _bad(f"CertificateRole {role[:20]!r}")
    return Criteria(
        eui=Eui64.parse(values[subjects[0]]),
        kind=_SUBJECTS[subjects[0]],
        status=None if status is None else Status(status),
        role=None if role is None else int(role),
        usage=None if usage is None else Usage.of(usage),
    )


def read_retrieve(body: bytes) -> int:
    """Read a ``CertificateDataRequest``: the serial, any case, leading zeros or not.

    Raises
    ------
    ProtocolError
        ``BAD_SEARCH``, ``BAD_SERIAL`` and the rules of hostile XML.
    """
    values = _children(body, "CertificateDataRequest", frozenset({"CertificateSerial"}))
    if "CertificateSerial" not in values:
        raise _bad("CertificateSerial is missing")
    return parse_serial(values["CertificateSerial"])


def search_answer(records: Sequence[CertificateRecord], audit: str, at: datetime) -> bytes:
    """A ``CertificateSearchResponse``."""
    root = _envelope("CertificateSearchResponse", audit)
    for record in records:
        result = etree.SubElement(root, "Result")
        _text(result, "CertificateSerial", record.serial_hex)
        _subject(result, record)
        _text(result, "CertificateStatus", shown_status(record, at).value)
        _facts(result, record)
    return _document(root)


def retrieve_answer(record: CertificateRecord, audit: str, at: datetime) -> bytes:
    """A ``CertificateDataResponse``."""
    root = _envelope("CertificateDataResponse", audit)
    result = etree.SubElement(root, "CertificateResponse")
    _subject(result, record)
    _text(result, "CertificateSerial", record.serial_hex)
    _text(result, "CertificateStatus", shown_status(record, at).value)
    _text(result, "CertificateBody", base64.b64encode(record.der).decode())
    _facts(result, record)
    return _document(root)


def _facts(result: etree._Element, record: CertificateRecord) -> None:
    if record.kind is not Kind.DEVICE and record.role is not None:
        _text(result, "CertificateRole", str(record.role))
    _text(result, "CertificateUsage", record.usage.short)
    _text(result, "ManufacturingFlag", "true" if record.manufacturing else "false")


def _subject(result: etree._Element, record: CertificateRecord) -> None:
    name = "CertificateSubjectAltName" if record.kind is Kind.DEVICE else "CertificateSubjectName"
    _text(result, name, str(record.eui) if record.eui else "")


def _envelope(name: str, audit: str) -> etree._Element:
    root = etree.Element(name)
    _text(root, "ResponseCode", "200")
    _text(root, "ResponseMessage", "Success")
    _text(root, "AuditReference", audit)
    return root


def _text(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _document(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _children(body: bytes, name: str, allowed: frozenset[str]) -> dict[str, str]:
    root = parse_document(body, LIMITS)
    if root.tag != name:
        raise _bad(f"{str(root.tag)[:60]!r} is not {name}")
    values: dict[str, str] = {}
    for child in root:
        if child.tag not in allowed or child.tag in values or len(child):
            raise _bad(f"{str(child.tag)[:60]!r} is unknown, repeated or not plain")
        values[str(child.tag)] = (child.text or "").strip()
    return values


def _bad(detail: str) -> ProtocolError:
    return ProtocolError(BAD_SEARCH, detail, source=_SOURCE)
