"""Dates and times of DUIS in the forms GBCS has for them (gbcs.md sections 6.3, 7, 11 and 14)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from ...duis.document import Element
from ...duis.times import read_date_time
from ...errors import ProtocolError
from ..times import EPOCH, LAST_DAY_OF_MONTH, SECOND_LAST_DAY_OF_MONTH
from . import rules
from .elements import find, integer, place, steps, text
from .rules import TransformError

CANCELLATION_YEAR: Final = 3000
_WILD_YEAR: Final = 65535
_END: Final = b"\xff"
_TIME: Final = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-]00:00)?\Z", re.ASCII)
_DATE: Final = re.compile(r"(\d{4,5})-(\d\d)-(\d\d)(?:Z|[+-]00:00)?\Z", re.ASCII)


def moment(element: Element) -> datetime:
    """An xs:dateTime in UTC."""
    try:
        return read_date_time(element.text or "")
    except ProtocolError as error:
        raise TransformError(rules.DATE_OUT_OF_RANGE, error.detail, place(element)) from None


def seconds(at: datetime, element: Element | None = None) -> int:
    """Seconds since 2000 as 32 bits hold them; FFFFFFFE and FFFFFFFF mean something else and are refused."""
    value = int((at - EPOCH).total_seconds())
    if not 0 <= value < 0xFFFFFFFE:
        raise TransformError(
            rules.DATE_OUT_OF_RANGE,
            f"{at:%Y-%m-%dT%H:%M:%SZ} does not fit 32 bits of seconds since 2000",
            "" if element is None else place(element),
        )
    return value


def time_octets(element: Element) -> bytes:
    """COSEM time of an xs:time in UTC: hours, minutes, seconds; fractions of a second are cut, hundredths are 00."""
    return bytes((*_time(element), 0))


def minutes(element: Element) -> int:
    """Minutes since midnight of an xs:time, which has to be a whole minute."""
    hour, minute, second = _time(element)
    if second:
        raise TransformError(rules.DATE_OUT_OF_RANGE, f"{text(element)} is not a whole minute", place(element))
    return 60 * hour + minute


def _time(element: Element) -> tuple[int, int, int]:
    found = _TIME.match(text(element))
    if found is None:
        raise TransformError(rules.DATE_OUT_OF_RANGE, f"{text(element)[:40]!r} is not a UTC time", place(element))
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    if hour > 23 or minute > 59 or second > 59:
        raise TransformError(rules.DATE_OUT_OF_RANGE, f"{text(element)[:40]} is not a time of day", place(element))
    return hour, minute, second


def plain_date_octets(element: Element) -> bytes:
    """COSEM date of an xs:date; the year 65535 is the wild year."""
    found = _DATE.match(text(element))
    if found is None:
        raise TransformError(rules.DATE_OUT_OF_RANGE, f"{text(element)[:40]!r} is not a date", place(element))
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (1 <= month <= 12 and 1 <= day <= 31 and year <= _WILD_YEAR):
        raise TransformError(rules.DATE_OUT_OF_RANGE, f"{text(element)} is not a date", place(element))
    return year.to_bytes(2, "big") + bytes((month, day)) + _END


_FORMS: Final = {
    prefix: tuple(
        steps(path)
        for path in (
            f"{year}/SpecifiedYear",
            f"{year}/NonSpecifiedYear",
            f"{month}/SpecifiedMonth",
            f"{month}/NonSpecifiedMonth",
            f"{day}/SpecifiedDayOfMonth",
            f"{day}/{non_specified}",
            f"{week}/SpecifiedDayOfWeek",
            f"{week}/NonSpecifiedDayOfWeek",
            f"{day}/LastDayOfMonth",
            f"{day}/SecondLastDayOfMonth",
        )
    )
    for prefix, (year, month, day, week, non_specified) in {
        "electricity": ("Year", "Month", "DayOfMonth", "DayOfWeek", "NonSpecifiedDayOfMonth"),
        "gas": (
            "GasYearWithWildcards",
            "GasMonthWithWildcards",
            "GasDayOfMonthWithWildcards",
            "GasDayOfWeekWithWildcards",
            "GasNonSpecifiedDayOfMonth",
        ),
    }.items()
}


def _part(element: Element, specified: tuple[str, ...], wild: tuple[str, ...], low: int, high: int) -> int | None:
    found = find(element, specified)
    if found is not None:
        value = integer(found)
        if not low <= value <= high:
            raise TransformError(rules.DATE_OUT_OF_RANGE, f"{value} is not within {low} to {high}", place(found))
        return value
    if find(element, wild) is None:
        raise TransformError(rules.ELEMENT_MISSING, "a part of the date is missing", place(element))
    return None


def wild_date_octets(element: Element) -> bytes:
    """COSEM date of a date with wild cards: FFFF or FF where nothing is specified, FE and FD the last days."""
    forms = _FORMS["electricity"]
    year = _part(element, forms[0], forms[1], 1, 0xFFFE)
    month = _part(element, forms[2], forms[3], 1, 12)
    weekday = _part(element, forms[6], forms[7], 1, 7)
    if find(element, forms[8]) is not None:
        day: int | None = LAST_DAY_OF_MONTH
    elif find(element, forms[9]) is not None:
        day = SECOND_LAST_DAY_OF_MONTH
    else:
        day = _part(element, forms[4], forms[5], 1, 31)
    return (0xFFFF if year is None else year).to_bytes(2, "big") + bytes(_wild(part) for part in (month, day, weekday))


def gas_date_octets(element: Element) -> bytes:
    """ZCL date: year less 1900, month, day, day of week, FF where nothing is specified."""
    forms = _FORMS["gas"]
    year = _part(element, forms[0], forms[1], 1900, 2154)
    month = _part(element, forms[2], forms[3], 1, 12)
    day = _part(element, forms[4], forms[5], 1, 31)
    weekday = _part(element, forms[6], forms[7], 1, 7)
    return bytes(_wild(part) for part in (None if year is None else year - 1900, month, day, weekday))


def _wild(part: int | None) -> int:
    return 0xFF if part is None else part
