"""Electricity calendars: seasons, weeks, days, special days and schedules (gbcs.md section 14)."""

from __future__ import annotations

from collections.abc import Callable

from ..datum import Datum
from . import datums
from .asked import Asked
from .comparer import Comparer
from .datums import U8, U16, array, mapped, obis, octets, structure, text_of
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import date_of, midnight_of, said_date, said_time, time_of
from .result import Difference, Unlike, Unshaped

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TARIFF_SCRIPTS = obis("0-0:10.0.100.255")
_BLOCK_SCRIPTS = 100
_SECONDARY_SCRIPTS = 200


def _small(value: bytes) -> Plain:
    if len(value) != 1:
        raise Unshaped("one octet", value)
    return value[0]


def rows(path: str, shape: datums.Shape, of: Callable[[Asked], Meaning]) -> Comparer[Datum]:
    """An array with an entry for each element of a path, in their order."""
    before = path.rpartition("/")[0]
    return Comparer(
        array(shape), lambda asked: Row(asked.part(before).place, tuple([of(one) for one in asked.each(path)]))
    )


# -- seasons, weeks, days --------------------------------------------------------------------------------------------

_SEASON = structure(("name", octets(text_of)), ("start", octets(midnight_of)), ("week", octets(_small)))
_WEEK = structure(("name", octets(_small)), *((day, U8) for day in DAYS))
_ACTION = structure(("time", octets(time_of)), TARIFF_SCRIPTS, ("action", mapped(U16, lambda value: _tariff(value))))
_DAY = structure(("day", U8), ("schedule", array(_ACTION)))


def _tariff(selector: Plain) -> Plain:
    """What a script of the tariff script table does."""
    assert isinstance(selector, int)
    if selector > _SECONDARY_SCRIPTS:
        return "secondary", selector - _SECONDARY_SCRIPTS
    return ("block", selector - _BLOCK_SCRIPTS) if selector > _BLOCK_SCRIPTS else ("time of use", selector)


def seasons(path: str) -> Comparer[Datum]:
    """Seasons of an activity calendar."""

    def season(one: Asked) -> Meaning:
        members: dict[object, Meaning] = {
            "name": one.said("SeasonName", str),
            "start": said_date(one, "SeasonStartDate"),
            "week": one.said("ReferencedWeekName"),
        }
        return Group(one.place, members)

    return rows(path, _SEASON, season)


def weekdays(one: Asked) -> dict[object, Meaning]:
    """The seven day names of a week, by weekday."""
    named = one.by("ReferencedDayName")
    if sorted(named) != list(range(1, 8)):
        raise Unlike(Difference(f"{one.place}/ReferencedDayName", "week", "the days 1 to 7", f"{sorted(named)}"))
    return {DAYS[index - 1]: day.said("") for index, day in sorted(named.items())}


def weeks(path: str) -> Comparer[Datum]:
    """Week profiles of an activity calendar."""
    return rows(path, _WEEK, lambda one: Group(one.place, {"name": one.said("WeekName"), **weekdays(one)}))


def day_profiles(path: str, action: Callable[[Asked], Said]) -> Comparer[Datum]:
    """Day profiles of an activity calendar."""

    def scheduled(one: Asked) -> Meaning:
        return Group(one.place, {"time": said_time(one, "StartTime"), "action": action(one)})

    def day(one: Asked) -> Meaning:
        schedule = Row(one.place, tuple([scheduled(entry) for entry in one.each("ProfileSchedule")]))
        return Group(one.place, {"day": one.said("DayName"), "schedule": schedule})

    return rows(path, _DAY, day)


def primary_action(one: Asked) -> Said:
    """TOUTariffAction or BlockTariffAction."""
    kind, path = ("block", "BlockTariffAction") if one.has("BlockTariffAction") else ("time of use", "TOUTariffAction")
    return _kind_of(one, kind, path)


def secondary_action(one: Asked) -> Said:
    """TOUTariffAction of the secondary element."""
    return _kind_of(one, "secondary", "TOUTariffAction")


def _kind_of(one: Asked, kind: str, path: str) -> Said:
    said = one.said(path)
    return Said((kind, said.value), said.place)


# -- special days ----------------------------------------------------------------------------------------------------

_SPECIAL_DAY = structure(("number", U16), ("date", octets(date_of)), ("day", U8))


def special_days(path: str) -> Comparer[Datum]:
    """Special days with the day profile each refers to; numbered from 1."""
    return _special_days(path, "Date", lambda one, number: one.said("ReferencedDayName"))


def numbered_special_days(path: str, date: str) -> Comparer[Datum]:
    """Special days whose day id repeats their number."""
    return _special_days(path, date, lambda one, number: Said(number, one.place))


def _special_days(path: str, date: str, day: Callable[[Asked, int], Said]) -> Comparer[Datum]:
    def meaning(asked: Asked) -> Meaning:
        entries = [
            Group(one.place, {"number": Said(number, one.place), "date": said_date(one, date), "day": day(one, number)})
            for number, one in enumerate(asked.each(path), 1)
        ]
        return Row(asked.part(path.rpartition("/")[0]).place, tuple(entries))

    return Comparer(array(_SPECIAL_DAY), meaning)
