"""Check digits of MPAN core and MPRN (registration-and-parties.md section 5)."""

from __future__ import annotations

_MPAN_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)


def is_mpan(text: str) -> bool:
    """Whether 13 digits end with the right check digit: (sum of digit times weight, mod 11) mod 10."""
    if len(text) != 13 or not (text.isascii() and text.isdigit()):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:12], _MPAN_WEIGHTS, strict=True))
    return total % 11 % 10 == int(text[12])


def is_mprn(text: str) -> bool:
    """Whether 6 to 10 digits end with the right two check digits: weights n to 1 over the leading n, mod 11."""
    if not 6 <= len(text) <= 10 or not (text.isascii() and text.isdigit()):
        return False
    leading = text[:-2]
    total = sum(int(digit) * weight for digit, weight in zip(leading, range(len(leading), 0, -1), strict=True))
    return total % 11 == int(text[-2:])
