"""A small typed layer over DER: shapes that read and write one element each.

A shape knows its tag and how its content is read and written, so that a structure of the standard is one line made
of shapes. Integers are minimal and not negative; lengths are minimal, but Devices write 128..255 as ``82 00 nn`` in
Responses and Alerts (every vector with such a length does), so ``wide`` chooses that form when writing and allows it
when reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar, cast

from ..identifiers import Eui64
from .errors import BAD_LENGTH, BAD_TAG, BAD_VALUE, TRAILING, GbcsError
from .octets import Cursor, encode_length

T = TypeVar("T")
S = TypeVar("S")

INTEGER_TAG = 0x02
NULL_TAG = 0x05
SEQUENCE_TAG = 0x30


class Component(Protocol):
    """One element of a structure, its Python type unknown to the structure."""

    @property
    def tag(self) -> int: ...

    def get(self, cursor: Cursor, wide: bool) -> object:
        """Read the element."""

    def put(self, value: object, wide: bool) -> bytes:
        """The element's octets."""


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """How one element is read and written; ``write`` gives the content without tag and length."""

    tag: int
    read: Callable[[Cursor, bool], T]
    write: Callable[[T, bool], bytes]

    def get(self, cursor: Cursor, wide: bool) -> object:
        """Read the element."""
        return read_element(cursor, self, wide)

    def put(self, value: object, wide: bool) -> bytes:
        """The element's octets; the dataclass that holds the value says its type."""
        return write_element(cast(T, value), self, wide)


def read_element(cursor: Cursor, shape: Shape[T], wide: bool) -> T:
    """Read one element with its tag and length."""
    at = cursor.at
    tag = cursor.u8()
    if tag != shape.tag:
        raise GbcsError(BAD_TAG, f"tag {tag:02x} is where {shape.tag:02x} belongs", at)
    content = cursor.part(_length(cursor, wide))
    value = shape.read(content, wide)
    content.finish("the element")
    return value


def write_element(value: T, shape: Shape[T], wide: bool) -> bytes:
    """One element with its tag and length."""
    content = shape.write(value, wide)
    length = len(content)
    if wide and 0x80 <= length < 0x100:
        return bytes((shape.tag, 0x82, 0, length)) + content
    return bytes((shape.tag,)) + encode_length(length) + content


def _length(cursor: Cursor, wide: bool) -> int:
    if wide and cursor.left >= 3 and cursor.data[cursor.at : cursor.at + 2] == b"\x82\x00":
        at = cursor.at
        cursor.need(2)
        length = cursor.u8()
        if length < 0x80:
            raise GbcsError(BAD_LENGTH, f"length {length} is not in its shortest form", at)
        return length
    return cursor.length()


# -- simple types ----------------------------------------------------------------------------------------------------


def _read_integer(cursor: Cursor, wide: bool) -> int:
    at = cursor.at
    octets = cursor.take(cursor.left)
    if not octets or len(octets) > 9:
        raise GbcsError(BAD_LENGTH, f"an INTEGER of {len(octets)} octets is not in use", at)
    if octets[0] & 0x80:
        raise GbcsError(BAD_VALUE, "the INTEGER is negative", at)
    if len(octets) > 1 and not octets[0] and not octets[1] & 0x80:
        raise GbcsError(BAD_VALUE, "the INTEGER has a needless leading octet", at)
    return int.from_bytes(octets, "big")


def _write_integer(value: int, wide: bool) -> bytes:
    if not 0 <= value < 2**64:
        raise GbcsError(BAD_VALUE, f"{value} is not an unsigned INTEGER of 64 bits")
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _read_octets(cursor: Cursor, wide: bool) -> bytes:
    return cursor.take(cursor.left)


def _read_null(cursor: Cursor, wide: bool) -> None:
    return None


def _read_time(cursor: Cursor, wide: bool) -> datetime:
    at = cursor.at
    octets = cursor.take(cursor.left)
    try:
        if len(octets) != 15 or not octets[:14].isdigit() or octets[14:] != b"Z":
            raise ValueError
        text = octets[:14].decode("ascii")
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise GbcsError(BAD_VALUE, f"{octets[:20]!r} is not a GeneralizedTime YYYYMMDDHHMMSSZ", at) from None


def _write_time(value: datetime, wide: bool) -> bytes:
    if value.tzinfo is None:
        raise GbcsError(BAD_VALUE, f"{value} has no time zone")
    at = value.astimezone(UTC) if value.utcoffset() else value
    return f"{at.year:04}{at:%m%d%H%M%SZ}".encode("ascii")


def _read_bits(cursor: Cursor, wide: bool) -> int:
    """Up to eight bits, as the octet that holds them; trailing zero bits are not written."""
    at = cursor.at
    octets = cursor.take(cursor.left)
    if len(octets) != 2 or _write_bits(octets[1], wide) != octets:
        raise GbcsError(BAD_VALUE, f"{octets.hex()} is not a key usage of up to eight bits", at)
    return octets[1]


def _write_bits(value: int, wide: bool) -> bytes:
    if not 0 < value < 0x100:
        raise GbcsError(BAD_VALUE, f"{value:x} is not a key usage of up to eight bits")
    return bytes(((value & -value).bit_length() - 1, value))


INTEGER: Shape[int] = Shape(INTEGER_TAG, _read_integer, _write_integer)
ENUMERATED: Shape[int] = Shape(0x0A, _read_integer, _write_integer)
OCTETS: Shape[bytes] = Shape(0x04, _read_octets, lambda value, wide: value)
NULL: Shape[None] = Shape(NULL_TAG, _read_null, lambda value, wide: b"")
TIME: Shape[datetime] = Shape(0x18, _read_time, _write_time)
BITS: Shape[int] = Shape(0x03, _read_bits, _write_bits)


def converted(shape: Shape[S], inward: Callable[[S], T], outward: Callable[[T], S]) -> Shape[T]:
    """A shape of another Python type over the same octets; ``inward`` may raise ``ValueError``."""

    def read(cursor: Cursor, wide: bool) -> T:
        at = cursor.at
        value = shape.read(cursor, wide)
        try:
            return inward(value)
        except ValueError as error:
            raise GbcsError(BAD_VALUE, str(error), at) from error

    return Shape(shape.tag, read, lambda value, wide: shape.write(outward(value), wide))


def _fixed(width: int) -> Callable[[bytes], bytes]:
    def check(value: bytes) -> bytes:
        if len(value) != width:
            raise ValueError(f"{len(value)} octets are where {width} belong")
        return value

    return check


def octets_of(width: int) -> Shape[bytes]:
    """An OCTET STRING of fixed width."""
    return converted(OCTETS, _fixed(width), _fixed(width))


EUI: Shape[Eui64] = converted(octets_of(8), Eui64, lambda value: value.octets)


def tagged(shape: Shape[T], tag: int) -> Shape[T]:
    """The same shape under an implicit context tag."""
    return replace(shape, tag=tag)


# -- structures ------------------------------------------------------------------------------------------------------


def sequence_of(shape: Shape[T]) -> Shape[tuple[T, ...]]:
    """SEQUENCE OF."""

    def read(cursor: Cursor, wide: bool) -> tuple[T, ...]:
        found = []
        while cursor.left:
            found.append(read_element(cursor, shape, wide))
        return tuple(found)

    return Shape(
        SEQUENCE_TAG, read, lambda values, wide: b"".join([write_element(value, shape, wide) for value in values])
    )


@dataclass(frozen=True, slots=True)
class Optional:
    """A component that is left out when it has its default value."""

    shape: Component
    default: object = None

    @property
    def tag(self) -> int:
        return self.shape.tag

    def get(self, cursor: Cursor, wide: bool) -> object:
        """The default when the next element is another one; a written default is refused, as DER demands."""
        if not cursor.left or cursor.data[cursor.at] != self.shape.tag:
            return self.default
        at = cursor.at
        value = self.shape.get(cursor, wide)
        if value == self.default:
            raise GbcsError(BAD_VALUE, "a DEFAULT value is written out", at)
        return value

    def put(self, value: object, wide: bool) -> bytes:
        """Nothing for the default."""
        return b"" if value == self.default else self.shape.put(value, wide)


def sequence(kind: Callable[..., T], *components: Component) -> Shape[T]:
    """SEQUENCE whose components are, in order, the fields of the dataclass ``kind``."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    plan = list(zip(names, components, strict=True))

    def read(cursor: Cursor, wide: bool) -> T:
        return kind(*[component.get(cursor, wide) for component in components])

    def write(value: T, wide: bool) -> bytes:
        return b"".join([component.put(getattr(value, name), wide) for name, component in plan])

    return Shape(SEQUENCE_TAG, read, write)


def whole(kind: Callable[[bytes], T], octets: Callable[[T], bytes]) -> Shape[T]:
    """A SEQUENCE kept as its own DER octets, tag and length included (a certificate)."""

    def read(cursor: Cursor, wide: bool) -> T:
        content = cursor.take(cursor.left)
        return kind(b"\x30" + encode_length(len(content)) + content)

    def write(value: T, wide: bool) -> bytes:
        der = octets(value)
        cursor = Cursor(der)
        cursor.expect(b"\x30", "the certificate")
        if cursor.length() != cursor.left:
            raise GbcsError(TRAILING, "the certificate is not one SEQUENCE")
        return der[cursor.at :]

    return Shape(SEQUENCE_TAG, read, write)
