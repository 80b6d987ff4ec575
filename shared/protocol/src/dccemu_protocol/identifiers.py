"""EUI-64 identifiers and the request and response identifiers made of them.

DUIS writes an EUI-64 as eight pairs of hexadecimal digits joined by hyphens, either case accepted, upper case
emitted; GBCS carries the same eight octets. A RequestID is ``originator:target:counter`` (duis.md section 3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from .errors import ProtocolError

_EUI = re.compile(r"(?:[0-9A-Fa-f]{2}-){7}[0-9A-Fa-f]{2}\Z")
_COUNTER = re.compile(r"(?:0|[1-9][0-9]{0,19})\Z")
MAX_COUNTER = 2**64 - 1


@dataclass(frozen=True, slots=True, order=True)
class Eui64:
    """An IEEE EUI-64: exactly eight octets.

    Raises
    ------
    ProtocolError
        ``BAD_IDENTIFIER`` when text or octets are not an EUI-64.
    """

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != 8:
            raise ProtocolError("BAD_IDENTIFIER", f"an EUI-64 has 8 octets, not {len(self.octets)}")

    @classmethod
    def parse(cls, text: str) -> Eui64:
        """Read the hyphened DUIS form (``90-B3-D5-1F-30-01-00-00``), blind to case."""
        return _parsed(text)

    @classmethod
    def from_hex(cls, text: str) -> Eui64:
        """Read sixteen hexadecimal digits, with or without hyphens."""
        try:
            return cls(bytes.fromhex(text.replace("-", "")))
        except ValueError as error:
            raise ProtocolError("BAD_IDENTIFIER", f"{text[:40]!r} is not hexadecimal") from error

    @property
    def hex(self) -> str:
        """Sixteen lower-case hexadecimal digits."""
        return self.octets.hex()

    def __str__(self) -> str:
        return _hyphened(self.octets)


# The same identifiers come again and again: of one message up to twenty times.
@lru_cache(maxsize=65_536)
def _parsed(text: str) -> Eui64:
    if not _EUI.match(text):
        raise ProtocolError("BAD_IDENTIFIER", f"{text[:40]!r} is not eight hyphened pairs of hexadecimal digits")
    return Eui64(bytes.fromhex(text.replace("-", "")))


@lru_cache(maxsize=65_536)
def _hyphened(octets: bytes) -> str:
    return octets.hex("-").upper()


@dataclass(frozen=True, slots=True)
class RequestId:
    """``originator:target:counter``; the counter is an unsigned 64-bit integer without leading zeros.

    Raises
    ------
    ProtocolError
        ``BAD_REQUEST_ID`` or ``BAD_IDENTIFIER``.
    """

    originator: Eui64
    target: Eui64
    counter: int
    _text: str = field(default="", init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> RequestId:
        return _request_id(text)

    def __str__(self) -> str:
        return self._text or f"{_hyphened(self.originator.octets)}:{_hyphened(self.target.octets)}:{self.counter}"

    @property
    def response_id(self) -> str:
        """The ResponseID that answers this request: identifiers swapped, same counter (duis.md section 3)."""
        return f"{_hyphened(self.target.octets)}:{_hyphened(self.originator.octets)}:{self.counter}"


# That of a request is read when it comes and when its answer goes.
@lru_cache(maxsize=8192)
def _request_id(text: str) -> RequestId:
    parts = text.split(":")
    if len(parts) != 3 or not _COUNTER.match(parts[2]) or (counter := int(parts[2])) > MAX_COUNTER:
        raise ProtocolError("BAD_REQUEST_ID", f"{text[:80]!r} is not originator:target:counter")
    found = RequestId(Eui64.parse(parts[0]), Eui64.parse(parts[1]), counter)
    if text == text.upper():  # as it is written
        object.__setattr__(found, "_text", text)
    return found
