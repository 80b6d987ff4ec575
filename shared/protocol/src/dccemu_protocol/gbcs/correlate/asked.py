"""Reading a request's body for its meaning, keeping account of every element and attribute that was read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from ...duis import DuisRequest
from ...duis.document import Element
from ...duis.times import read_date_time
from ...errors import ProtocolError
from ...identifiers import Eui64
from .meaning import Said
from .result import REQUEST_UNREADABLE, CorrelationError, Difference, Known, Unlike

REQUEST_ID = "/Request/Header/RequestID"
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_MOST = 48
_T = TypeVar("_T")


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def integer(text: str) -> int:
    """xs:integer and what derives from it."""
    if _INTEGER.match(text) is None:
        raise ValueError("an integer")
    return int(text)


def _small(text: str) -> int:
    number = integer(text)
    if not 1 <= number <= _MOST:
        raise ValueError(f"a number from 1 to {_MOST}")
    return number


def boolean(text: str) -> bool:
    """xs:boolean."""
    if text not in _BOOLEANS:
        raise ValueError("a boolean")
    return _BOOLEANS[text]


def octets_of_hex(text: str) -> bytes:
    """xs:hexBinary."""
    if _HEX.match(text) is None:
        raise ValueError("hexadecimal digits")
    return bytes.fromhex(text)


def octets_of_base64(text: str) -> bytes:
    """xs:base64Binary."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError("base64") from None


def eui(text: str) -> bytes:
    """EUI-64 as eight octets."""
    try:
        return Eui64.parse(text).octets
    except ProtocolError:
        raise ValueError("an EUI-64") from None


def decimal(text: str) -> Decimal:
    """xs:decimal."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("a decimal") from None
    if not value.is_finite():
        raise ValueError("a decimal")
    return value


def instant(text: str) -> datetime:
    """xs:dateTime to the second, UTC."""
    try:
        return read_date_time(text).astimezone(UTC).replace(microsecond=0)
    except ProtocolError:
        raise ValueError("a date and time") from None


class Accounts:
    """Every leaf of a body, and which were read."""

    def __init__(self, request: DuisRequest, known: Known) -> None:
        self.request = request
        self.known = known
        self.places: dict[Element, str] = {}
        self.named: dict[Element, dict[str, list[Element]]] = {}
        self.read: set[Element] = set()
        self.read_attributes: set[tuple[Element, str]] = set()
        self._walk(request.body, f"/Request/Body/{_local(request.body)}")

    def _walk(self, element: Element, place: str) -> None:
        self.places[element] = place
        named: dict[str, list[Element]] = {}
        for child in element:
            if isinstance(child.tag, str):
                named.setdefault(_local(child), []).append(child)
        self.named[element] = named
        for name, children in named.items():
            for number, child in enumerate(children, 1):
                self._walk(child, f"{place}/{name}[{number}]" if len(children) > 1 else f"{place}/{name}")

    def unread(self) -> list[str]:
        """Places of the leaves and attributes that nothing has read, those of one parent by name."""
        found = []
        for element, place in self.places.items():
            for name in element.attrib:
                label = name if isinstance(name, str) else name.decode()
                if not label.startswith("{") and (element, label) not in self.read_attributes:
                    found.append(f"{place}/@{label}")
            if not self.named[element] and element not in self.read:
                found.append(place)
        return found


class Asked:
    """An element of the body; whatever is asked of it counts as read."""

    def __init__(self, accounts: Accounts, element: Element) -> None:
        self.accounts = accounts
        self.element = element
        accounts.read.add(element)

    @property
    def place(self) -> str:
        """The element's path."""
        return self.accounts.places[self.element]

    @property
    def body(self) -> Asked:
        """The body element."""
        return Asked(self.accounts, self.accounts.request.body)

    @property
    def known(self) -> Known:
        """What else the User knows."""
        return self.accounts.known

    def maybe(self, path: str) -> Asked | None:
        """The first element at a path of local names, if there is one; no path is this element."""
        element = self.element
        for step in path.split("/") if path else ():
            children = self.accounts.named[element].get(step)
            if children is None:
                return None
            element = children[0]
            self.accounts.read.add(element)
        return Asked(self.accounts, element)

    def part(self, path: str) -> Asked:
        """The element at a path; that it is not there is a difference: the use case speaks of it."""
        found = self.maybe(path)
        if found is None:
            raise Unlike(Difference(f"{self.place}/{path}", "use case", "the element it is made from", "nothing"))
        return found

    def has(self, path: str) -> bool:
        """Whether there is an element at a path."""
        return self.maybe(path) is not None

    def each(self, path: str) -> list[Asked]:
        """All elements of the last name of a path."""
        before, _, last = path.rpartition("/")
        parent = self.part(before)
        return [Asked(self.accounts, one) for one in self.accounts.named[parent.element].get(last, [])]

    def children(self) -> list[Asked]:
        """All child elements, by name."""
        return [Asked(self.accounts, one) for named in self.accounts.named[self.element].values() for one in named]

    @property
    def name(self) -> str:
        """The element's local name."""
        return _local(self.element)

    def value(self, convert: Callable[[str], _T], path: str = "") -> _T:
        """The converted text of the element at a path; of a text the white space counts."""
        found = self.part(path)
        text = found.element.text or ""
        is_text = convert is str
        return _converted(convert, text if is_text else text.strip(" \t\r\n"), found.place)

    def said(self, path: str, convert: Callable[[str], object] = integer) -> Said:
        """The converted text and its place."""
        return Said(self.value(convert, path), self.part(path).place)

    def attribute(self, name: str) -> int:
        """An attribute that is a small number."""
        self.accounts.read_attributes.add((self.element, name))
        return _converted(_small, (self.element.get(name) or "").strip(" \t\r\n"), f"{self.place}/@{name}")

    def by(self, path: str, name: str = "index") -> dict[int, Asked]:
        """Elements by an integer attribute that tells them apart."""
        found: dict[int, Asked] = {}
        for one in self.each(path):
            number = one.attribute(name)
            if number in found:
                raise Unlike(Difference(f"{one.place}/@{name}", "", "another number", f"{number} a second time"))
            found[number] = one
        return found


def _converted(convert: Callable[[str], _T], text: str, place: str) -> _T:
    try:
        return convert(text)
    except ValueError as error:
        raise CorrelationError(REQUEST_UNREADABLE, f"{text[:40]!r} is not {error}", place=place) from None
