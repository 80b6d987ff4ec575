"""Logs and profiles that are read in rows (gbcs.md sections 6.3 and 6.4).

Three kinds: *profiles* have a row for each period and are computed from the registers' curve; *snapshots* have the
registers as they were at certain instants (midnights, billing dates, changes of tariff or mode); *events* are entries
kept in the state. Rows are limited to the period asked for, to what had happened by then, and to ``MAX_ROWS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from .. import datum as d
from .. import times
from . import account, energy
from .events import noted
from .occasion import Occasion
from .rules import LogShape, Member, rules
from .rules import member as _member
from .state import DeviceFacts, Draft, Value

MAX_ROWS = 2_000
DAILY_DEPTH = 31
BILLING_DEPTH = 12
CAPTURE_PERIOD = 1_800


def read_log(occasion: Occasion, member: Member, shape: LogShape, begin: int, end: int) -> d.CompactArray:
    """The rows of a log from ``begin`` to ``end``, both included, in seconds since 2000."""
    shape = _of_device(occasion, member, shape)
    end = min(end, occasion.seconds)
    rows = list(_rows(occasion, member, shape, begin, end))[-MAX_ROWS:]
    row_type = d.StructureType(shape.columns)
    return d.CompactArray(row_type, tuple(_row(shape.columns, row) for row in rows))


def _of_device(occasion: Occasion, member: Member, shape: LogShape) -> LogShape:
    """The half-hour profile of a twin element meter has a column for its second element."""
    if member != _IMPORT_PROFILE or not occasion.facts.is_twin_element:
        return shape
    second = (*shape.columns, d.SimpleType(d.DoubleLongUnsigned.TAG))
    return replace(shape, columns=second, measures=(*shape.measures, "second-element"))


_IMPORT_PROFILE = _member("7/0-0:99.1.0.255/2")


def snapshot_times(occasion: Occasion, of: str) -> list[int]:
    """When snapshots of a kind were taken, oldest first: ``daily``, ``billing`` or ``change``."""
    now, first = occasion.at, occasion.facts.installed
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if of == "daily":
        found = [times.seconds_since_2000(midnight - timedelta(days=back)) for back in range(DAILY_DEPTH)]
    elif of == "billing":
        months = [(midnight.year * 12 + midnight.month - 1 - back) for back in range(BILLING_DEPTH)]
        found = [
            times.seconds_since_2000(midnight.replace(year=month // 12, month=month % 12 + 1, day=1))
            for month in months
        ]
    else:
        found = [at for at in occasion.state.entries("log/change") if isinstance(at, int)]
        return sorted({first, *found})[-BILLING_DEPTH:]
    return sorted(at for at in found if at >= first)


def _rows(
    occasion: Occasion, member: Member, shape: LogShape, begin: int, end: int
) -> Iterator[Sequence[int | bytes | list[int]]]:
    if shape.kind == "profile":
        every = shape.every or _capture_period(occasion, member)
        first = max(begin, occasion.facts.installed, end - MAX_ROWS * every)
        for at in range(first + -first % every, end + 1, every):
            yield [at, *(_MEASURES[name](occasion, at, every, member) for name in shape.measures)]
    elif shape.kind == "snapshots":
        for at in snapshot_times(occasion, shape.of):
            if begin <= at <= end:
                yield [at, *_snapshot(occasion.facts, occasion.state, shape, at)]
    else:
        for entry in noted(occasion.state, shape.of):
            if isinstance(entry, list) and isinstance(entry[0], int) and begin <= entry[0] <= end:
                yield [_cell(value) for value in entry]


def _cell(value: Value) -> int | bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    return value if isinstance(value, int) else 0


def _capture_period(occasion: Occasion, member: Member) -> int:
    found = occasion.state.octets(f"dlms/{Member(member.class_id, member.obis, 4)}")
    if found is not None:
        value = d.decode(found)
        if isinstance(value, d.DoubleLongUnsigned) and value.value:
            return value.value
    return CAPTURE_PERIOD


def _snapshot(facts: DeviceFacts, state: Draft, shape: LogShape, at: int) -> Iterator[int | list[int]]:
    prepayment = iter(account.balances(state))
    for name in shape.measures:
        if name == "prepayment":
            yield next(prepayment)
        elif name == "tou":
            day, night = energy.night_share(facts, state, "active-import", at)
            yield [day, night] + [0] * 46
        elif name.startswith("block"):
            yield [0] * 8
        else:
            yield energy.cumulative(facts, state, name, at)


def _counted(name: str) -> Callable[[Occasion, int, int, Member], int]:
    def value(occasion: Occasion, at: int, every: int, member: Member) -> int:
        return energy.period_value(occasion.facts, occasion.state, name, at, every)

    return value


def _voltage(occasion: Occasion, at: int, every: int, member: Member) -> int:
    return energy.voltage(occasion.facts, at, {32: 1, 52: 2, 72: 3}.get(member.obis[2], 1))


_MEASURES: dict[str, Callable[[Occasion, int, int, Member], int]] = {
    name: _counted(name)
    for name in ("active-import", "active-export", "reactive-import", "reactive-export", "second-element")
} | {"voltage": _voltage}


def snapshot_row(facts: DeviceFacts, state: Draft, member: Member, at: int) -> d.CompactArray:
    """A log of snapshots with the one row that is taken now."""
    shape = rules().logs[member]
    row = _row(shape.columns, [at, *_snapshot(facts, state, shape, at)])
    return d.CompactArray(d.StructureType(shape.columns), (row,))


def _row(columns: tuple[d.TypeDescription, ...], values: Sequence[int | bytes | list[int]]) -> d.Structure:
    padded = [*values, *[0] * (len(columns) - len(values))]
    return d.Structure(tuple(_value(column, value) for column, value in zip(columns, padded, strict=False)))


def _value(column: d.TypeDescription, value: int | bytes | list[int]) -> d.Datum:
    match column:
        case d.ArrayType(count, element):
            items = value if isinstance(value, list) else []
            return d.Array(tuple(_value(element, items[i] if i < len(items) else 0) for i in range(count)))
        case d.SimpleType(d.OctetString.TAG):
            return d.OctetString(value if isinstance(value, bytes) else b"")
        case d.SimpleType(tag):
            return _BY_TAG[tag](_number(value))
    raise ValueError(f"a log has no column of type {column}")


def _number(value: int | bytes | list[int]) -> int:
    if isinstance(value, bytes):
        return int.from_bytes(value, "big")
    return value if isinstance(value, int) else 0


_BY_TAG: dict[int, Callable[[int], d.Datum]] = {
    d.DoubleLong.TAG: d.DoubleLong,
    d.DoubleLongUnsigned.TAG: d.DoubleLongUnsigned,
    d.LongUnsigned.TAG: d.LongUnsigned,
    d.Enum.TAG: d.Enum,
}
