"""Shapes of DLMS data: strict readers that take a whole datum apart and refuse anything but the kind expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .. import datum as d
from ..datum import Datum
from ..dlms import obis_octets
from .meaning import Plain, show
from .result import Unshaped

Shape: TypeAlias = Callable[[Datum], Plain]


def _name(datum: object) -> str:
    value = getattr(datum, "value", getattr(datum, "bits", ""))
    return f"{type(datum).__name__} {show(value)}".strip()


def number(kind: type[d.Number]) -> Shape:
    """A number of one type."""

    def read(datum: Datum) -> Plain:
        if type(datum) is not kind:
            raise Unshaped(kind.__name__, _name(datum))
        return datum.value

    return read


def flag(datum: Datum) -> Plain:
    """boolean."""
    if not isinstance(datum, d.Boolean):
        raise Unshaped("Boolean", _name(datum))
    return datum.value


def octets(convert: Callable[[bytes], Plain] = bytes) -> Shape:
    """octet-string."""

    def read(datum: Datum) -> Plain:
        if not isinstance(datum, d.OctetString):
            raise Unshaped("OctetString", _name(datum))
        return convert(datum.value)

    return read


def visible(datum: Datum) -> Plain:
    """visible-string."""
    if not isinstance(datum, d.VisibleString):
        raise Unshaped("VisibleString", _name(datum))
    return datum.value


def text_of(value: bytes) -> Plain:
    """Octets that are text."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Unshaped("text", value) from None


def bits(datum: Datum) -> Plain:
    """bit-string."""
    if not isinstance(datum, d.BitString):
        raise Unshaped("BitString", _name(datum))
    return datum.bits


def constant(wanted: Datum) -> Shape:
    """A datum that is always the same."""

    def read(datum: Datum) -> Plain:
        if datum != wanted:
            raise Unshaped(f"always {_name(wanted)}", _name(datum))
        return None

    return read


def structure(*members: tuple[str, Shape] | Datum) -> Shape:
    """A structure of named members and constants; constants are checked and left out."""
    count = len(members)
    named = [one if isinstance(one, tuple) else ("", constant(one)) for one in members]

    def read(datum: Datum) -> Plain:
        if not isinstance(datum, d.Structure) or len(datum.elements) != count:
            raise Unshaped(f"a structure of {count}", _name(datum))
        found = [(name, shape(element)) for (name, shape), element in zip(named, datum.elements, strict=True)]
        return {name: value for name, value in found if name}

    return read


def array(element: Shape) -> Shape:
    """An array of like elements."""

    def read(datum: Datum) -> Plain:
        if not isinstance(datum, d.Array):
            raise Unshaped("an array", _name(datum))
        return tuple([element(one) for one in datum.elements])

    return read


def mapped(shape: Shape, convert: Callable[[Plain], Plain]) -> Shape:
    """What another shape read, converted."""
    return lambda datum: convert(shape(datum))


def obis(text: str) -> Datum:
    """The constant octet-string of an OBIS code."""
    return d.OctetString(obis_octets(text))


U8 = number(d.Unsigned)
U16 = number(d.LongUnsigned)
U32 = number(d.DoubleLongUnsigned)
I8 = number(d.Integer)
I16 = number(d.Long)
I32 = number(d.DoubleLong)
