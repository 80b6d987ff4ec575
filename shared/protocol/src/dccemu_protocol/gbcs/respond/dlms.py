"""Carrying out a DLMS access request on a Device's objects (gbcs.md sections 6, 9 and 11).

Items are done in order. The first that fails gets its result, every later one 250 with null data; earlier ones stay
done. Members that no rule treats specially are plain memory: what was set is what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from .. import datum as d
from .. import dlms, times
from ..errors import GbcsError
from . import activation
from .logs import read_log
from .occasion import Occasion
from .plan import Item, plan
from .rules import TYPE_NAMES, Member, rules
from .state import Value

SUCCESS, OBJECT_UNDEFINED, TYPE_UNMATCHED, SCOPE_VIOLATED, OTHER_REASON = 0, 4, 12, 13, 250
READ_WRITE_DENIED, OBJECT_UNAVAILABLE, TEMPORARY_FAILURE = 3, 11, 2
_GET, _ACTION, _SELECTIVE = dlms.Operation.GET, dlms.Operation.ACTION, dlms.Operation.GET_WITH_SELECTION


class ItemRefused(Exception):
    """An item cannot be done; ``result`` is the code it is answered with."""

    def __init__(self, result: int) -> None:
        super().__init__(f"result {result}")
        self.result = result


Reader = Callable[[Occasion], d.Datum]
Setter = Callable[[Occasion, Member, d.Datum], None]
Action = Callable[[Occasion, Member, d.Datum], d.Datum]


def carry_out(occasion: Occasion) -> bytes:
    """Execute the Command's payload and give the Response's."""
    invoke, items = plan(occasion.command)
    data, results, failed = bytearray(), bytearray(), False
    failures = occasion.state.look("failures")
    times: list[tuple[Member, bytes]] = []
    for item in items:
        outcome: d.Datum = d.NULL
        result = OTHER_REASON
        if not failed:
            try:
                outcome, result = _perform(occasion, item, failures, times), SUCCESS
            except ItemRefused as refusal:
                result, failed = refusal.result, True
            except GbcsError:
                result, failed = TYPE_UNMATCHED, True
        d.encode_into(data, outcome)
        results.append(item.answered)
        results.append(result)
    if times and not failed:
        activation.take_up_dlms(occasion, times)
    return dlms.assemble_response(invoke, len(items), data, results)


def _perform(
    occasion: Occasion, item: Item, failures: Mapping[str, Value], times: list[tuple[Member, bytes]]
) -> d.Datum:
    kind, member, value, selection, _, ready = item
    if failures and isinstance(forced := failures.get(str(member)), int):
        raise ItemRefused(forced)
    if ready is not None:
        return ready(occasion)
    if kind is _GET:
        return get(occasion, member)
    if kind is _SELECTIVE:
        return get(occasion, member, *_range(selection))
    if kind is _ACTION:
        return _act(occasion, member, value)
    put(occasion, member, value)
    if member in rules().activations and isinstance(value, d.OctetString):
        times.append((member, value.value))
    return d.NULL


def get(occasion: Occasion, member: Member, begin: int = 0, end: int = 2**32 - 1) -> d.Datum:
    """Read an attribute; ``begin`` and ``end`` limit the rows of a log."""
    reader = READERS.get(member)
    if reader is not None:
        return reader(occasion)
    shape = rules().logs.get(member)
    if shape is not None:
        return read_log(occasion, member, shape, begin, end)
    stored = occasion.state.octets(value_name(member))
    if stored is not None:
        return d.decode(stored)
    initial = rules().objects.get(member)
    if initial is None:
        raise ItemRefused(OBJECT_UNDEFINED)
    return initial


def put(occasion: Occasion, member: Member, value: d.Datum) -> None:
    """Set an attribute."""
    expected = rules().settable.get(member)
    if expected is None:
        raise ItemRefused(READ_WRITE_DENIED if member in rules().objects else OBJECT_UNDEFINED)
    if expected not in ("any", TYPE_NAMES[type(value)]):
        raise ItemRefused(TYPE_UNMATCHED)
    setter = SETTERS.get(member)
    if setter is not None:
        setter(occasion, member, value)
        return
    store(occasion, member, value)
    mirror = rules().mirrors.get(member)
    if mirror is not None:
        store(occasion, mirror, value)


def store(occasion: Occasion, member: Member, value: d.Datum) -> None:
    """Keep the value of a member."""
    occasion.state.put_octets(value_name(member), d.encode(value))


@lru_cache(maxsize=4096)
def value_name(member: Member) -> str:
    """Under which name the value of a member is kept."""
    return f"dlms/{member}"


def _act(occasion: Occasion, member: Member, value: d.Datum) -> d.Datum:
    expected = rules().actions.get(member)
    action = ACTIONS.get(member) or CLASS_ACTIONS.get((member.class_id, member.member))
    if expected is None or action is None:
        raise ItemRefused(OBJECT_UNDEFINED)
    if expected != TYPE_NAMES[type(value)]:
        raise ItemRefused(TYPE_UNMATCHED)
    return action(occasion, member, value)


def _range(selection: dlms.Selection | None) -> tuple[int, int]:
    """From and to of a range selector (gbcs.md section 6.4)."""
    match selection:
        case dlms.Selection(1, d.Structure((_, d.DoubleLongUnsigned(begin), d.DoubleLongUnsigned(end), _))):
            return begin, end
        case _:
            raise ItemRefused(TYPE_UNMATCHED)


def period(value: d.Datum) -> tuple[int, int]:
    """Seconds since 2000 of a restriction by two date-times (gbcs.md section 6.5)."""
    match value:
        case d.Structure((d.Enum(0), _)):
            return 0, 2**32 - 1
        case d.Structure((d.Enum(1), d.Structure((d.OctetString(begin), d.OctetString(end))))):
            return _seconds(begin), _seconds(end)
        case _:
            raise ItemRefused(TYPE_UNMATCHED)


def _seconds(octets: bytes) -> int:
    instant = times.instant(octets)
    if instant is None:
        raise ItemRefused(TYPE_UNMATCHED)
    return times.seconds_since_2000(instant)


READERS: dict[Member, Reader] = {}
SETTERS: dict[Member, Setter] = {}
ACTIONS: dict[Member, Action] = {}
CLASS_ACTIONS: dict[tuple[int, int], Action] = {}
