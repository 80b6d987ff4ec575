"""Reading DUIS body elements: children, numbers, texts; every refusal names the element's path."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from ...duis.document import Element
from ...duis.names import SR, local_name
from . import rules
from .rules import TransformError

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})\Z")
_WHITE_SPACE = " \t\r\n"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[str, ...]:
    """The qualified names of a path of local names (``ReadLogPeriod/StartDateTime``); empty for the element itself."""
    return tuple(f"{{{SR}}}{step}" for step in path.split("/")) if path else ()


def place(element: Element, below: str = "") -> str:
    """The path of local names from the root, with the position among like-named siblings where there are several."""
    parts: list[str] = []
    node: Element | None = element
    while node is not None:
        name = local_name(node.tag)
        parent = node.getparent()
        if parent is not None:
            alike = list(parent.iterchildren(node.tag))
            if len(alike) > 1:
                name = f"{name}[{alike.index(node) + 1}]"
        parts.append(name)
        node = parent
    path = "/" + "/".join(reversed(parts))
    return f"{path}/{below}" if below else path


def find(element: Element, path: Sequence[str]) -> Element | None:
    """The first element at a path of qualified names, or ``None``."""
    node: Element | None = element
    for tag in path:
        if node is None:
            return None
        node = next(node.iterchildren(tag), None)
    return node


def at(element: Element, path: str) -> Element:
    """The element at a path of local names, or ``TRANSFORM_ELEMENT_MISSING``."""
    found = find(element, steps(path))
    if found is None:
        raise TransformError(rules.ELEMENT_MISSING, f"{path} is missing", place(element, path))
    return found


def has(element: Element, path: str) -> bool:
    """Whether there is an element at the path."""
    return find(element, steps(path)) is not None


def children(element: Element, path: str) -> list[Element]:
    """Every element of the last name of the path under the first one of the names before it; of none, the element."""
    if not path:
        return [element]
    *before, last = steps(path)
    parent = find(element, before)
    return [] if parent is None else list(parent.iterchildren(last))


def text(element: Element) -> str:
    """The element's text without white space around it."""
    return (element.text or "").strip(_WHITE_SPACE)


def integer(element: Element) -> int:
    """The element's text as an integer."""
    found = (element.text or "").strip(_WHITE_SPACE)
    if _INTEGER.match(found) is None:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{found[:40]!r} is not an integer", place(element))
    return int(found)


def ranged(element: Element, low: int, high: int) -> int:
    """An integer within bounds, or ``TRANSFORM_VALUE_OUT_OF_RANGE``."""
    value = integer(element)
    if not low <= value <= high:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{value} is not within {low} to {high}", place(element))
    return value


def boolean(element: Element) -> bool:
    """The element's text as an xs:boolean."""
    found = _BOOLEANS.get(text(element))
    if found is None:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{text(element)[:40]!r} is not a boolean", place(element))
    return found


def scaled(element: Element, factor: int) -> int:
    """A decimal times a factor, which has to give a whole number."""
    found = text(element)
    try:
        if _DECIMAL.match(found) is None:
            raise InvalidOperation
        value = Decimal(found) * factor
    except InvalidOperation:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{found[:40]!r} is not a number", place(element)) from None
    if value != value.to_integral_value():
        raise TransformError(
            rules.VALUE_OUT_OF_RANGE, f"{found} has more decimals than a factor of {factor} holds", place(element)
        )
    return int(value)


def attribute(element: Element, name: str, low: int, high: int) -> int:
    """An integer attribute within bounds."""
    found = (element.get(name) or "").strip(_WHITE_SPACE)
    if _INTEGER.match(found) is None or not low <= int(found) <= high:
        raise TransformError(
            rules.VALUE_OUT_OF_RANGE, f"{found[:40]!r} is not within {low} to {high}", place(element, f"@{name}")
        )
    return int(found)


def binary(element: Element) -> bytes:
    """The element's base64 text as octets."""
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise TransformError(rules.BODY_CERTIFICATE, "the text is not base64", place(element)) from None


def hexadecimal(element: Element) -> bytes:
    """The element's xs:hexBinary text as octets."""
    found = text(element)
    try:
        if not found.isalnum():
            raise ValueError
        return bytes.fromhex(found)
    except ValueError:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{found[:40]!r} is not hexadecimal", place(element)) from None


def ascii_octets(element: Element) -> bytes:
    """An element's text, white space kept, as ASCII."""
    found = element.text or ""
    if not found.isascii():
        raise TransformError(rules.TEXT_NOT_ENCODABLE, f"{found[:40]!r} is not ASCII", place(element))
    return found.encode("ascii")


def eui_octets(element: Element) -> bytes:
    """The eight octets of an EUI-64."""
    found = text(element)
    try:
        octets = bytes.fromhex(found.replace("-", ""))
    except ValueError:
        octets = b""
    if len(octets) != 8:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{found[:40]!r} is not an EUI-64", place(element))
    return octets
