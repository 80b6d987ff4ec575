"""Unique Transaction Reference Numbers: prepayment top-up codes (gbcs.md section 13).

A UTRN is 19 digits (the PPTD: the 64-bit PTUT and a constant) and a Verhoeff check digit. The PTUT is 7 zero bits, a
truncated counter (10), the value class (2), the value (13) and the supplier's MAC (32).
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..identifiers import Eui64
from .crypto import derive_key
from .errors import OUT_OF_RANGE, UTRN_INVALID, GbcsError

PENCE = 0
POUNDS = 1
MAX_VALUE = 8191
_OFFSET = 7394156990786306048
_USE = 1
_FIRST_ROW = 4
_PERMUTATION = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)
_INVERSE = "1267583094"


@dataclass(frozen=True, slots=True)
class TopUp:
    """What a UTRN says before its MAC is checked; ``truncated_counter`` is bits 32 to 41 of the counter."""

    truncated_counter: int
    value_class: int
    value: int
    mac: bytes

    @property
    def pence(self) -> int:
        """The credit in pence."""
        return self.value * (100 if self.value_class == POUNDS else 1)

    @property
    def upper_word(self) -> bytes:
        """The upper 32 bits of the PTUT, which the MAC covers."""
        word = (self.truncated_counter & 0x3FF) << 15 | self.value_class << 13 | self.value
        return word.to_bytes(4, "big")


def generate(pence: int, counter: int, supplier: Eui64, device: Eui64, secret: bytes) -> str:
    """The UTRN for an amount; ``secret`` is of the supplier's top-up key agreement key and the Device's."""
    _check_counter(counter)
    if 0 <= pence <= MAX_VALUE:
        value_class, value = PENCE, pence
    elif pence > 0 and pence % 100 == 0 and pence // 100 <= MAX_VALUE:
        value_class, value = POUNDS, pence // 100
    else:
        raise GbcsError(OUT_OF_RANGE, f"{pence} pence are neither 0 to 8191 pence nor up to 8191 whole pounds")
    return of_value(value_class, value, counter, supplier, device, secret)


def of_value(value_class: int, value: int, counter: int, supplier: Eui64, device: Eui64, secret: bytes) -> str:
    """The UTRN for a value of a class: whole pounds may be written as pounds although pence would do."""
    _check_counter(counter)
    if value_class not in (PENCE, POUNDS) or not 0 <= value <= MAX_VALUE:
        raise GbcsError(OUT_OF_RANGE, f"value {value} of class {value_class} is not within a UTRN")
    upper = TopUp((counter >> 32) & 0x3FF, value_class, value, b"").upper_word
    mac = supplier_mac(upper, counter, supplier, device, secret)
    pptd = f"{int.from_bytes(upper + mac, 'big') + _OFFSET:019}"
    return pptd + check_digit(pptd)


def supplier_mac(upper_word: bytes, counter: int, supplier: Eui64, device: Eui64, secret: bytes) -> bytes:
    """The last four octets of the full GMAC tag."""
    key = derive_key(secret, supplier, _USE, counter, device)
    authenticated = b"".join(
        (
            b"\x11\x00\x00\x00\x00\x00",
            supplier.octets,
            device.octets,
            b"\x01",
            counter.to_bytes(8, "big"),
            upper_word,
        )
    )
    return AESGCM(key).encrypt(supplier.octets + b"\x00\x00\x00\x00", b"", authenticated)[-4:]


def read(utrn: str) -> TopUp:
    """Take a UTRN apart after checking form and check digit."""
    if len(utrn) != 20 or not utrn.isascii() or not utrn.isdigit():
        raise GbcsError(UTRN_INVALID, f"{utrn[:40]!r} is not 20 decimal digits")
    if check_digit(utrn[:19]) != utrn[19]:
        raise GbcsError(UTRN_INVALID, f"the check digit of {utrn} is not {check_digit(utrn[:19])}", 19)
    ptut = int(utrn[:19]) - _OFFSET
    if not 0 <= ptut < 1 << 57:
        raise GbcsError(UTRN_INVALID, f"{utrn} does not stand for a top-up: its first seven bits are not zero", 0)
    upper, lower = divmod(ptut, 1 << 32)
    return TopUp(upper >> 15, upper >> 13 & 3, upper & 0x1FFF, lower.to_bytes(4, "big"))


def validate(utrn: str, counter: int, supplier: Eui64, device: Eui64, secret: bytes) -> TopUp:
    """Read a UTRN and check that its MAC is the supplier's for this Device and counter."""
    _check_counter(counter)
    top_up = read(utrn)
    if top_up.truncated_counter != (counter >> 32) & 0x3FF:
        raise GbcsError(UTRN_INVALID, f"{utrn} is not made with counter {counter:016x}")
    if top_up.value_class not in (PENCE, POUNDS):
        raise GbcsError(UTRN_INVALID, f"value class {top_up.value_class} is not in use")
    if not compare_digest(supplier_mac(top_up.upper_word, counter, supplier, device, secret), top_up.mac):
        raise GbcsError(UTRN_INVALID, f"{utrn} is not authentic")
    return top_up


def rebuild_counter(truncated_counter: int, highest_accepted: int) -> int:
    """The 64-bit counter nearest to the highest UTRN counter accepted so far (its upper 32 bits)."""
    position = highest_accepted % 1024
    step = truncated_counter
    if truncated_counter < position - 512:
        step += 1024
    elif truncated_counter > position + 512:
        step -= 1024
    return max(0, highest_accepted - position + step) << 32


def check_digit(digits: str) -> str:
    """Verhoeff check digit over digits, most significant first, starting in row 4."""
    state = 0
    for place, digit in enumerate(digits):
        state = _dihedral(state, _PERMUTATION[(_FIRST_ROW + place) % 8][int(digit)])
    return _INVERSE[state]


def _dihedral(a: int, b: int) -> int:
    """Multiplication in the dihedral group of order ten."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
    return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5


def _check_counter(counter: int) -> None:
    if not 0 <= counter < 1 << 64 or counter & 0xFFFFFFFF:
        raise GbcsError(OUT_OF_RANGE, f"counter {counter} is not a multiple of 2^32 below 2^64")
