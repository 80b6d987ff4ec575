"""The outer layers of a GBCS message: MAC header around grouping header, payload and signature.

Layout (gbcs.md section 3)::

    DD 00 00 00 00 00 00 | length | 11 00000000          MAC header (general-ciphering), if there is a MAC
      DF 09 cra counter(8) 08 originator 08 target       grouping header (general-signing)
         00 or 0C date-time(12)
         length other-information
         length payload
         00 or 40 signature(64)                          absent in a Pre-Command
    mac(12)

Other information is the message code, then, each only if those before it are there: supplementary remote party,
its counter, and either the supplementary originator counter (Responses) or the certificate (Commands).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from struct import Struct

from ..identifiers import Eui64
from .errors import BAD_LENGTH, BAD_TAG, BAD_VALUE, GbcsError
from .octets import Cursor, encode_length

MAC_LENGTH = 12
SIGNATURE_LENGTH = 64
_GENERAL_CIPHERING = b"\xdd\x00\x00\x00\x00\x00\x00"
_SECURITY_HEADER = b"\x11\x00\x00\x00\x00"
_COUNTERS = range(2**64)
_HEADER = Struct(">3sQB8sB8s")
_USUAL = Struct(">3sQB8sB8sBBH")
"""The header, no date-time, and a message code alone."""
_entity = lru_cache(maxsize=65536)(Eui64)
"""The same few parties come again and again."""


class CRA(IntEnum):
    """Command, Response or Alert: the first octet of the transaction id."""

    COMMAND = 1
    RESPONSE = 2
    ALERT = 3


_CRA = {1: CRA.COMMAND, 2: CRA.RESPONSE, 3: CRA.ALERT}
_START = {cra: b"\xdf\x09" + bytes((cra,)) for cra in CRA}
_CRA_OF_START = {start: cra for cra, start in _START.items()}


@dataclass(frozen=True, slots=True)
class OtherInformation:
    """Message code and what may follow it (gbcs.md section 3.3)."""

    message_code: int
    supplementary_party: Eui64 | None = None
    supplementary_counter: int | None = None
    supplementary_originator_counter: int | None = None
    certificate: bytes | None = None


code_alone = lru_cache(maxsize=1024)(OtherInformation)
"""Most messages carry a message code and no more."""


@dataclass(frozen=True, slots=True)
class GbcsMessage:
    """A whole GBCS message.

    ``date_time`` is empty or 12 octets; ``signature`` is ``None`` in a Pre-Command (no signature field), empty for a
    message that is not signed, else 64 octets r || s; ``mac`` is ``None`` when there is no MAC layer. A message that
    was read remembers in ``signed`` the octets that a signature covers.
    """

    cra: CRA
    counter: int
    originator: Eui64
    target: Eui64
    other: OtherInformation
    payload: bytes
    date_time: bytes = b""
    signature: bytes | None = None
    mac: bytes | None = None
    signed: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def message_code(self) -> int:
        """The message code of the other information."""
        return self.other.message_code


def decode(data: bytes) -> GbcsMessage:
    """Read one whole message.

    Raises
    ------
    GbcsError
        When octets are missing, left over or not what the layout has; ``offset`` says where.
    """
    cursor = Cursor(data)
    if cursor.peek() == 0xDD:
        return _decode_ciphering(cursor)
    message = _decode_grouping(cursor, None)
    cursor.finish("the message")
    return message


def encode(message: GbcsMessage) -> bytes:
    """The octets of a message; ``decode`` gives the same message back."""
    grouping = encode_grouping(message)
    return grouping if message.mac is None else wrap(grouping, message.mac)


def wrap(grouping: bytes, mac: bytes) -> bytes:
    """Put the MAC header before, and the MAC after, an encoded grouping layer (signature field included)."""
    if len(mac) != MAC_LENGTH:
        raise GbcsError(BAD_LENGTH, f"a MAC has 12 octets, not {len(mac)}")
    return b"".join((_GENERAL_CIPHERING, encode_length(17 + len(grouping)), _SECURITY_HEADER, grouping, mac))


def encode_grouping(message: GbcsMessage) -> bytes:
    """The grouping layer from DF to the end of the signature field: what a MAC covers."""
    signature = message.signature
    if signature is None:
        if message.mac is not None:
            raise GbcsError(BAD_VALUE, "a message without signature field has no MAC")
        return b"\xdf" + signed_part(message)
    if not signature:
        return b"".join((b"\xdf", signed_part(message), b"\x00"))
    if len(signature) != SIGNATURE_LENGTH:
        raise GbcsError(BAD_LENGTH, f"a signature has 64 octets, not {len(signature)}")
    return b"".join((b"\xdf", signed_part(message), b"\x40", signature))


def signed_part(message: GbcsMessage) -> bytes:
    """From the octet after DF to the last octet of the payload: what a signature covers (gbcs.md section 4.1)."""
    if message.signed is not None:
        return message.signed
    date_time = message.date_time
    if len(date_time) not in (0, 12):
        raise GbcsError(BAD_LENGTH, f"a date-time has 0 or 12 octets, not {len(date_time)}")
    other = encode_other(message.other)
    payload = message.payload
    return b"".join(
        (
            _START[message.cra][1:],
            _counter(message.counter),
            b"\x08",
            message.originator.octets,
            b"\x08",
            message.target.octets,
            b"\x0c" + date_time if date_time else b"\x00",
            encode_length(len(other)),
            other,
            encode_length(len(payload)),
            payload,
        )
    )


def encode_other(other: OtherInformation) -> bytes:
    """The other-information octets without their length."""
    if not 0 <= other.message_code <= 0xFFFF:
        raise GbcsError(BAD_VALUE, f"message code {other.message_code} is not two octets")
    octets = other.message_code.to_bytes(2, "big")
    if other.supplementary_party is None:
        if other.supplementary_counter is None and not _follows_counter(other):
            return octets
        raise GbcsError(BAD_VALUE, "a supplementary counter or certificate needs a supplementary remote party")
    octets += other.supplementary_party.octets
    if other.supplementary_counter is None:
        if not _follows_counter(other):
            return octets
        raise GbcsError(BAD_VALUE, "what follows the supplementary counter needs the counter")
    octets += _counter(other.supplementary_counter)
    if other.supplementary_originator_counter is not None:
        octets += _counter(other.supplementary_originator_counter)
    return octets if other.certificate is None else octets + other.certificate


def _follows_counter(other: OtherInformation) -> bool:
    return other.supplementary_originator_counter is not None or other.certificate is not None


def _counter(counter: int) -> bytes:
    if counter not in _COUNTERS:
        raise GbcsError(BAD_VALUE, f"counter {counter} is not eight octets")
    return counter.to_bytes(8, "big")


def _decode_ciphering(cursor: Cursor) -> GbcsMessage:
    cursor.expect(_GENERAL_CIPHERING, "the MAC header")
    at = cursor.at
    length = cursor.length()
    if length < 17:
        raise GbcsError(BAD_LENGTH, f"a length of {length} holds no security header and MAC", at)
    if length > cursor.left:
        cursor.need(length)
    cursor.expect(_SECURITY_HEADER, "the security header")
    grouping = cursor.part(length - 17)
    mac = cursor.take(MAC_LENGTH)
    cursor.finish("the message")
    message = _decode_grouping(grouping, mac)
    grouping.finish("the grouping layer")
    return message


def _decode_grouping(cursor: Cursor, mac: bytes | None) -> GbcsMessage:
    start = cursor.at
    if cursor.left >= _USUAL.size:
        begin, counter, one, origin, two, goal, date, width, code = _USUAL.unpack_from(cursor.data, start)
        cra = _CRA_OF_START.get(begin)
        if cra is not None and one == two == 8 and not date and width == 2:
            cursor.at = start + _USUAL.size
            return _decode_rest(cursor, start, mac, cra, counter, _entity(origin), _entity(goal), code_alone(code), b"")
    cra, counter, originator, target = _decode_parties(cursor)
    at = cursor.at
    width = cursor.u8()
    if width not in (0, 12):
        raise GbcsError(BAD_LENGTH, f"a date-time has 0 or 12 octets, not {width}", at)
    date_time = cursor.take(width)
    width = cursor.length()
    other = code_alone(cursor.unsigned(2)) if width == 2 else _decode_other(cursor.part(width))
    return _decode_rest(cursor, start, mac, cra, counter, originator, target, other, date_time)


def _decode_rest(
    cursor: Cursor,
    start: int,
    mac: bytes | None,
    cra: CRA,
    counter: int,
    originator: Eui64,
    target: Eui64,
    other: OtherInformation,
    date_time: bytes,
) -> GbcsMessage:
    """The message whose header was read, with payload and signature; its grouping header begins at ``start``."""
    payload = cursor.counted()
    signed = cursor.data[start + 1 : cursor.at]
    signature: bytes | None = None
    if mac is not None or cursor.left:
        at = cursor.at
        width = cursor.u8()
        if width not in (0, SIGNATURE_LENGTH):
            raise GbcsError(BAD_LENGTH, f"a signature has 0 or 64 octets, not {width}", at)
        signature = cursor.take(width)
    message = GbcsMessage(cra, counter, originator, target, other, payload, date_time, signature, mac)
    object.__setattr__(message, "signed", signed)  # every field has one encoding: these are the octets encode gives
    return message


def _decode_parties(cursor: Cursor) -> tuple[CRA, int, Eui64, Eui64]:
    """Transaction id, originator and target, which stand at fixed places."""
    at = cursor.at
    if cursor.left >= _HEADER.size:
        start, counter, one, originator, two, target = _HEADER.unpack_from(cursor.data, at)
        cra = _CRA_OF_START.get(start)
        if cra is not None and one == two == 8:
            cursor.at = at + _HEADER.size
            return cra, counter, _entity(originator), _entity(target)
    cursor.expect(b"\xdf\x09", "the grouping header")
    at = cursor.at
    if cursor.u8() not in _CRA:
        raise GbcsError(BAD_VALUE, f"CRA flag {cursor.data[at]:02x} is not 01, 02 or 03", at)
    cursor.need(8)
    for what in ("originator", "target"):
        at = cursor.at
        width = cursor.u8()
        if width != 8:
            raise GbcsError(BAD_LENGTH, f"the {what} has 8 octets, not {width}", at)
        cursor.need(8)
    raise AssertionError("a header without fault was not taken")


def _decode_other(cursor: Cursor) -> OtherInformation:
    """Other information that is more than a message code."""
    code = cursor.unsigned(2)
    party = _entity(cursor.take(8))
    if not cursor.left:
        return OtherInformation(code, party)
    counter = cursor.unsigned(8)
    if not cursor.left:
        return OtherInformation(code, party, counter)
    if cursor.left == 8 or not _is_sequence(cursor):
        fresh = cursor.unsigned(8)
        if not cursor.left:
            return OtherInformation(code, party, counter, fresh)
        if not _is_sequence(cursor):
            raise GbcsError(BAD_TAG, "the certificate is not one DER SEQUENCE", cursor.at)
        return OtherInformation(code, party, counter, fresh, cursor.take(cursor.left))
    return OtherInformation(code, party, counter, None, cursor.take(cursor.left))


def _is_sequence(cursor: Cursor) -> bool:
    """Whether what is left is exactly one DER SEQUENCE, as a certificate is."""
    ahead = Cursor(cursor.data, cursor.at, cursor.end)
    try:
        return ahead.u8() == 0x30 and ahead.length() == ahead.left
    except GbcsError:
        return False
