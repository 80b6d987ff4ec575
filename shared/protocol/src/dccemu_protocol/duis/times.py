"""xs:dateTime and xs:date as DUIS uses them: always read into aware UTC, written with ``Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from ..errors import ProtocolError

_DATE_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?\Z", re.ASCII
)


_WRITTEN: Final = "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ"
# Room for white space around; a fraction may have any length, and what is remembered must not.
_REMEMBERED_LENGTH: Final = 64


def read_date_time(text: str) -> datetime:
    """Read an xs:dateTime; without a time zone it is taken as UTC. Fractions beyond microseconds are cut.

    Raises
    ------
    ProtocolError
        ``SCHEMA_INVALID`` when the text is not an xs:dateTime with a four-digit year.
    """
    return _remembered(text) if len(text) <= _REMEMBERED_LENGTH else _read(text)


def _read(text: str) -> datetime:
    match = _DATE_TIME.match(text.strip(" \t\r\n"))
    if match is None:
        raise ProtocolError("SCHEMA_INVALID", f"{text[:40]!r} is not an xs:dateTime")
    year, month, day, hour, minute, second = (int(match[n]) for n in range(1, 7))
    microsecond = int((match[7] or "0").ljust(6, "0")[:6])
    is_end_of_day = (hour, minute, second, microsecond) == (24, 0, 0, 0)
    try:
        at = datetime(year, month, day, 0 if is_end_of_day else hour, minute, second, microsecond, tzinfo=UTC)
        at += timedelta(days=1) if is_end_of_day else timedelta()
        return at - _offset(match[8])
    except (ValueError, OverflowError):
        raise ProtocolError("SCHEMA_INVALID", f"{text[:40]!r} is not a date and time of the calendar") from None


# A date is read by the rules and by the transformation, and more than once where others are reckoned from it.
_remembered = lru_cache(maxsize=1024)(_read)


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -size if zone[0] == "-" else size


def write_date_time(at: datetime) -> str:
    """Write UTC with milliseconds and ``Z``, the form of the published samples (duis.md section 2)."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return _WRITTEN % (
        utc.year,
        utc.month,
        utc.day,
        utc.hour,
        utc.minute,
        utc.second,
        utc.microsecond // 1000,
    )
