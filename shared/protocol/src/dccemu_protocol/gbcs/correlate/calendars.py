"""Electricity calendars: seasons, weeks, days, special days and schedules (gbcs.md section 14)."""

from __future__ import annotations

from collections.abc import Callable

from .. import datum as d
from ..datum import Datum
from . import datums
from .asked import Asked
from .comparer import Comparer
from .datums import U8, U16, array, bits, mapped, obis, octets, structure, text_of
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import date_of, midnight_of, said_date, said_plain_date, said_time, time_of
from .result import Difference, Unlike, Unshaped

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TARIFF_SCRIPTS = obis("0-0:10.0.100.255")
_BLOCK_SCRIPTS = 100
_SECONDARY_SCRIPTS = 200

DateOf = Callable[[Asked, str], Meaning]


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


# -- schedules -------------------------------------------------------------------------------------------------------


def _flags(datum: Datum) -> Plain:
    found = bits(datum)
    assert isinstance(found, str)
    return {number: bit == "1" for number, bit in enumerate(found, 1)}


def _week_flags(datum: Datum) -> Plain:
    found = bits(datum)
    assert isinstance(found, str)
    if len(found) != len(DAYS):
        raise Unshaped("seven bits", found)
    return {day: bit == "1" for day, bit in zip(DAYS, found, strict=True)}


def schedule_shape(scripts: str, action: Callable[[Plain], Plain]) -> datums.Shape:
    """Entries of a schedule of one script table; validity windows are not used."""
    return structure(
        ("number", U16),
        d.TRUE,
        obis(scripts),
        ("action", mapped(U16, action)),
        ("time", octets(time_of)),
        d.LongUnsigned(0xFFFF),
        ("weekdays", _week_flags),
        ("special days", _flags),
        ("start", octets(date_of)),
        ("end", octets(date_of)),
    )


def applicable_weekdays(one: Asked, path: str) -> Meaning:
    """Which weekdays a schedule entry is for, however often named; none where the element is not there."""
    container = one.maybe(path)
    place = one.place if container is None else container.place
    named: dict[object, Meaning] = {}
    for day in [] if container is None else container.each("DayOfWeekApplicability"):
        name = day.value(str, "DayOfWeekID")
        named[name] = Said(True, day.part("DayOfWeekID").place)
    return Group(place, named, otherwise=False)


def applicable_special_days(one: Asked, defined: dict[int, Asked], named: list[tuple[int, str]]) -> Meaning:
    """Which of the special days a schedule entry is for, by their position."""
    positions = {index: position for position, index in enumerate(defined, 1)}
    chosen: dict[object, Meaning] = {}
    for index, place in named:
        if index not in positions:
            raise Unlike(Difference(place, "special days", "a special day that is defined", str(index)))
        chosen[positions[index]] = Said(True, place)
    members: dict[object, Meaning] = {
        position: chosen.get(position, Said(False, one.place)) for position in positions.values()
    }
    return Group(one.place, {**chosen, **members})


def dates(one: Asked, path: str, date: DateOf) -> dict[object, Meaning]:
    """Switch time, start and end of a schedule entry."""
    return {
        "time": said_time(one, f"{path}/SwitchTime"),
        "start": date(one, f"{path}/StartDate"),
        "end": date(one, f"{path}/EndDate"),
    }


_NON_DISABLEMENT = schedule_shape("0-0:10.0.106.255", lambda value: {32: "START", 33: "STOP"}.get(value, value))  # type: ignore[call-overload]


def non_disablement(calendar: str) -> Comparer[Datum]:
    """The non-disablement calendar of prepayment."""

    def meaning(asked: Asked) -> Meaning:
        element = asked.part(calendar)
        defined = element.by("ElectricitySpecialDays/SpecialDay")
        entries = []
        for number, one in enumerate(element.each("ElectricityNonDisablementSchedule"), 1):
            ids = [(day.value(_positive), f"{day.place}") for day in _special_day_ids(one)]
            members: dict[object, Meaning] = {
                "action": one.said("NonDisablementScript", str),
                **dates(one, "ScheduleDatesAndTime", said_plain_date),
                "weekdays": applicable_weekdays(one, "DaysOfWeekApplicability"),
                "special days": applicable_special_days(one, defined, ids),
                "number": Said(number, one.place),
            }
            entries.append(Group(one.place, members))
        return Row(element.place, tuple(entries))

    return Comparer(array(_NON_DISABLEMENT), meaning)


def _positive(text: str) -> int:
    return int(text)


def _special_day_ids(one: Asked) -> list[Asked]:
    return [day.part("SpecialDayID") for day in one.each("SpecialDaysApplicability/SpecialDayApplicability")]


def switching(
    schedule: str, definitions: str, key: str, shape: datums.Shape, action: Callable[[Asked], Meaning], when: str
) -> Comparer[Datum]:
    """A calendar of auxiliary controllers; special days are named by the attribute ``key``."""

    def meaning(asked: Asked) -> Meaning:
        defined = asked.by(definitions, key)
        entries = []
        for number, one in enumerate(asked.each(schedule), 1):
            named = [(day.attribute(key), f"{day.place}/@{key}") for day in one.each("SpecialDaysApplicability")]
            members: dict[object, Meaning] = {
                "action": action(one),
                **dates(one, when, said_date),
                "weekdays": applicable_weekdays(one, "DaysOfWeekApplicability"),
                "special days": applicable_special_days(one, defined, named),
                "number": Said(number, one.place),
            }
            entries.append(Group(one.place, members))
        return Row(asked.place, tuple(entries))

    return Comparer(array(shape), meaning)
