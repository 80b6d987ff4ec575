"""Parts that Commands for gas meters share: common fields, repeated groups, calendars (gbcs.md section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..zcl import ENTRIES, FieldValue
from .asked import Asked
from .calendars import DAYS, weekdays
from .commands import GATEWAY_TIME, FieldContent, GbzPart, each_command, send
from .comparer import Comparer
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import said_date, zcl_date
from .result import Unshaped
from .simple import count, field, start, whole

FOREVER = start(0xFFFFFFFF)
FOREVER_CALENDAR = start(0xFFFFFFFE)
ONE: Mapping[str, FieldContent] = {"commandIndex": 0, "totalCommands": 1}
BY_PROVIDER: Mapping[str, FieldContent] = {"providerId": 0, "issuerEventId": GATEWAY_TIME}
OF_CALENDAR: Mapping[str, FieldContent] = {**BY_PROVIDER, "issuerCalendarId": GATEWAY_TIME}
_WEEK_FIELDS = dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), DAYS, strict=True))


def entries_of(reads: Mapping[str, Callable[[FieldValue], Plain]]) -> Callable[[FieldValue], Plain]:
    """A repeated group of fields."""

    def read(value: FieldValue) -> Plain:
        if not isinstance(value, tuple):
            raise Unshaped("entries", value)
        return tuple([{name: reads[name](field) for name, field in entry.items()} for entry in value])

    return read


def listed(
    path: str, reads: Mapping[str, Callable[[FieldValue], Plain]], of: Callable[[Asked], Meaning]
) -> Comparer[FieldValue]:
    """An entry for each element of a path, in their order."""
    before = path.rpartition("/")[0]
    return Comparer(
        entries_of(reads), lambda asked: Row(asked.part(before).place, tuple([of(one) for one in asked.each(path)]))
    )


def calendar(kind: int, root: str, names: tuple[str, str, str, str], day: GbzPart) -> tuple[GbzPart, ...]:
    """A calendar; ``names`` are the paths of days, weeks, seasons and special days."""
    days, week_profiles, season_profiles, special = (f"{root}/{name}" for name in names)

    def season(one: Asked) -> Meaning:
        return Group(
            one.place, {"startDate": said_date(one, "SeasonStartDate"), "weekIdRef": one.said("ReferencedWeekName")}
        )

    def special_day(one: Asked) -> Meaning:
        return Group(one.place, {"date": said_date(one, "Date"), "dayIdRef": one.said("ReferencedDayName")})

    week_days = {
        field_name: Comparer(whole, lambda asked, name=name: weekdays(asked)[name])  # type: ignore[misc]
        for field_name, name in _WEEK_FIELDS.items()
    }
    return (
        send(
            "PublishCalendar",
            {
                **OF_CALENDAR,
                "startTime": FOREVER_CALENDAR,
                "calendarType": kind,
                "calendarTimeReference": 0,
                "calendarName": b"",
                "numberOfSeasons": count(season_profiles),
                "numberOfWeekProfiles": count(week_profiles),
                "numberOfDayProfiles": count(days),
            },
        ),
        each_command(days, day),
        each_command(
            week_profiles, send("PublishWeekProfile", {**OF_CALENDAR, "weekId": field("WeekName"), **week_days})
        ),
        send(
            "PublishSeasons",
            {
                **OF_CALENDAR,
                **ONE,
                ENTRIES: listed(season_profiles, {"startDate": zcl_date, "weekIdRef": whole}, season),
            },
        ),
        send(
            "PublishSpecialDays",
            {
                **OF_CALENDAR,
                **ONE,
                "startTime": FOREVER_CALENDAR,
                "calendarType": kind,
                "numberOfSpecialDays": count(special),
                ENTRIES: listed(special, {"date": zcl_date, "dayIdRef": whole}, special_day),
            },
        ),
    )


def minutes(value: FieldValue) -> Plain:
    return whole(value), 0


def day_profile(name: str, kind: int, entries: Callable[[Asked], Meaning]) -> GbzPart:
    def number(asked: Asked) -> Said:
        row = entries(asked)
        assert isinstance(row, Row)
        return Said(len(row.items), asked.place)

    return send(
        "PublishDayProfile",
        {
            **OF_CALENDAR,
            **ONE,
            "dayId": field(name),
            "numberOfEntries": Comparer(whole, number),
            "calendarType": kind,
            ENTRIES: Comparer(entries_of({"startMinutes": minutes, "priceTierOrEnable": whole}), entries),
        },
    )
