"""Writing DLMS data: the octets of a value, its tag first; in the rows of a compact-array without tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..errors import BAD_TAG, BAD_VALUE, OUT_OF_RANGE, GbcsError
from ..octets import encode_length
from .values import (
    NUMBERS,
    SIMPLE_TYPES,
    Array,
    ArrayType,
    BitString,
    Boolean,
    CompactArray,
    Datum,
    Null,
    OctetString,
    SimpleType,
    Structure,
    StructureType,
    TypeDescription,
    Utf8String,
    VisibleString,
)


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
            if tag not in SIMPLE_TYPES:
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
} | {kind: _number_writer(kind.TAG, width, signed) for kind, (width, signed) in NUMBERS.items()}
