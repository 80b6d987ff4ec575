"""The XML of the Device CSR web services, ad hoc and batch (smki.md sections 5.4 and 5.5). No namespaces."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from dccemu_protocol.duis import Limits, parse_document
from dccemu_protocol.errors import ProtocolError

from .codes import Outcome
from .timing import MAX_BATCH

VERSION, BUILD = "1.0", "dccemu-smki"
AD_HOC_LIMITS = Limits(octets=64 * 1024, elements=16, attributes=64, depth=4)
_BATCH_ELEMENTS = MAX_BATCH + 16
_ITEM_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}\Z")  # xs:ID, 1 to 100 characters
_SOURCE = "SEC Appendix M; smki.md sections 5.4 and 5.5"


@dataclass(frozen=True, slots=True)
class AdHocRequest:
    """``DeviceCertificateSigningRequest``."""

    id: str
    csr: bytes


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One ``DeviceCSR`` of a batch, still as text."""

    id: str
    csr: bytes


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """``SubmitCSRBatch``."""

    id: str
    items: tuple[BatchItem, ...]


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What a batch's result says of one item."""

    id: str
    outcome: Outcome
    certificate: bytes | None = None


class Identified(Exception):
    """A refusal of a message whose ID could be read, so that the answer can echo it."""

    def __init__(self, error: ProtocolError, message_id: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.message_id = message_id


def read_ad_hoc(body: bytes) -> AdHocRequest:
    """Read a ``DeviceCertificateSigningRequest``.

    Raises
    ------
    Identified
        With ``BAD_MESSAGE`` or a rule of hostile XML: FORMAT_ERROR.
    """
    root = _root(body, "DeviceCertificateSigningRequest", AD_HOC_LIMITS)
    message_id = _id(root, 32)
    children = [child.tag for child in root]
    if children != ["Version", "CertificateSigningRequest"] or any(len(child) for child in root):
        raise _refused(f"children are {children[:4]}, not Version and CertificateSigningRequest", message_id)
    _check_version(root[0].text, message_id)
    return AdHocRequest(message_id, _octets(root[1].text, message_id))


def read_batch(body: bytes, max_octets: int) -> BatchRequest:
    """Read a ``SubmitCSRBatch``.

    Raises
    ------
    Identified
        ``BAD_MESSAGE`` (FM:AA1), or ``TOO_MANY_REQUESTS`` (FM:AA2) for more than fifty thousand.
    """
    # One element and one attribute more than allowed must still be countable, for the exact error code.
    limits = Limits(octets=max_octets, elements=4 * _BATCH_ELEMENTS, attributes=24 * _BATCH_ELEMENTS, depth=4)
    root = _root(body, "SubmitCSRBatch", limits)
    message_id = _id(root, 256)
    if len(root) == 0 or root[0].tag != "Version" or len(root[0]):
        raise _refused("the first child is not Version", message_id)
    _check_version(root[0].text, message_id)
    if len(root) - 1 > MAX_BATCH:
        error = ProtocolError(
            "TOO_MANY_REQUESTS", f"{len(root) - 1} CSRs, at most {MAX_BATCH} are allowed", source=_SOURCE
        )
        raise Identified(error, message_id)
    items: list[BatchItem] = []
    seen: set[str] = set()
    for child in list(root)[1:]:
        item_id = child.get("ID")
        if child.tag != "DeviceCSR" or len(child) or set(child.attrib) != {"ID"} or item_id is None:
            raise _refused(f"child {len(items) + 1} is not a DeviceCSR with an ID", message_id)
        if not _ITEM_ID.match(item_id) or item_id in seen:
            raise _refused(f"ID {item_id[:40]!r} is not an xs:ID of 1 to 100 characters, or repeated", message_id)
        seen.add(item_id)
        items.append(BatchItem(item_id, _octets(child.text, message_id)))
    if not items:
        raise _refused("there is no DeviceCSR", message_id)
    return BatchRequest(message_id, tuple(items))


def ad_hoc_answer(message_id: str | None, transaction: int, outcome: Outcome, certificate: bytes | None) -> bytes:
    """``DeviceCertificateSigningResponse``; the ID is absent when the request could not be read."""
    root = _answer("DeviceCertificateSigningResponse", message_id)
    _text(root, "TransactionId", str(transaction))
    _text(root, "Status", outcome.status.value)
    _outcome(root, outcome, certificate)
    return _document(root)


def submit_answer(message_id: str | None, status: str, batch: int | None, outcome: Outcome | None) -> bytes:
    """``SubmitCSRBatchStatus``."""
    root = _answer("SubmitCSRBatchStatus", message_id)
    _text(root, "BatchStatus", status)
    if batch is not None:
        _text(root, "BatchId", str(batch))
    elif outcome is not None:
        _error(root, outcome)
    return _document(root)


def result_answer(status: str, batch: int | None, outcome: Outcome | None, items: Iterable[ItemResult] = ()) -> bytes:
    """``CSRBatchResult``."""
    root = _answer("CSRBatchResult", None)
    _text(root, "BatchStatus", status)
    if outcome is not None:
        _error(root, outcome)
    elif batch is not None:
        _text(root, "BatchId", str(batch))
        for item in items:
            made = etree.SubElement(root, "DeviceCertificate", ID=item.id)
            _text(made, "Status", item.outcome.status.value)
            _outcome(made, item.outcome, item.certificate)
    return _document(root)


def _root(body: bytes, name: str, limits: Limits) -> etree._Element:
    try:
        root = parse_document(body, limits)
    except ProtocolError as error:
        raise Identified(error, None) from None
    if root.tag != name:
        raise _refused(f"{str(root.tag)[:60]!r} is not {name}", None)
    return root


def _id(root: etree._Element, most: int) -> str:
    message_id = root.get("ID")
    if message_id is None or set(root.attrib) != {"ID"} or not 1 <= len(message_id) <= most:
        raise _refused(f"the one attribute is ID, of 1 to {most} characters", None)
    return message_id


def _check_version(text: str | None, message_id: str) -> None:
    if text != VERSION:
        raise _refused(f"Version {str(text)[:20]!r}, not {VERSION}", message_id)


def _octets(text: str | None, message_id: str) -> bytes:
    if text is None:
        raise _refused("an empty CSR", message_id)
    return text.encode()


def _refused(detail: str, message_id: str | None) -> Identified:
    return Identified(ProtocolError("BAD_MESSAGE", detail, source=_SOURCE), message_id)


def _answer(name: str, message_id: str | None) -> etree._Element:
    root = etree.Element(name)
    if message_id is not None:
        root.set("ID", message_id)
    _text(root, "Version", VERSION)
    _text(root, "Build", BUILD)
    return root


def _outcome(parent: etree._Element, outcome: Outcome, certificate: bytes | None) -> None:
    if certificate is not None:
        _text(parent, "Certificate", base64.b64encode(certificate).decode())
    else:
        _error(parent, outcome)


def _error(parent: etree._Element, outcome: Outcome) -> None:
    error = etree.SubElement(parent, "Error")
    _text(error, "ErrorCode", outcome.code or "WF:AA2")
    _text(error, "ErrorText", _printable(outcome.text or outcome.status.value))


def _printable(text: str) -> str:
    """XML 1.0 has no place for control characters, and error texts may quote hostile octets."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _text(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _document(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
