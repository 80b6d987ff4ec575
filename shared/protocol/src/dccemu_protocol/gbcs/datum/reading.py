"""Reading DLMS data: whatever ``writing`` would not have written is refused, so that reading loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from ..errors import BAD_TAG, BAD_VALUE, TOO_DEEP, GbcsError
from ..octets import Cursor
from .values import (
    FALSE,
    NULL,
    NUMBERS,
    SIMPLE_TYPES,
    TRUE,
    Array,
    ArrayType,
    BitString,
    CompactArray,
    Datum,
    OctetString,
    SimpleType,
    Structure,
    StructureType,
    TypeDescription,
    Utf8String,
    VisibleString,
)

MAX_DEPTH = 16
_REMEMBERED = 4096
"""Numbers of each type that are kept rather than made again."""


def decode(data: bytes) -> Datum:
    """Read one datum that is the whole of ``data``."""
    cursor = Cursor(data)
    datum = read(cursor)
    cursor.finish("the datum")
    return datum


def read(cursor: Cursor, depth: int = 0) -> Datum:
    """Read one datum from the front of a cursor."""
    return read_some(cursor, 1, depth)[0]


def read_some(cursor: Cursor, count: int, depth: int = 0) -> list[Datum]:
    """Read ``count`` data from the front of a cursor."""
    data, end = cursor.data, cursor.end
    found: list[Datum] = []
    for _ in range(count):
        at = cursor.at
        reader = _READ.get(data[at] if at < end else cursor.peek())
        if reader is None:
            raise GbcsError(BAD_TAG, f"{data[at]:02x} is not a DLMS data type in use", at)
        cursor.at = at + 1
        found.append(reader(cursor, depth))
    return found


_Reader: TypeAlias = Callable[[Cursor, int], "Datum"]


def _read_null(cursor: Cursor, depth: int) -> Datum:
    return NULL


def _elements_reader(kind: Callable[[tuple[Datum, ...]], Datum]) -> _Reader:
    def read_elements(cursor: Cursor, depth: int) -> Datum:
        if depth >= MAX_DEPTH:
            raise GbcsError(TOO_DEEP, f"data are nested deeper than {MAX_DEPTH}", cursor.at)
        count = cursor.length()
        if count > cursor.end - cursor.at:
            cursor.need(count)
        return kind(tuple(read_some(cursor, count, depth + 1)))

    return read_elements


def _read_boolean(cursor: Cursor, depth: int) -> Datum:
    at = cursor.at
    octet = cursor.u8()
    if octet == 0xFF:
        return TRUE
    if octet:
        raise GbcsError(BAD_VALUE, f"{octet:02x} is not a boolean (00 or ff)", at)
    return FALSE


def _read_bits(cursor: Cursor, depth: int) -> Datum:
    count = cursor.length()
    if not count:
        return BitString("")
    at = cursor.at
    width = (count + 7) // 8
    number = cursor.unsigned(width)
    padding = 8 * width - count
    if number & ((1 << padding) - 1):
        raise GbcsError(BAD_VALUE, "padding bits of a bit-string are set", at + width - 1)
    return BitString(f"{number >> padding:0{count}b}")


def _read_octets(cursor: Cursor, depth: int) -> Datum:
    return OctetString(cursor.counted())


def _text_reader(kind: Callable[[str], Datum], encoding: str) -> _Reader:
    def read_text(cursor: Cursor, depth: int) -> Datum:
        length = cursor.length()
        at = cursor.at
        try:
            return kind(cursor.take(length).decode(encoding))
        except UnicodeDecodeError as error:
            raise GbcsError(BAD_VALUE, f"text is not {encoding}", at + error.start) from error

    return read_text


def _number_reader(kind: Callable[[int], Datum], width: int, signed: bool) -> _Reader:
    @lru_cache(maxsize=_REMEMBERED)
    def value_of(octets: bytes) -> Datum:
        return kind(int.from_bytes(octets, "big", signed=signed))

    def read_number(cursor: Cursor, depth: int) -> Datum:
        return value_of(cursor.take(width))

    return read_number


def _read_compact(cursor: Cursor, depth: int) -> Datum:
    if depth >= MAX_DEPTH:
        raise GbcsError(TOO_DEEP, f"data are nested deeper than {MAX_DEPTH}", cursor.at)
    row_type = _read_type(cursor, depth)
    part = cursor.part(cursor.length())
    rows = []
    while part.left:
        rows.append(_read_row(part, row_type))
    return CompactArray(row_type, tuple(rows))


def _read_type(cursor: Cursor, depth: int) -> TypeDescription:
    """A type description; every type has a width, so that rows cannot outnumber octets."""
    at = cursor.at
    if depth > MAX_DEPTH:
        raise GbcsError(TOO_DEEP, f"types are nested deeper than {MAX_DEPTH}", at)
    tag = cursor.u8()
    if tag in SIMPLE_TYPES:
        return SIMPLE_TYPES[tag]
    if tag not in (0x01, 0x02):
        raise GbcsError(BAD_TAG, f"{tag:02x} is not a type a compact-array holds", at)
    count = cursor.length() if tag == 0x02 else cursor.unsigned(2)
    if not count:
        raise GbcsError(BAD_VALUE, "an empty type gives rows without octets", at)
    if tag == 0x01:
        return ArrayType(count, _read_type(cursor, depth + 1))
    if count > cursor.left:
        cursor.need(count)
    return StructureType(tuple([_read_type(cursor, depth + 1) for _ in range(count)]))


def _read_row(cursor: Cursor, row_type: TypeDescription) -> Datum:
    match row_type:
        case SimpleType(tag):
            return _READ[tag](cursor, 0)
        case StructureType(elements):
            return Structure(tuple([_read_row(cursor, element) for element in elements]))
        case ArrayType(count, element):
            return Array(tuple([_read_row(cursor, element) for _ in range(count)]))


_READ: dict[int, _Reader] = {
    0x00: _read_null,
    0x01: _elements_reader(Array),
    0x02: _elements_reader(Structure),
    0x03: _read_boolean,
    0x04: _read_bits,
    0x09: _read_octets,
    0x0A: _text_reader(VisibleString, "ascii"),
    0x0C: _text_reader(Utf8String, "utf-8"),
    0x13: _read_compact,
} | {kind.TAG: _number_reader(kind, width, signed) for kind, (width, signed) in NUMBERS.items()}
