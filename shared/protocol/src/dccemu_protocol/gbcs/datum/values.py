"""The values of DLMS data: one frozen class for each type that the use cases hold (gbcs.md section 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias


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

#: Octets of each number, and whether it has a sign.
NUMBERS: dict[type[Number], tuple[int, bool]] = {
    DoubleLong: (4, True),
    DoubleLongUnsigned: (4, False),
    Integer: (1, True),
    Long: (2, True),
    Unsigned: (1, False),
    LongUnsigned: (2, False),
    Enum: (1, False),
}


#: What the row of a compact-array is made of, by tag.
SIMPLE_TYPES = {
    kind.TAG: SimpleType(kind.TAG) for kind in (Boolean, BitString, OctetString, VisibleString, Utf8String, *NUMBERS)
}


def structure(*elements: Datum) -> Structure:
    """A structure of the given elements."""
    return Structure(elements)


def array(elements: Sequence[Datum] = ()) -> Array:
    """An array of the given elements."""
    return Array(tuple(elements))
