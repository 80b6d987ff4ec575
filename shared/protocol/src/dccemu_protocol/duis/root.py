"""What the root of a document says before anything else is known about it: whose it is, and in which version.

Source: duis.md sections 1 and 2.
"""

from __future__ import annotations

from typing import Final

from ..errors import ProtocolError
from ..identifiers import RequestId
from .document import Element
from .names import HEADER, REQUEST, REQUEST_ID

KNOWN_VERSIONS: Final = ("5.0", "5.1", "5.2", "5.3", "5.4")


def text_of(element: Element) -> str:
    """The text of an element without children, stripped of XML white space."""
    return (element.text or "").strip(" \t\r\n")


def read_request_id(root: Element) -> RequestId:
    """Find to whom a document may be attributed, before anything else is known about it.

    Raises
    ------
    ProtocolError
        ``NOT_A_REQUEST`` when the root is another element, ``REQUEST_ID_UNREADABLE`` when the first child of the
        first child is not a readable RequestID. Both mean HTTP 400: there is nobody to answer.
    """
    if root.tag != REQUEST:
        raise ProtocolError("NOT_A_REQUEST", f"the root element is {root.tag!r}", place="/", source="duis.md 1")
    header = root[0] if len(root) else None
    found = header[0] if header is not None and header.tag == HEADER and len(header) else None
    if found is None or found.tag != REQUEST_ID:
        raise ProtocolError("REQUEST_ID_UNREADABLE", "the Header does not begin with a RequestID", place="/Request")
    try:
        return RequestId.parse(text_of(found))
    except ProtocolError as error:
        raise ProtocolError("REQUEST_ID_UNREADABLE", error.detail, place="/Request/Header/RequestID") from None


def check_version(root: Element) -> None:
    """Refuse a schemaVersion that the emulator does not know; the schema itself allows any decimal.

    Raises
    ------
    ProtocolError
        ``SCHEMA_VERSION_UNKNOWN``.
    """
    version = root.get("schemaVersion", "").strip(" \t\r\n")
    if version not in KNOWN_VERSIONS:
        raise ProtocolError(
            "SCHEMA_VERSION_UNKNOWN",
            f"schemaVersion {version[:20]!r} is not one of {', '.join(KNOWN_VERSIONS)}",
            place="/Request/@schemaVersion",
            source="duis.md 2",
        )
