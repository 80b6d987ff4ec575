"""DLMS data types: frozen values and their octets (gbcs.md section 6.3).

Every type the use cases hold has one class. ``encode`` and ``decode`` are a pair; ``decode`` refuses whatever
``encode`` would not have written (booleans other than 00 and FF, padding bits that are set, lengths that are not the
shortest), so that reading never loses anything. A compact-array names its row type once and then holds rows without
tags; rows are shown as the data they stand for.
"""

from __future__ import annotations

from .reading import MAX_DEPTH, decode, read, read_some
from .values import (
    FALSE,
    NULL,
    TRUE,
    Array,
    ArrayType,
    BitString,
    Boolean,
    CompactArray,
    Datum,
    DoubleLong,
    DoubleLongUnsigned,
    Enum,
    Integer,
    Long,
    LongUnsigned,
    Null,
    Number,
    OctetString,
    SimpleType,
    Structure,
    StructureType,
    TypeDescription,
    Unsigned,
    Utf8String,
    VisibleString,
    array,
    structure,
)
from .writing import encode, encode_into, settled

__all__ = [
    "FALSE",
    "MAX_DEPTH",
    "NULL",
    "TRUE",
    "Array",
    "ArrayType",
    "BitString",
    "Boolean",
    "CompactArray",
    "Datum",
    "DoubleLong",
    "DoubleLongUnsigned",
    "Enum",
    "Integer",
    "Long",
    "LongUnsigned",
    "Null",
    "Number",
    "OctetString",
    "SimpleType",
    "Structure",
    "StructureType",
    "TypeDescription",
    "Unsigned",
    "Utf8String",
    "VisibleString",
    "array",
    "decode",
    "encode",
    "encode_into",
    "read",
    "read_some",
    "settled",
    "structure",
]
