"""Dates and times on both sides, brought to one form (gbcs.md sections 6.3, 7, 11 and 14).

A date is a group of year, month, day and weekday, each ``None`` when wild; days may be ``last`` and ``second last``. A
time of day is (hour, minute, second). An execution time is an instant, ``now`` or ``never``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from .. import times
from ..times import CosemDate, CosemTime
from ..zcl import FieldValue, ZclDate
from .asked import Asked, instant
from .meaning import Group, Plain, Said
from .result import REQUEST_UNREADABLE, CorrelationError, Unshaped

NOW = "now"
NEVER = "never (cancelled)"
LAST = "last"
SECOND_LAST = "second last"
_SPECIAL_DAYS = {times.LAST_DAY_OF_MONTH: LAST, times.SECOND_LAST_DAY_OF_MONTH: SECOND_LAST}
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):(\d\d))?\Z", re.ASCII)
_DATE = re.compile(r"(\d{4,5})-(\d\d)-(\d\d)(?:Z|[+-]00:00)?\Z", re.ASCII)
_WILD_YEAR = 65535
_CANCELLED = 3000
_PARTS = {"year": "Year", "month": "Month", "day": "DayOfMonth", "weekday": "DayOfWeek"}


# -- what the request says -------------------------------------------------------------------------------------------


def execution(asked: Asked) -> Said:
    """ExecutionDateTime of the body: absent is now, the year 3000 is never."""
    body = asked.body
    found = body.maybe("ExecutionDateTime")
    if found is None:
        return Said(NOW, body.place)
    at = found.value(instant)
    return Said(NEVER if at.year >= _CANCELLED else at, found.place)


def _time_of_day(text: str) -> tuple[int, int, int]:
    found = _TIME.match(text)
    if found is None:
        raise ValueError("a time of day")
    hour, minute, second = (int(found[number]) for number in (1, 2, 3))
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("a time of day")
    offset = 0 if found[4] is None else (int(found[5]) * 60 + int(found[6])) * (1 if found[4] == "+" else -1)
    hour, minute = divmod((hour * 60 + minute - offset) % 1440, 60)
    return hour, minute, second


def said_time(asked: Asked, path: str) -> Said:
    """An xs:time in UTC; parts of a second do not travel."""
    return asked.said(path, _time_of_day)


def said_minutes(asked: Asked, path: str) -> Said:
    """An xs:time as minutes since midnight, and seconds beyond the minute."""
    hour, minute, second = asked.value(_time_of_day, path)
    return Said((60 * hour + minute, second), asked.part(path).place)


def _plain(text: str) -> tuple[int | None, int, int]:
    found = _DATE.match(text)
    if found is None:
        raise ValueError("a date")
    year = int(found[1])
    return (None if year == _WILD_YEAR else year), int(found[2]), int(found[3])


def said_plain_date(asked: Asked, path: str) -> Group:
    """An xs:date; the year 65535 is wild."""
    year, month, day = asked.value(_plain, path)
    place = asked.part(path).place
    parts = {"year": year, "month": month, "day": day, "weekday": None}
    return Group(place, {name: Said(value, place) for name, value in parts.items()})


def said_date(asked: Asked, path: str) -> Group:
    """A date with wild cards, each part of it one child."""
    date = asked.part(path)
    return Group(date.place, {name: _part(date, element) for name, element in _PARTS.items()})


def _part(date: Asked, name: str) -> Said:
    """A Specified... number, or a marker."""
    element = date.maybe(name) or date.part(f"Gas{name}WithWildcards")
    choice = element.children()[0] if element.children() else element
    if choice.name == "LastDayOfMonth":
        return Said(LAST, choice.place)
    if choice.name == "SecondLastDayOfMonth":
        return Said(SECOND_LAST, choice.place)
    if choice.name.startswith("Specified"):
        return choice.said("")
    if "NonSpecified" not in choice.name:
        raise CorrelationError(REQUEST_UNREADABLE, f"{choice.name} is no part of a date", place=choice.place)
    return Said(None, choice.place)


# -- what a DLMS value says ------------------------------------------------------------------------------------------


def date_of(octets: bytes) -> Plain:
    """Five octets."""
    return _date(times.decode_date(octets))


def _date(date: CosemDate) -> Plain:
    day: Plain = _SPECIAL_DAYS.get(date.day or 0, date.day)
    return {"year": date.year, "month": date.month, "day": day, "weekday": date.weekday}


def _hms(time: CosemTime) -> Plain:
    if time.hundredths != 0:
        raise Unshaped("a time with hundredths 0", str(time))
    return time.hour, time.minute, time.second


def time_of(octets: bytes) -> Plain:
    """Four octets."""
    return _hms(times.decode_time(octets))


def midnight_of(octets: bytes) -> Plain:
    """Twelve octets: the date; the time has to be midnight."""
    value = times.decode_date_time(octets)
    _check_frame(octets)
    if _hms(value.time) != (0, 0, 0):
        raise Unshaped("midnight", str(value.time))
    return _date(value.date)


def moment_of(octets: bytes) -> Plain:
    """Twelve octets: now, never or an instant."""
    if octets == times.NOW:
        return NOW
    if octets == times.NEVER:
        return NEVER
    at = times.instant(octets)
    _check_frame(octets)
    if at is None or times.decode_date_time(octets).date.weekday is not None or octets[8]:
        raise Unshaped("an instant", octets)
    return at


def _check_frame(octets: bytes) -> None:
    if octets[9:] != b"\x80\x00\xff":
        raise Unshaped("deviation and clock status not specified", octets)


# -- what a GBZ field says -------------------------------------------------------------------------------------------


def seconds_of(value: FieldValue) -> Plain:
    """Seconds since 2000."""
    if not isinstance(value, int):
        raise Unshaped("seconds since 2000", value)
    return times.from_seconds(value)


def start_of(cancel: int) -> Callable[[FieldValue], Plain]:
    """Start or implementation time: 0 is now, ``cancel`` never."""

    def read(value: FieldValue) -> Plain:
        if value == 0:
            return NOW
        if value == cancel:
            return NEVER
        if not isinstance(value, int) or value >= times.SECONDS_NEVER - 1:
            raise Unshaped("seconds since 2000", value)
        return times.from_seconds(value)

    return read


def zcl_date(value: object) -> Plain:
    """Year less 1900 (which the codec adds), month, day, day of week."""
    if not isinstance(value, ZclDate):
        raise Unshaped("a date", value)
    return {"year": value.year, "month": value.month, "day": value.day, "weekday": value.weekday}


def der_time(value: datetime | None, cancel: datetime) -> Plain:
    """Execution time of a DER structure: absent is now."""
    if value is None:
        return NOW
    return NEVER if value == cancel else value.astimezone(UTC)
