"""A cursor over octets, and the length coding shared by every GBCS layer (gbcs.md section 3.1).

Lengths are one octet for 0..127, else ``81 nn``, ``82 nn nn`` (``83``, ``84`` for completeness), always the
shortest form; any longer form is refused, so that what decodes re-encodes to the same octets.
"""

from __future__ import annotations

from .errors import BAD_LENGTH, BAD_TAG, TRAILING, TRUNCATED, GbcsError

_ONE_OCTET = tuple(bytes((number,)) for number in range(128))


def encode_length(length: int) -> bytes:
    """The shortest form of a length or count."""
    if length < 0x80:
        return _ONE_OCTET[length]
    if length < 0x100:
        return bytes((0x81, length))
    if length < 0x10000:
        return b"\x82" + length.to_bytes(2, "big")
    width = (length.bit_length() + 7) // 8
    return bytes((0x80 | width,)) + length.to_bytes(width, "big")


class Cursor:
    """Reads octets from the front of ``data[at:end]``; never past the end, offsets always those of ``data``."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """Octets not yet read."""
        return self.end - self.at

    def need(self, count: int) -> int:
        """Step over ``count`` octets and give the offset of the first of them."""
        at = self.at
        if count > self.end - at:
            raise GbcsError(TRUNCATED, f"{count} octets are needed, {self.end - at} are left", at)
        self.at = at + count
        return at

    def take(self, count: int) -> bytes:
        """The next ``count`` octets."""
        at = self.at
        end = at + count
        if end > self.end:
            self.need(count)
        self.at = end
        return self.data[at:end]

    def peek(self) -> int:
        """The next octet, not stepped over."""
        if self.at >= self.end:
            raise GbcsError(TRUNCATED, "an octet is needed, none is left", self.at)
        return self.data[self.at]

    def u8(self) -> int:
        """One octet."""
        at = self.at
        if at >= self.end:
            raise GbcsError(TRUNCATED, "an octet is needed, none is left", at)
        self.at = at + 1
        return self.data[at]

    def unsigned(self, width: int) -> int:
        """A big-endian unsigned integer."""
        at = self.need(width)
        return int.from_bytes(self.data[at : at + width], "big")

    def signed(self, width: int) -> int:
        """A big-endian two's complement integer."""
        at = self.need(width)
        return int.from_bytes(self.data[at : at + width], "big", signed=True)

    def expect(self, octets: bytes, what: str) -> None:
        """Step over octets that have to be there."""
        at = self.at
        found = self.take(len(octets))
        if found != octets:
            raise GbcsError(BAD_TAG, f"{what} is {found.hex()}, not {octets.hex()}", at)

    def length(self) -> int:
        """A length or count in its shortest form."""
        at = self.at
        if at < self.end and (first := self.data[at]) < 0x80:
            self.at = at + 1
            return first
        first = self.u8()
        width = first & 0x7F
        if not 1 <= width <= 4:
            raise GbcsError(BAD_LENGTH, f"{first:02x} does not start a length", at)
        length = self.unsigned(width)
        if length < 0x80 or length < 1 << 8 * (width - 1):
            raise GbcsError(BAD_LENGTH, f"length {length} is not in its shortest form", at)
        return length

    def counted(self) -> bytes:
        """A length and that many octets."""
        begin = self.at + 1
        if begin <= self.end and (length := self.data[begin - 1]) < 0x80 and (end := begin + length) <= self.end:
            self.at = end
            return self.data[begin:end]
        return self.take(self.length())

    def part(self, length: int) -> Cursor:
        """A cursor over the next ``length`` octets, which this one steps over."""
        at = self.need(length)
        return Cursor(self.data, at, at + length)

    def finish(self, what: str) -> None:
        """Refuse octets that are left over."""
        if self.at != self.end:
            raise GbcsError(TRAILING, f"{self.end - self.at} octets follow the end of {what}", self.at)
