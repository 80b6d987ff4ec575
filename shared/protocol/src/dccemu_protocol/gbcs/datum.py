"""DLMS data types: frozen values and their octets (gbcs.md section 6.3).

Every type the use cases hold has one class. ``encode`` and ``decode`` are a pair; ``decode`` refuses whatever
``encode`` would not have written (booleans other than 00 and FF, padding bits that are set, lengths that are not the
shortest), so that reading never loses anything. A compact-array names its row type once and then holds rows without
tags; rows are shown as the data they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, TypeAlias

from .errors import BAD_TAG, BAD_VALUE, OUT_OF_RANGE, TOO_DEEP, GbcsError
from .octets import Cursor, encode_length

MAX_DEPTH = 16
_REMEMBERED = 4096
"""Numbers of each type that are kept rather than made again."""


@dataclass(frozen=True, slots=True)
class Null:
    """null-data."""

    TAG: ClassVar[int] = 0x00


@dataclass(frozen=True, slots=True)
class Array:
    """array: elements, each with its tag."""

    TAG: ClassVar[int] = 0x01
    elements: tuple[Datum, ...]
    octets: bytes | None = field(default=None, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Structure:
    """structure: elements, each with its tag."""

    TAG: ClassVar[int] = 0x02
    elements: tuple[Datum, ...]
    octets: bytes | None = field(default=None, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """boolean: 00 or FF."""

    TAG: ClassVar[int] = 0x03
    value: bool


@dataclass(frozen=True, slots=True)
class BitString:
    """bit-string: text of 0 and 1, the first being the most significant bit of the first octet."""

    TAG: ClassVar[int] = 0x04
    bits: str


@dataclass(frozen=True, slots=True)
class DoubleLong:
    """double-long: 32 bits signed."""

    TAG: ClassVar[int] = 0x05
    value: int


@dataclass(frozen=True, slots=True)
class DoubleLongUnsigned:
    """double-long-unsigned: 32 bits."""

    TAG: ClassVar[int] = 0x06
    value: int


@dataclass(frozen=True, slots=True)
class OctetString:
    """octet-string."""

    TAG: ClassVar[int] = 0x09
    value: bytes


@dataclass(frozen=True, slots=True)
class VisibleString:
    """visible-string: ASCII."""

    TAG: ClassVar[int] = 0x0A
    value: str


@dataclass(frozen=True, slots=True)
class Utf8String:
    """utf8-string."""

    TAG: ClassVar[int] = 0x0C
    value: str


@dataclass(frozen=True, slots=True)
class Integer:
    """integer: 8 bits signed."""

    TAG: ClassVar[int] = 0x0F
    value: int


@dataclass(frozen=True, slots=True)
class Long:
    """long: 16 bits signed."""

    TAG: ClassVar[int] = 0x10
    value: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """unsigned: 8 bits."""

    TAG: ClassVar[int] = 0x11
    value: int


@dataclass(frozen=True, slots=True)
class LongUnsigned:
    """long-unsigned: 16 bits."""

    TAG: ClassVar[int] = 0x12
    value: int


@dataclass(frozen=True, slots=True)
class Enum:
    """enum: 8 bits."""

    TAG: ClassVar[int] = 0x16
    value: int


@dataclass(frozen=True, slots=True)
class SimpleType:
    """A type with a tag alone, in the type description of a compact-array."""

    tag: int


@dataclass(frozen=True, slots=True)
class StructureType:
    """A structure in a type description."""

    elements: tuple[TypeDescription, ...]


@dataclass(frozen=True, slots=True)
class ArrayType:
    """An array of fixed size in a type description."""

    count: int
    element: TypeDescription


@dataclass(frozen=True, slots=True)
class CompactArray:
    """compact-array: the type of a row, and the rows."""

    TAG: ClassVar[int] = 0x13
    row_type: TypeDescription
    rows: tuple[Datum, ...]


TypeDescription: TypeAlias = SimpleType | StructureType | ArrayType
Number: TypeAlias = DoubleLong | DoubleLongUnsigned | Integer | Long | Unsigned | LongUnsigned | Enum
Datum: TypeAlias = (
    Null | Array | Structure | Boolean | BitString | OctetString | VisibleString | Utf8String | CompactArray | Number
)

NULL = Null()
TRUE = Boolean(True)
FALSE = Boolean(False)

_NUMBERS: dict[type[Number], tuple[int, bool]] = {
    DoubleLong: (4, True),
    DoubleLongUnsigned: (4, False),
    Integer: (1, True),
    Long: (2, True),
    Unsigned: (1, False),
    LongUnsigned: (2, False),
    Enum: (1, False),
}


def encode(datum: Datum) -> bytes:
    """The octets of a datum, its tag first."""
    out = bytearray()
    _WRITE[type(datum)](out, datum, True)
    return bytes(out)


def settled(datum: Datum) -> Datum:
    """The same datum, which remembers its octets: for one that is written again and again."""
    if isinstance(datum, (Array, Structure)) and datum.octets is None:
        object.__setattr__(datum, "octets", encode(datum))
    return datum


def encode_into(out: bytearray, datum: Datum) -> None:
    """Append the octets of a datum."""
    _WRITE[type(datum)](out, datum, True)


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


# -- writing ---------------------------------------------------------------------------------------------------------

_Writer: TypeAlias = Callable[[bytearray, "Datum", bool], None]


def _write_null(out: bytearray, datum: Datum, tagged: bool) -> None:
    out.append(0)


def _write_elements(out: bytearray, datum: Datum, tagged: bool) -> None:
    octets: bytes | None = datum.octets  # type: ignore[union-attr]
    if octets is not None:
        out += octets
        return
    elements: tuple[Datum, ...] = datum.elements  # type: ignore[union-attr]
    count = len(elements)
    out.append(datum.TAG)
    if count < 0x80:
        out.append(count)
    else:
        out += encode_length(count)
    for element in elements:
        _WRITE[type(element)](out, element, True)


def _write_boolean(out: bytearray, datum: Datum, tagged: bool) -> None:
    assert isinstance(datum, Boolean)
    if tagged:
        out.append(0x03)
    out.append(0xFF if datum.value else 0)


def _write_bits(out: bytearray, datum: Datum, tagged: bool) -> None:
    assert isinstance(datum, BitString)
    bits = datum.bits
    if tagged:
        out.append(0x04)
    out += encode_length(len(bits))
    if bits:
        if bits.strip("01"):
            raise GbcsError(BAD_VALUE, f"{bits[:40]!r} is not a text of 0 and 1")
        width = (len(bits) + 7) // 8
        out += (int(bits, 2) << (8 * width - len(bits))).to_bytes(width, "big")


def _write_octets(out: bytearray, datum: Datum, tagged: bool) -> None:
    value: bytes = datum.value  # type: ignore[union-attr, assignment]
    if tagged:
        out.append(0x09)
    out += encode_length(len(value))
    out += value


def _write_text(out: bytearray, datum: Datum, tagged: bool) -> None:
    assert isinstance(datum, VisibleString | Utf8String)
    try:
        octets = datum.value.encode("ascii" if type(datum) is VisibleString else "utf-8")
    except UnicodeEncodeError as error:
        raise GbcsError(BAD_VALUE, f"{datum.value[:40]!r} has characters the type cannot hold") from error
    if tagged:
        out.append(datum.TAG)
    out += encode_length(len(octets))
    out += octets


def _number_writer(tag: int, width: int, signed: bool) -> _Writer:
    def write(out: bytearray, datum: Datum, tagged: bool) -> None:
        value: int = datum.value  # type: ignore[union-attr, assignment]
        if tagged:
            out.append(tag)
        try:
            out += value.to_bytes(width, "big", signed=signed)
        except OverflowError:
            raise GbcsError(OUT_OF_RANGE, f"{value} does not fit {type(datum).__name__}") from None

    return write


def _write_compact(out: bytearray, datum: Datum, tagged: bool) -> None:
    assert isinstance(datum, CompactArray)
    out.append(0x13)
    _write_type(out, datum.row_type)
    rows = bytearray()
    for row in datum.rows:
        _write_row(rows, datum.row_type, row)
    out += encode_length(len(rows))
    out += rows


def _write_type(out: bytearray, row_type: TypeDescription) -> None:
    match row_type:
        case SimpleType(tag):
            if tag not in _SIMPLE:
                raise GbcsError(BAD_TAG, f"{tag:02x} is not a type a compact-array holds")
            out.append(tag)
        case StructureType(()) | ArrayType(0, _):
            raise GbcsError(BAD_VALUE, "an empty type gives rows without octets")
        case StructureType(elements):
            out.append(0x02)
            out += encode_length(len(elements))
            for element in elements:
                _write_type(out, element)
        case ArrayType(count, element):
            out.append(0x01)
            out += count.to_bytes(2, "big")
            _write_type(out, element)


def _write_row(out: bytearray, row_type: TypeDescription, row: Datum) -> None:
    match row_type, row:
        case SimpleType(tag), _ if tag == row.TAG:
            _WRITE[type(row)](out, row, False)
        case StructureType(types), Structure(elements) if len(types) == len(elements):
            for element_type, element in zip(types, elements, strict=True):
                _write_row(out, element_type, element)
        case ArrayType(count, element_type), Array(elements) if count == len(elements):
            for element in elements:
                _write_row(out, element_type, element)
        case _:
            raise GbcsError(BAD_VALUE, f"a compact-array row of {row_type} is not {type(row).__name__}")


_WRITE: dict[type, _Writer] = {
    Null: _write_null,
    Array: _write_elements,
    Structure: _write_elements,
    Boolean: _write_boolean,
    BitString: _write_bits,
    OctetString: _write_octets,
    VisibleString: _write_text,
    Utf8String: _write_text,
    CompactArray: _write_compact,
} | {kind: _number_writer(kind.TAG, width, signed) for kind, (width, signed) in _NUMBERS.items()}


# -- reading ---------------------------------------------------------------------------------------------------------

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
    if tag in _SIMPLE:
        return _SIMPLE[tag]
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
} | {kind.TAG: _number_reader(kind, width, signed) for kind, (width, signed) in _NUMBERS.items()}
_SIMPLE = {tag: SimpleType(tag) for tag in _READ if tag not in (0x00, 0x01, 0x02, 0x13)}


def structure(*elements: Datum) -> Structure:
    """A structure of the given elements."""
    return Structure(elements)


def array(elements: Sequence[Datum] = ()) -> Array:
    """An array of the given elements."""
    return Array(tuple(elements))
