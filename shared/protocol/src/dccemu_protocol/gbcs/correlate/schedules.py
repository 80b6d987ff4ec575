"""Schedules of switching and non-disablement calendars (gbcs.md section 14)."""

from __future__ import annotations

from collections.abc import Callable

from .. import datum as d
from ..datum import Datum
from . import datums
from .asked import Asked, integer
from .calendars import DAYS
from .comparer import Comparer
from .datums import U16, array, bits, mapped, obis, octets, structure
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import date_of, said_date, said_plain_date, said_time, time_of
from .result import Difference, Unlike, Unshaped

DateOf = Callable[[Asked, str], Meaning]


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
            ids = [(day.value(integer), f"{day.place}") for day in _special_day_ids(one)]
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
