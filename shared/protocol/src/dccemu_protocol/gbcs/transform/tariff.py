"""Tariffs: price matrices, block thresholds, billing calendars (gbcs.md section 14)."""

from __future__ import annotations

from typing import Final

from ...duis.document import Element
from .. import datum as d
from ..datum import Datum
from . import rules
from .data import CONSTRUCTORS, Data
from .elements import at, boolean, children, find, place, ranged, steps
from .job import Job
from .lists import by_index, numbered
from .rules import TransformError
from .times import time_octets
from .values import Json, integer_argument, list_argument, text_argument

_BLOCKS: Final = 4
_COLUMNS: Final = 8
_TIME_OF_USE: Final = 48
_SECONDARY: Final = 4
_PRIMARY_COMMODITY: Final = bytes.fromhex("0100010800ff")
_SECONDARY_COMMODITY: Final = bytes.fromhex("0114010800ff")
_TIME_OF_USE_INDEXES: Final = tuple(d.OctetString(bytes((index,))) for index in range(1, _TIME_OF_USE + 1))
_BLOCK_INDEXES: Final = tuple(
    tuple(d.OctetString(bytes((0xA0 + 0x10 * block + column,))) for column in range(1, _COLUMNS + 1))
    for block in range(_BLOCKS)
)
_NO_TIME_OF_USE: Final = tuple(d.structure(index, d.Long(0)) for index in _TIME_OF_USE_INDEXES)
_NO_BLOCKS: Final = tuple(tuple(d.structure(index, d.Long(0)) for index in row) for row in _BLOCK_INDEXES)
_TIME_OF_USE_PATHS: Final = ("TOUTariff/TOUPrice", "HybridTariff/TOUPrice")
_BLOCK_PATHS: Final = ("BlockTariff/BlockPrices", "HybridTariff/BlockPrices")
_MONTHS: Final = {"Quarterly": 3, "SixMonthly": 6, "Yearly": 12}


def _unit_charge(scale: int, commodity: bytes, table: list[Datum]) -> Datum:
    return d.structure(
        d.structure(d.Integer(3), d.Integer(scale)),
        d.structure(d.LongUnsigned(3), d.OctetString(commodity), d.Integer(2)),
        d.array(table),
    )


def _price(element: Element) -> d.Long:
    return d.Long(ranged(element, -0x8000, 0x7FFF))


def _price_matrix(argument: Json) -> Data:
    """Eighty prices: time of use 1..48, then block 1..4 of columns 1..8; 0 where none is given."""
    path = text_argument(argument)

    def build(job: Job, element: Element, number: int) -> Datum:
        prices = at(element, path)
        time_of_use: list[Datum] = list(_NO_TIME_OF_USE)
        for one in _TIME_OF_USE_PATHS:
            for index, price in by_index(children(prices, one), 1, _TIME_OF_USE).items():
                time_of_use[index - 1] = d.structure(_TIME_OF_USE_INDEXES[index - 1], _price(price))
        blocks: list[list[Datum]] = [list(row) for row in _NO_BLOCKS]
        for one in _BLOCK_PATHS:
            for column, group in by_index(children(prices, one), 1, _COLUMNS).items():
                for block, price in by_index(children(group, "BlockPrice"), 1, _BLOCKS).items():
                    index_octets = _BLOCK_INDEXES[block - 1][column - 1]
                    blocks[block - 1][column - 1] = d.structure(index_octets, _price(price))
        table = time_of_use + [entry for row in blocks for entry in row]
        return _unit_charge(ranged(at(prices, "PriceScale"), -128, 127), _PRIMARY_COMMODITY, table)

    return build


def _secondary_price_matrix(argument: Json) -> Data:
    """Four prices of the secondary element; 0 where none is given."""
    path = text_argument(argument)

    def build(job: Job, element: Element, number: int) -> Datum:
        prices = at(element, path)
        table: list[Datum] = list(_NO_TIME_OF_USE[:_SECONDARY])
        for index, price in by_index(children(prices, "ElectricityPriceElement"), 1, _SECONDARY).items():
            table[index - 1] = d.structure(_TIME_OF_USE_INDEXES[index - 1], _price(price))
        return _unit_charge(ranged(at(prices, "PriceScale"), -128, 127), _SECONDARY_COMMODITY, table)

    return build


def _block_thresholds(argument: Json) -> Data:
    """The thresholds of one matrix column, in the order of their index, which has to run from 1 without gaps."""
    path, matrix = list_argument(argument)
    path, matrix = text_argument(path), integer_argument(matrix)

    def build(job: Job, element: Element, number: int) -> Datum:
        group = by_index(children(element, path), 1, _COLUMNS).get(matrix)
        if group is None:
            raise TransformError(
                rules.LIST_INCONSISTENT, f"there is no {path} with index {matrix}", place(element, path)
            )
        thresholds = numbered(children(group, "BlockThreshold"))
        return d.array([d.DoubleLongUnsigned(ranged(one, 0, 0xFFFFFFFF)) for one in thresholds])

    return build


def _billing_calendar(argument: Json) -> Data:
    """Time and date with wild cards of every billing: one entry, or one for each month of the year's periods."""
    path = text_argument(argument)

    def build(job: Job, element: Element, number: int) -> Datum:
        calendar = at(element, path)
        time = d.OctetString(time_octets(at(calendar, "BillingTime")))
        return d.array([d.structure(time, d.OctetString(date)) for date in _billing_dates(calendar)])

    return build


def _billing_dates(calendar: Element) -> list[bytes]:
    if find(calendar, steps("Daily")) is not None:
        return [b"\xff\xff\xff\xff\xff"]
    weekly = find(calendar, steps("Weekly"))
    if weekly is not None:
        return [b"\xff\xff\xff\xff" + bytes((ranged(weekly, 1, 7),))]
    monthly = find(calendar, steps("Monthly"))
    if monthly is not None:
        return [b"\xff\xff\xff" + bytes((ranged(monthly, 1, 28), 0xFF))]
    for name, months in _MONTHS.items():
        found = find(calendar, steps(name))
        if found is not None:
            day, start = ranged(at(found, "DayOfMonth"), 1, 28), ranged(at(found, "BillingPeriodStartMonth"), 1, 12)
            return [b"\xff\xff" + bytes(((start - 1 + later) % 12 + 1, day, 0xFF)) for later in range(0, 12, months)]
    raise TransformError(rules.ELEMENT_MISSING, "the calendar has no periodicity", place(calendar))


def _daily_reset(argument: Json) -> Data:
    """Every midnight when true, never (no entry) when false."""
    path = text_argument(argument)
    every_midnight = d.array([d.structure(d.OctetString(bytes(4)), d.OctetString(b"\xff" * 5))])
    return lambda job, element, number: every_midnight if boolean(at(element, path)) else d.array()


CONSTRUCTORS |= {
    "price matrix": _price_matrix,
    "secondary price matrix": _secondary_price_matrix,
    "block thresholds": _block_thresholds,
    "billing calendar": _billing_calendar,
    "daily reset": _daily_reset,
}
