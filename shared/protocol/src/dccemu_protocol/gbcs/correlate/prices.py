"""Electricity prices, thresholds, debts, billing calendars and payment modes (gbcs.md section 14)."""

from __future__ import annotations

from collections.abc import Mapping

from .. import datum as d
from ..datum import Datum
from ..dlms import obis_octets
from . import datums
from .asked import Asked, boolean
from .comparer import Comparer
from .datums import I8, I16, U32, array, octets, structure
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import date_of, said_time, time_of
from .result import Difference, Unlike, Unshaped

_TIME_OF_USE = tuple(("time of use", index) for index in range(1, 49))
_BLOCKS = tuple(("block", column, block) for block in range(1, 5) for column in range(1, 9))
_PRIMARY = {bytes((index,)): _TIME_OF_USE[index - 1] for index in range(1, 49)} | {
    bytes(((0x90 + 0x10 * key[2]) | key[1],)): key for key in _BLOCKS
}
_SECONDARY = {bytes((index,)): ("secondary", index) for index in range(1, 5)}


def _table(keys: Mapping[bytes, tuple[object, ...]]) -> datums.Shape:
    """Prices by their index, every index once and in order."""
    entry = structure(("index", octets()), ("price", I16))
    wanted = tuple(keys)

    def read(datum: Datum) -> Plain:
        found = array(entry)(datum)
        assert isinstance(found, tuple)
        if tuple(one["index"] for one in found) != wanted:
            raise Unshaped(f"{len(wanted)} prices in order of their index", f"{len(found)} others")
        return {keys[one["index"]]: one["price"] for one in found}

    return read


def _matrix(obis: str, keys: Mapping[bytes, tuple[object, ...]]) -> datums.Shape:
    commodity = d.structure(d.LongUnsigned(3), d.OctetString(obis_octets(obis)), d.Integer(2))
    return structure(("scale", structure(d.Integer(3), ("scale", I8))), commodity, ("prices", _table(keys)))


def _scaled(asked: Asked, path: str) -> Meaning:
    return Group(asked.part(path).place, {"scale": asked.said(path)})


def price_matrix(path: str) -> Comparer[Datum]:
    """Time-of-use prices 1..48 and block prices 1..4 of columns 1..8; those not given are 0."""

    def meaning(asked: Asked) -> Meaning:
        element = asked.part(path)
        given: dict[object, Meaning] = {}
        for tariff in ("TOUTariff", "BlockTariff", "HybridTariff"):
            if not element.has(tariff):
                continue
            given |= {("time of use", key): one.said("") for key, one in element.by(f"{tariff}/TOUPrice").items()}
            for column, prices in element.by(f"{tariff}/BlockPrices").items():
                given |= {("block", column, key): one.said("") for key, one in prices.by("BlockPrice").items()}
        prices_given = Group(element.place, given, otherwise=0)
        return Group(element.place, {"scale": _scaled(element, "PriceScale"), "prices": prices_given})

    return Comparer(_matrix("1-0:1.8.0.255", _PRIMARY), meaning)


def secondary_prices(path: str) -> Comparer[Datum]:
    """Prices 1..4 of the secondary element; those not given are 0."""

    def meaning(asked: Asked) -> Meaning:
        element = asked.part(path)
        given: dict[object, Meaning] = {
            ("secondary", key): one.said("") for key, one in element.by("ElectricityPriceElement").items()
        }
        prices = Group(element.place, given, otherwise=0)
        return Group(element.place, {"scale": _scaled(element, "PriceScale"), "prices": prices})

    return Comparer(_matrix("1-20:1.8.0.255", _SECONDARY), meaning)


_SINGLE = structure(
    ("scale", structure(d.Integer(0), ("scale", I8))),
    d.structure(d.LongUnsigned(0), d.OctetString(bytes(6)), d.Integer(0)),
    ("price", array(structure(d.OctetString(b""), ("price", I16)))),
)


def single_price(path: str, price: str, scale: str) -> Comparer[Datum]:
    """A charge with one price: standing charge and debt recovery rates."""

    def meaning(asked: Asked) -> Meaning:
        element = asked.part(path)
        said = element.said(price)
        row = Row(said.place, (Group(said.place, {"price": said}),))
        return Group(element.place, {"scale": _scaled(element, scale), "price": row})

    return Comparer(_SINGLE, meaning)


def thresholds(path: str, column: int) -> Comparer[Datum]:
    """The block thresholds of one column of the matrix."""

    def meaning(asked: Asked) -> Meaning:
        groups = asked.by(path)
        if column not in groups:
            place = f"{asked.place}/{path}"
            raise Unlike(Difference(place, "threshold matrix", f"one with index {column}", f"{sorted(groups)}"))
        group = groups[column]
        members: dict[object, Meaning] = {key: one.said("") for key, one in group.by("BlockThreshold").items()}
        return Group(group.place, members)

    def shape(datum: Datum) -> Plain:
        found = array(U32)(datum)
        assert isinstance(found, tuple)
        return dict(enumerate(found, 1))

    return Comparer(shape, meaning)


# -- billing ---------------------------------------------------------------------------------------------------------

_BILLING = array(structure(("time", octets(time_of)), ("date", octets(date_of))))
_PERIODS = {"Quarterly": 3, "SixMonthly": 6, "Yearly": 12}


def billing_calendar(path: str) -> Comparer[Datum]:
    """When billing happens: a time and a date with wild cards, several of them where periods are parts of a year."""

    def meaning(asked: Asked) -> Meaning:
        calendar = asked.part(path)
        time = said_time(calendar, "BillingTime")
        entries = [Group(place, {"time": time, "date": date}) for place, date in _billing_dates(calendar)]
        return Row(calendar.place, tuple(entries))

    return Comparer(_BILLING, meaning)


def _billing_dates(calendar: Asked) -> list[tuple[str, Meaning]]:
    def date(place: str, **parts: Said) -> tuple[str, Meaning]:
        names = ("year", "month", "day", "weekday")
        return place, Group(place, {name: parts.get(name, Said(None, place)) for name in names})

    for name, months in _PERIODS.items():
        period = calendar.maybe(name)
        if period is not None:
            start = period.said("BillingPeriodStartMonth")
            assert isinstance(start.value, int)
            following = [(start.value - 1 + later) % 12 + 1 for later in range(0, 12, months)]
            day = period.said("DayOfMonth")
            return [date(start.place, month=Said(month, start.place), day=day) for month in following]
    if (weekly := calendar.maybe("Weekly")) is not None:
        return [date(weekly.place, weekday=weekly.said(""))]
    if (monthly := calendar.maybe("Monthly")) is not None:
        return [date(monthly.place, day=monthly.said(""))]
    return [date(calendar.part("Daily").place)]


def daily_reset(path: str) -> Comparer[Datum]:
    """Every midnight, or no entry."""
    every_midnight = ({"time": (0, 0, 0), "date": {"year": None, "month": None, "day": None, "weekday": None}},)

    def shape(datum: Datum) -> Plain:
        found = _BILLING(datum)
        if found not in ((), every_midnight):
            raise Unshaped("every midnight or never", found)
        return found == every_midnight

    return Comparer(shape, lambda asked: asked.said(path, boolean))
