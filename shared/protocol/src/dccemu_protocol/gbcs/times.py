"""Dates and times of GBCS: COSEM date, time and date-time, and seconds since 2000 (gbcs.md section 6.3).

A part that is not specified is ``None``. Two date-times stand for themselves: ``NOW`` (at once) and ``NEVER`` (cancel,
or no value). GBCS writes hundredths 00, day of week FF, deviation 8000 and clock status FF.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct

from .errors import BAD_LENGTH, BAD_VALUE, OUT_OF_RANGE, GbcsError

LAST_DAY_OF_MONTH = 0xFE
SECOND_LAST_DAY_OF_MONTH = 0xFD
DAYLIGHT_SAVINGS_END = 0xFD
DAYLIGHT_SAVINGS_BEGIN = 0xFE
UNSPECIFIED_DEVIATION = -0x8000
UNSPECIFIED_STATUS = 0xFF

NOW = bytes.fromhex("0000000000000000008000ff")
NEVER = bytes.fromhex("ffffffffffffffffff8000ff")

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_PARTS = Struct(">H7BhB")
SECONDS_NOW = 0
SECONDS_NEVER = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class CosemDate:
    """COSEM date; ``day`` may be ``LAST_DAY_OF_MONTH`` or the one before, ``weekday`` is 1 Monday .. 7 Sunday."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None

    def __post_init__(self) -> None:
        _check("year", self.year, 0, 0xFFFE)
        if self.month not in (DAYLIGHT_SAVINGS_BEGIN, DAYLIGHT_SAVINGS_END):
            _check("month", self.month, 1, 12)
        if self.day not in (LAST_DAY_OF_MONTH, SECOND_LAST_DAY_OF_MONTH):
            _check("day", self.day, 1, 31)
        _check("day of week", self.weekday, 1, 7)

    def __str__(self) -> str:
        day = {LAST_DAY_OF_MONTH: "last", SECOND_LAST_DAY_OF_MONTH: "second-last"}.get(self.day or 0)
        text = f"{_digits(self.year, 4)}-{_digits(self.month, 2)}-{day or _digits(self.day, 2)}"
        return text if self.weekday is None else f"{text} weekday {self.weekday}"


@dataclass(frozen=True, slots=True)
class CosemTime:
    """COSEM time of day."""

    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    hundredths: int | None = None

    def __post_init__(self) -> None:
        _check("hour", self.hour, 0, 23)
        _check("minute", self.minute, 0, 59)
        _check("second", self.second, 0, 59)
        _check("hundredths", self.hundredths, 0, 99)

    def __str__(self) -> str:
        text = ":".join(_digits(part, 2) for part in (self.hour, self.minute, self.second))
        return f"{text}.{self.hundredths:02}" if self.hundredths else text


@dataclass(frozen=True, slots=True)
class CosemDateTime:
    """COSEM date-time; ``deviation`` is minutes from UTC or ``UNSPECIFIED_DEVIATION``."""

    date: CosemDate
    time: CosemTime
    deviation: int = UNSPECIFIED_DEVIATION
    status: int = UNSPECIFIED_STATUS

    def __str__(self) -> str:
        return f"{self.date}T{self.time}Z"


def _check(what: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise GbcsError(OUT_OF_RANGE, f"{what} {value} is not {low} to {high}")


def _digits(value: int | None, width: int) -> str:
    return "*" * width if value is None else f"{value:0{width}}"


def _octet(value: int | None) -> int:
    return 0xFF if value is None else value


def _part(octet: int) -> int | None:
    return None if octet == 0xFF else octet


def _expect(data: bytes, width: int, what: str) -> None:
    if len(data) != width:
        raise GbcsError(BAD_LENGTH, f"a {what} has {width} octets, not {len(data)}", 0)


def encode_date(date: CosemDate) -> bytes:
    """Five octets."""
    year = 0xFFFF if date.year is None else date.year
    return bytes((year >> 8, year & 0xFF, _octet(date.month), _octet(date.day), _octet(date.weekday)))


def decode_date(data: bytes) -> CosemDate:
    """Read five octets."""
    _expect(data, 5, "date")
    year = int.from_bytes(data[:2], "big")
    return CosemDate(None if year == 0xFFFF else year, _part(data[2]), _part(data[3]), _part(data[4]))


def encode_time(time: CosemTime) -> bytes:
    """Four octets."""
    return bytes((_octet(time.hour), _octet(time.minute), _octet(time.second), _octet(time.hundredths)))


def decode_time(data: bytes) -> CosemTime:
    """Read four octets."""
    _expect(data, 4, "time")
    return CosemTime(*(_part(octet) for octet in data))


def encode_date_time(value: CosemDateTime) -> bytes:
    """Twelve octets."""
    deviation = value.deviation.to_bytes(2, "big", signed=True)
    return encode_date(value.date) + encode_time(value.time) + deviation + bytes((value.status,))


def decode_date_time(data: bytes) -> CosemDateTime:
    """Read twelve octets; ``NOW`` is not a date-time of its own and is refused."""
    _expect(data, 12, "date-time")
    if data == NOW:
        raise GbcsError(BAD_VALUE, "the value means now, it is not a date-time", 0)
    deviation = int.from_bytes(data[9:11], "big", signed=True)
    if deviation != UNSPECIFIED_DEVIATION and not -720 <= deviation <= 840:
        raise GbcsError(OUT_OF_RANGE, f"deviation {deviation} is not -720 to 840 minutes", 9)
    return CosemDateTime(decode_date(data[:5]), decode_time(data[5:9]), deviation, data[11])


def date_time_octets(at: datetime, status: int = UNSPECIFIED_STATUS) -> bytes:
    """An instant as GBCS writes it: UTC to the second, day of week and deviation not specified."""
    at = _utc(at)
    year = at.year
    return bytes(
        (year >> 8, year & 0xFF, at.month, at.day, 0xFF, at.hour, at.minute, at.second, 0, 0x80, 0, status),
    )


def instant(data: bytes) -> datetime | None:
    """The instant a fully specified date-time stands for, else ``None`` (``NOW``, ``NEVER``, wild cards)."""
    _expect(data, 12, "date-time")
    year, month, day, weekday, hour, minute, second, hundredths, deviation, _ = _PARTS.unpack(data)
    if weekday == 0xFF and not hundredths and deviation == UNSPECIFIED_DEVIATION:  # the form that GBCS writes
        with suppress(ValueError):
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return None if data == NOW else _instant_of(decode_date_time(data))


def _instant_of(value: CosemDateTime) -> datetime | None:
    date, time = value.date, value.time
    year, month, day = date.year, date.month, date.day
    hour, minute, second = time.hour, time.minute, time.second
    if year is None or month is None or day is None or hour is None or minute is None or second is None:
        return None
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return at if value.deviation == UNSPECIFIED_DEVIATION else at + timedelta(minutes=value.deviation)


def seconds_since_2000(at: datetime) -> int:
    """Seconds since 2000-01-01T00:00:00Z as 32 bits."""
    since = _utc(at) - EPOCH
    seconds = since.days * 86_400 + since.seconds
    if not 0 <= seconds < SECONDS_NEVER:
        raise GbcsError(OUT_OF_RANGE, f"{at} is not within 32 bits of seconds since 2000")
    return seconds


def from_seconds(seconds: int) -> datetime:
    """The instant of a number of seconds since 2000."""
    return EPOCH + timedelta(seconds=seconds)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise GbcsError(BAD_VALUE, f"{at} has no time zone")
    return at if at.tzinfo is UTC else at.astimezone(UTC)
