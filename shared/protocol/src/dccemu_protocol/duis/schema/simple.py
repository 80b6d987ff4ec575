"""Simple types of DUIS as functions from text to a reason for refusal, or None.

Built-in types follow XML Schema Part 2 (second edition): lexical forms, white space, and facets counted in the unit of
the type (characters, octets, digits).
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Final, TypeAlias

from ...errors import EmulatorError
from .tables import SimpleFacts

Check: TypeAlias = Callable[[str], "str | None"]

XML_SPACE: Final = " \t\r\n"
_ZONE: Final = r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
_TIME: Final = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?|24:00:00(?:\.0+)?)"
_YEAR: Final = r"-?(?:[1-9][0-9]{4,8}|[0-9]{4})"
_DAY: Final = rf"(?P<y>{_YEAR})-(?P<m>0[1-9]|1[0-2])-(?P<d>0[1-9]|[12][0-9]|3[01])"
_LEXICAL: Final = {
    "boolean": "true|false|1|0",
    "decimal": r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)",
    "integer": "[+-]?[0-9]+",
    "unsigned": "[+-]?[0-9]+",
    "dateTime": _DAY + "T" + _TIME + _ZONE,
    "date": _DAY + _ZONE,
    "time": _TIME + _ZONE,
    "hexBinary": "(?:[0-9A-Fa-f]{2})*",
}
_INTEGERS: Final[dict[str, tuple[str, int | None, int | None]]] = {
    "integer": ("integer", None, None),
    "positiveInteger": ("integer", 1, None),
    "nonNegativeInteger": ("integer", 0, None),
    "nonPositiveInteger": ("integer", None, 0),
    "int": ("integer", -(2**31), 2**31 - 1),
    "short": ("integer", -(2**15), 2**15 - 1),
    "unsignedLong": ("unsigned", 0, 2**64 - 1),
    "unsignedInt": ("unsigned", 0, 2**32 - 1),
    "unsignedShort": ("unsigned", 0, 2**16 - 1),
}
_MAX_DIGITS: Final = 24
_SHORT: Final = 24
_MOST_REMEMBERED: Final = 256
_MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SPACES: Final = re.compile("[ \t\r\n]+")
_UNPADDED: Final = {2: re.compile("[AQgw]==\\Z"), 1: re.compile("[AEIMQUYcgkosw048]=\\Z")}


def collapse(text: str) -> str:
    """Collapse white space as the types other than string do."""
    if text.isascii() and text.isprintable():  # of all white space it can hold spaces only
        return " ".join(text.split())
    return _SPACES.sub(" ", text).strip(" ")


@cache
def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:{pattern})\\Z", re.ASCII)


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _calendar(match: re.Match[str]) -> bool:
    month, day, year = int(match["m"]), int(match["d"]), int(match["y"])
    if year == 0 or day > _MONTH_DAYS[month - 1]:
        return False
    return (month, day) != (2, 29) or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))


def _octets(base: str, text: str) -> int | None:
    """Length in octets of hexBinary or base64Binary, None when the text is neither."""
    if base == "hexBinary":
        return len(text) // 2 if _matcher(_LEXICAL["hexBinary"]).match(text) else None
    packed = "".join(text.split())
    padding = 2 if packed.endswith("==") else 1 if packed.endswith("=") else 0
    if padding and not _UNPADDED[padding].search(packed):
        return None
    try:
        return len(b64decode(packed, validate=True))
    except (Base64Error, ValueError):
        return None


def _number(text: str) -> Decimal:
    return Decimal(text.strip(XML_SPACE))


def _bounds(facts: SimpleFacts, value: Decimal | int) -> str | None:
    if facts.min is not None and value < _number(facts.min):
        return f"{value} is less than {facts.min}"
    if facts.max is not None and value > _number(facts.max):
        return f"{value} is more than {facts.max}"
    if facts.above is not None and value <= _number(facts.above):
        return f"{value} is not more than {facts.above}"
    if facts.below is not None and value >= _number(facts.below):
        return f"{value} is not less than {facts.below}"
    return None


def _digits(facts: SimpleFacts, value: Decimal) -> str | None:
    _, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    fraction = max(0, -exponent)
    total = max(len(digits) + max(0, exponent), fraction)
    if facts.totalDigits is not None and total > facts.totalDigits:
        return f"{value} has more than {facts.totalDigits} digits"
    if facts.fractionDigits is not None and fraction > facts.fractionDigits:
        return f"{value} has more than {facts.fractionDigits} digits after the point"
    return None


def _length(facts: SimpleFacts, length: int) -> str | None:
    if facts.length is not None and length != facts.length:
        return f"its length is {length}, not {facts.length}"
    if facts.minLength is not None and length < facts.minLength:
        return f"its length {length} is less than {facts.minLength}"
    if facts.maxLength is not None and length > facts.maxLength:
        return f"its length {length} is more than {facts.maxLength}"
    return None


def _text_check(facts: SimpleFacts, *, is_token: bool) -> Check:
    patterns = [_matcher(pattern) for pattern in facts.patterns]
    values = frozenset(facts.values)
    has_length = (facts.length, facts.minLength, facts.maxLength) != (None, None, None)

    def check(text: str) -> str | None:
        text = collapse(text) if is_token else text
        if values and text not in values:
            return f"{_shorten(text)} is not one of the {len(values)} values allowed"
        if has_length and (reason := _length(facts, len(text))):
            return reason
        for pattern in patterns:
            if not pattern.match(text):
                return f"{_shorten(text)} does not have the form {pattern.pattern[3:-3][:60]}"
        return None

    return check


def _number_check(facts: SimpleFacts) -> Check:
    lexical, low, high = _INTEGERS.get(facts.base, ("decimal", None, None))
    is_integer = facts.base in _INTEGERS
    pattern = _matcher(_LEXICAL[lexical])
    values = frozenset(_number(value) for value in facts.values)

    def check(text: str) -> str | None:
        text = text.strip(XML_SPACE)
        if len(text) > 2 * _MAX_DIGITS or not pattern.match(text):
            return f"{_shorten(text)} is not of type {facts.base}"
        value = int(text) if is_integer else Decimal(text)
        if (low is not None and value < low) or (high is not None and value > high):
            return f"{text} is out of the range of {facts.base}"
        if values and value not in values:
            return f"{text} is not one of the {len(values)} values allowed"
        return _bounds(facts, value) or _digits(facts, Decimal(value))

    return check


def _octet_check(facts: SimpleFacts) -> Check:
    values = frozenset(value.upper() for value in facts.values)

    def check(text: str) -> str | None:
        text = text.strip(XML_SPACE)
        length = _octets(facts.base, text)
        if length is None:
            return f"{_shorten(text)} is not {facts.base}"
        if values and text.upper() not in values:
            return f"{_shorten(text)} is not one of the {len(values)} values allowed"
        return _length(facts, length)

    return check


def _form_check(base: str) -> Check:
    pattern = _matcher(_LEXICAL[base])
    has_day = base in ("date", "dateTime")

    def check(text: str) -> str | None:
        match = pattern.match(text.strip(XML_SPACE))
        if match is None or (has_day and not _calendar(match)):
            return f"{_shorten(text)} is not of type {base}"
        return None

    return check


def _remembering(check: Check) -> Check:
    """The same check, which remembers what it said of short texts: versions, numbers and names of services recur."""
    known: dict[str, str | None] = {}

    def remembered(text: str) -> str | None:
        if len(text) > _SHORT:
            return check(text)
        try:
            return known[text]
        except KeyError:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            reason = known[text] = check(text)
            return reason

    return remembered


def compile_simple(facts: SimpleFacts) -> Check:
    """Make the check of one simple type.

    Raises
    ------
    EmulatorError
        For a built-in base that DUIS does not use.
    """
    if facts.base in ("string", "token"):
        check = _text_check(facts, is_token=facts.base == "token")
        return _remembering(check) if facts.values else check
    if facts.base == "decimal" or facts.base in _INTEGERS:
        return _remembering(_number_check(facts))
    if facts.base in ("hexBinary", "base64Binary"):
        return _octet_check(facts)
    if facts.base in ("boolean", "dateTime", "date", "time"):
        return _form_check(facts.base)
    raise EmulatorError(f"duis tables: the built-in type {facts.base} is not known")
