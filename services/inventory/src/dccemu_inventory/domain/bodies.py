"""The body element of a Non-Device Service Request as plain values.

The gateway has verified document and schema; this reads names and texts only, with the same hardened parser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from dccemu_protocol.duis.document import Element, parse_document
from dccemu_protocol.errors import ProtocolError

from .ledger import Json


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an element: texts and parts by local name."""

    name: str
    values: Mapping[str, Json]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def optional(self, name: str) -> str | None:
        """Give the text of a child, None where it is absent."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ProtocolError("SCHEMA_INVALID", f"{name} is not a text", place=f"{self.name}/{name}")
        return value

    def text(self, name: str) -> str:
        """Give the text of a child that must be there."""
        value = self.optional(name)
        if value is None:
            raise ProtocolError("SCHEMA_INVALID", f"{name} is missing", place=f"{self.name}/{name}")
        return value

    def device(self, name: str = "DeviceID") -> str:
        """Give an EUI-64 in upper case."""
        return self.text(name).upper()

    def part(self, name: str) -> Content | None:
        """Give a child with content of its own; an empty element has no values."""
        value = self.values.get(name)
        if value is None:
            return None
        return Content(name, value if isinstance(value, dict) else {})


def read_body(xml: str) -> Content:
    """Read the XML text of a body element.

    Raises
    ------
    ProtocolError
        ``NOT_XML`` and kin.
    """
    root = parse_document(xml.encode())
    value = _value(root)
    return Content(_local(root), value if isinstance(value, dict) else {})


def from_json(name: str, value: object) -> Content:
    """Take content that came as nested JSON in an outcome's facts."""
    return Content(name, cast("dict[str, Json]", value) if isinstance(value, dict) else {})


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element) -> Iterator[Element]:
    return (child for child in element if isinstance(child.tag, str))


def _value(element: Element) -> Json:
    values: dict[str, Json] = {}
    for child in _children(element):
        name, value = _local(child), _value(child)
        if name not in values:
            values[name] = value
            continue
        present = values[name]
        values[name] = [*present, value] if isinstance(present, list) else [present, value]
    return values or (element.text or "").strip()
