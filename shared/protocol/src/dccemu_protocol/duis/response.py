"""A Response document as a value, for those who receive one.

Expects a tree whose signature was verified (or an unsigned acknowledgement). Source: duis.md sections 2, 3 and 5.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from ..errors import ProtocolError
from ..identifiers import RequestId
from .document import Element
from .names import BODY, HEADER, RESPONSE, local_name, sr
from .root import text_of
from .times import read_date_time

Tree: TypeAlias = "str | Mapping[str, Tree] | Sequence[Tree]"

_ALERTS: Final = frozenset({"DeviceAlertMessage", "DCCAlertMessage"})
_PAYLOAD: Final = "GBCSPayload"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuisResponse:
    """One ``Response`` document.

    ``kind`` is the element that says what it is: ``Acknowledgement`` for a ResponseMessage without content, else
    ``GBCSPayload``, ``PreCommand``, ``LocalCommand``, ``CINMessage``, ``DSPInventory``, ``DeviceAlertMessage``,
    ``DCCAlertMessage`` and so on. ``content`` is that element as nested names and texts (``@`` before attributes,
    ``#`` for text beside attributes); ``gbcs_payload`` its GBCS message where it holds one.
    """

    kind: str
    request_id: RequestId | None
    response_id: RequestId | None
    response_code: str
    at: datetime
    schema_version: str
    service_reference: str | None
    service_reference_variant: str | None
    alert_code: str | None
    content: Tree
    gbcs_payload: bytes | None

    @property
    def is_error(self) -> bool:
        return self.response_code.startswith("E")

    @property
    def is_acknowledgement(self) -> bool:
        """Whether more is to come: a Device request was accepted, or a Non-Device request had nothing to return."""
        return self.response_code == "I99"


def tree_of(element: Element) -> Tree:
    """Turn an element into nested names and texts; repeated children become a list."""
    if len(element) == 0 and not element.keys():
        return element.text or ""
    tree: dict[str, Tree] = {f"@{name!s}": str(value) for name, value in element.items()}
    if len(element) == 0:
        tree["#"] = element.text or ""
        return tree
    for child in element:
        name, value = local_name(str(child.tag)), tree_of(child)
        known = tree.get(name)
        if known is None:
            tree[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            tree[name] = [known, value]
    return tree


def _bad(detail: str, place: str) -> ProtocolError:
    return ProtocolError("SCHEMA_INVALID", detail, place=place, source="duis.md 2")


def _payload_of(element: Element) -> bytes | None:
    found = element if local_name(str(element.tag)) == _PAYLOAD else element.find(sr(_PAYLOAD))
    if found is None:
        return None
    try:
        return b64decode("".join((found.text or "").split()), validate=True)
    except (Base64Error, ValueError):
        raise _bad("GBCSPayload is not base64", "/Response/Body") from None


def _identifier(header: Mapping[str, str], name: str) -> RequestId | None:
    text = header.get(name)
    return None if text is None else RequestId.parse(text)


def read_response(root: Element) -> DuisResponse:
    """Read a Response out of its element tree.

    Raises
    ------
    ProtocolError
        ``NOT_A_RESPONSE`` or ``SCHEMA_INVALID``.
    """
    if root.tag != RESPONSE:
        raise ProtocolError("NOT_A_RESPONSE", f"the root element is {root.tag!r}", place="/", source="duis.md 2")
    header_element, body = root.find(HEADER), root.find(BODY)
    if header_element is None or body is None or len(body) != 1:
        raise _bad("a Response has one Header and one Body with one element", "/Response")
    header = {local_name(str(child.tag)): text_of(child) for child in header_element}
    if "ResponseCode" not in header or "ResponseDateTime" not in header:
        raise _bad("ResponseCode or ResponseDateTime is missing", "/Response/Header")
    message = body[0]
    name = local_name(str(message.tag))
    reference, variant = message.find(sr("ServiceReference")), message.find(sr("ServiceReferenceVariant"))
    results = [child for child in message if child is not reference and child is not variant]
    shown = message if name in _ALERTS or name != "ResponseMessage" else results[0] if results else None
    code = message.find(sr("AlertCode")) if name == "DeviceAlertMessage" else message.find(sr("DCCAlertCode"))
    return DuisResponse(
        kind="Acknowledgement" if shown is None else local_name(str(shown.tag)),
        request_id=_identifier(header, "RequestID"),
        response_id=_identifier(header, "ResponseID"),
        response_code=header["ResponseCode"],
        at=read_date_time(header["ResponseDateTime"]),
        schema_version=root.get("schemaVersion", ""),
        service_reference=None if reference is None else text_of(reference),
        service_reference_variant=None if variant is None else text_of(variant),
        alert_code=None if code is None else text_of(code),
        content={} if shown is None else tree_of(shown),
        gbcs_payload=None if shown is None else _payload_of(shown),
    )
