"""A Service Request or Signed Pre-Command as a value.

``read_request`` takes the Header apart and finds the one body element. It expects a tree that was checked against
the schema and whose signature was verified (``xmldsig.verify`` returns it); offline tools may hand in any parsed
document, so every step still refuses what it cannot read. Sources: duis.md sections 2, 3 and 9.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from ..errors import ProtocolError
from ..identifiers import Eui64, RequestId
from .document import Element
from .names import BODY, HEADER, local_name, sr
from .root import read_request_id, text_of
from .times import read_date_time

SIGNED_PRE_COMMAND: Final = "SignedPreCommand"
CANCELLATION_YEAR: Final = 3000
_FIRST: Final = sr("FirstInSequence")
_PRECEDING: Final = sr("PrecedingServiceRequestID")
_VARIANT: Final = sr("CommandVariant")
_SERVICE: Final = sr("ServiceReference")
_SERVICE_VARIANT: Final = sr("ServiceReferenceVariant")
EXECUTION: Final = sr("ExecutionDateTime")
PAYLOAD: Final = sr("GBCSPayload")
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class DuisRequest(NamedTuple):
    """One ``Request`` document.

    ``element`` is the body element of the tree it was read from (after ``xmldsig.verify`` that is the verified one), or
    makes that tree when somebody looks into the body. ``execution_date_time`` is UTC and comes from any body or from
    ``SignedPreCommand``; ``gbcs_payload`` is present only for a ``SignedPreCommand``.
    """

    request_id: RequestId
    command_variant: int
    service_reference: str
    service_reference_variant: str
    first_in_sequence: bool | None
    preceding: RequestId | None
    schema_version: str
    body_name: str
    element: Element | Callable[[], Element]
    execution_date_time: datetime | None
    gbcs_payload: bytes | None

    @property
    def body(self) -> Element:
        """The body element."""
        element = self.element
        return element() if callable(element) else element

    @property
    def user(self) -> Eui64:
        """The originator: the User ID."""
        return self.request_id.originator

    @property
    def device(self) -> Eui64:
        """The target: a Device, or the DCC for a Non-Device request."""
        return self.request_id.target

    @property
    def is_signed_pre_command(self) -> bool:
        return self.body_name == SIGNED_PRE_COMMAND

    @property
    def is_cancellation(self) -> bool:
        """Whether the ExecutionDateTime lies in the year 3000, which withdraws a future dated request."""
        return self.execution_date_time is not None and self.execution_date_time.year >= CANCELLATION_YEAR


def _bad(detail: str, place: str) -> ProtocolError:
    return ProtocolError("SCHEMA_INVALID", detail, place=place, source="duis.md 2")


def _single(header: Mapping[str, str], tag: str) -> str:
    value = header.get(tag)
    if value is None:
        raise _bad(f"{local_name(tag)} is missing", "/Request/Header")
    return value


def _parts(root: Element) -> tuple[Element, Element]:
    """The Header, and the one element of the Body."""
    headers: list[Element] = []
    bodies: list[Element] = []
    for child in root:
        tag = child.tag
        if tag == HEADER:
            headers.append(child)
        elif tag == BODY:
            bodies.append(child)
    if len(headers) != 1 or len(bodies) != 1 or len(bodies[0]) != 1:
        raise _bad("a Request has one Header and one Body with one element", "/Request")
    return headers[0], bodies[0][0]


def _header_values(header: Element) -> dict[str, str]:
    values: dict[str, str] = {}
    for child in header:
        tag = child.tag
        if tag in values:
            raise _bad(f"{local_name(tag)} occurs twice", "/Request/Header")
        values[tag] = text_of(child)
    return values


def _payload(text: str | None) -> bytes:
    if text is None:
        raise _bad("GBCSPayload is missing", "/Request/Body/SignedPreCommand")
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise _bad("GBCSPayload is not base64", "/Request/Body/SignedPreCommand/GBCSPayload") from None


def _text_in(body: Element, tag: str) -> str | None:
    found = next(body.iterchildren(tag), None)
    return None if found is None else found.text or ""


def read_request(root: Element, request_id: RequestId | None = None) -> DuisRequest:
    """Read a Request out of its element tree; ``request_id`` is that of the tree where it was read before.

    Raises
    ------
    ProtocolError
        ``NOT_A_REQUEST``, ``REQUEST_ID_UNREADABLE`` or ``SCHEMA_INVALID``.
    """
    request_id = request_id or read_request_id(root)
    header, body = _parts(root)
    return request_of(
        request_id,
        _header_values(header),
        root.get("schemaVersion", ""),
        local_name(body.tag),
        body,
        _text_in(body, EXECUTION),
        _text_in(body, PAYLOAD),
    )


def request_of(
    request_id: RequestId,
    header: Mapping[str, str],
    version: str,
    body_name: str,
    element: Element | Callable[[], Element],
    execution: str | None,
    payload: str | None,
) -> DuisRequest:
    """A Request out of the texts of its Header, by qualified names, and of two elements of its body.

    Raises
    ------
    ProtocolError
        ``SCHEMA_INVALID``.
    """
    variant = _single(header, _VARIANT)
    if len(variant) > 4 or not (variant.isascii() and variant.isdigit()):
        raise _bad(f"CommandVariant {variant[:20]!r} is not a number", "/Request/Header/CommandVariant")
    first = header.get(_FIRST)
    if first is not None and first not in _BOOLEANS:
        raise _bad(f"FirstInSequence {first[:20]!r} is not a boolean", "/Request/Header/FirstInSequence")
    preceding = header.get(_PRECEDING)
    return DuisRequest(
        request_id,
        int(variant),
        _single(header, _SERVICE),
        _single(header, _SERVICE_VARIANT),
        None if first is None else _BOOLEANS[first],
        None if preceding is None else RequestId.parse(preceding),
        version,
        body_name,
        element,
        None if execution is None else read_date_time(execution),
        _payload(payload) if body_name == SIGNED_PRE_COMMAND else None,
    )
