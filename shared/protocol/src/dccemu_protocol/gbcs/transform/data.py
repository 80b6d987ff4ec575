"""DLMS data out of a DUIS body: the use-case data's datum expressions, compiled.

A datum expression is an object with one member, named after the DLMS data type (gbcs.md section 6.3)::

    {"long-unsigned": 51}                       constant
    {"long-unsigned": "JoinTimePeriod"}         value source, bounds of the type enforced
    {"octet-string": {"text": "SupplierName"}}
    {"structure": [datum, ...]}  {"array": [datum, ...]}
    {"array": {"each": "path/of/elements", "of": datum}}          with "distinct": no two with the same attribute

or after a constructor that a family registers in ``CONSTRUCTORS`` (``price matrix``, ``alert behaviour`` ...).
Expressions without value sources are built once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ...duis.document import Element
from .. import datum as d
from ..datum import Datum
from ..octets import encode_length
from .elements import at, children
from .job import Job
from .lists import BIT_SOURCES, distinct
from .values import (
    CatalogueError,
    Integers,
    Json,
    Source,
    integer_source,
    list_argument,
    object_argument,
    octet_source,
    single,
    text_argument,
)

Data: TypeAlias = Source[Datum]
Piece: TypeAlias = bytes | Source[bytes]
CONSTRUCTORS: dict[str, Callable[[Json], Data]] = {}
NULL: Final[Json] = {"null-data": None}
_OCTETS_TAG: Final = b"\x09"
_LISTS: Final = {"structure": d.Structure.TAG, "array": d.Array.TAG}

_NUMBERS: Final[dict[str, tuple[Callable[[int], Datum], int, int]]] = {
    "unsigned": (d.Unsigned, 0, 0xFF),
    "long-unsigned": (d.LongUnsigned, 0, 0xFFFF),
    "double-long-unsigned": (d.DoubleLongUnsigned, 0, 0xFFFFFFFF),
    "integer": (d.Integer, -0x80, 0x7F),
    "long": (d.Long, -0x8000, 0x7FFF),
    "double-long": (d.DoubleLong, -0x80000000, 0x7FFFFFFF),
    "enum": (d.Enum, 0, 0xFF),
}


def datum_source(spec: Json) -> Data:
    """Compile a datum expression."""
    constant = constant_datum(spec)
    if constant is not None:
        shared = d.settled(constant)
        return lambda job, element, number: shared
    kind, argument = single(spec)
    if kind in _NUMBERS:
        return _number(kind, argument)
    compiler = _COMPILERS.get(kind) or CONSTRUCTORS.get(kind)
    if compiler is None:
        raise CatalogueError(f"{kind!r} is neither a DLMS data type nor a constructor")
    return compiler(argument)


def datum_pieces(spec: Json) -> tuple[Piece, ...]:
    """Compile a datum expression to what is written one after the other: octets, or where they come from."""
    constant = constant_datum(spec)
    if constant is not None:
        return (d.encode(constant),)
    kind, argument = single(spec)
    if kind == "octet-string":
        return (_written_octets(octet_source(argument)),)
    if kind not in _LISTS or not isinstance(argument, list):
        return (_written(datum_source(spec)),)
    pieces: list[Piece] = [bytes((_LISTS[kind],)) + encode_length(len(argument))]
    for piece in (one for element in argument for one in datum_pieces(element)):
        last = pieces[-1]
        if isinstance(last, bytes) and isinstance(piece, bytes):
            pieces[-1] = last + piece
        else:
            pieces.append(piece)
    return tuple(pieces)


def _written(source: Data) -> Source[bytes]:
    return lambda job, element, number: d.encode(source(job, element, number))


def _written_octets(source: Source[bytes]) -> Source[bytes]:
    def write(job: Job, element: Element, number: int) -> bytes:
        octets = source(job, element, number)
        return _OCTETS_TAG + encode_length(len(octets)) + octets

    return write


def constant_datum(spec: Json) -> Datum | None:
    """The datum of an expression that has no value source, else ``None``."""
    kind, argument = single(spec)
    if kind == "null-data":
        return d.NULL
    if kind in _NUMBERS and isinstance(argument, int):
        make, low, high = _NUMBERS[kind]
        if not low <= argument <= high:
            raise CatalogueError(f"{argument} is not a {kind}")
        return make(argument)
    if kind == "boolean" and isinstance(argument, bool):
        return d.TRUE if argument else d.FALSE
    if kind == "octet-string" and isinstance(argument, str):
        return d.OctetString(bytes.fromhex(argument))
    if kind == "bit-string" and isinstance(argument, str):
        return d.BitString(argument)
    if kind in ("structure", "array") and isinstance(argument, list):
        elements = [constant_datum(element) for element in argument]
        constants = tuple(element for element in elements if element is not None)
        if len(constants) == len(elements):
            return d.Structure(constants) if kind == "structure" else d.Array(constants)
    return None


def _number(kind: str, argument: Json) -> Data:
    make, low, high = _NUMBERS[kind]
    source: Integers = integer_source(argument, low, high)
    return lambda job, element, number: make(source(job, element, number))


def _boolean(argument: Json) -> Data:
    source = integer_source(argument, 0, 1)
    return lambda job, element, number: d.TRUE if source(job, element, number) else d.FALSE


def _octets(argument: Json) -> Data:
    source = octet_source(argument)
    return lambda job, element, number: d.OctetString(source(job, element, number))


def _visible(argument: Json) -> Data:
    source = octet_source(argument)
    return lambda job, element, number: d.VisibleString(source(job, element, number).decode("ascii"))


def _bits(argument: Json) -> Data:
    name, inner = single(argument)
    if name not in BIT_SOURCES:
        raise CatalogueError(f"there is no bit source {name!r}")
    source = BIT_SOURCES[name](inner)
    return lambda job, element, number: d.BitString(source(job, element, number))


def _structure(argument: Json) -> Data:
    sources = [datum_source(element) for element in list_argument(argument)]
    return lambda job, element, number: d.Structure(tuple([one(job, element, number) for one in sources]))


def _array(argument: Json) -> Data:
    if isinstance(argument, list):
        sources = [datum_source(element) for element in argument]
        return lambda job, element, number: d.Array(tuple([one(job, element, number) for one in sources]))
    members = object_argument(argument)
    path, source = text_argument(members["each"]), datum_source(members["of"])
    key = text_argument(members["distinct"]) if "distinct" in members else None

    def build(job: Job, element: Element, number: int) -> Datum:
        found = children(element, path)
        if key is not None:
            distinct(found, key)
        return d.Array(tuple([source(job, one, count) for count, one in enumerate(found, 1)]))

    return build


def _within(argument: Json) -> Data:
    """``[path, datum]``: the datum, its paths starting from another element."""
    path, inner = list_argument(argument)
    path, source = text_argument(path), datum_source(inner)
    return lambda job, element, number: source(job, at(element, path), number)


_COMPILERS: Final[dict[str, Callable[[Json], Data]]] = {
    "boolean": _boolean,
    "octet-string": _octets,
    "bit-string": _bits,
    "visible-string": _visible,
    "structure": _structure,
    "array": _array,
    "within": _within,
}
