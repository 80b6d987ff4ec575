"""What an access request asks for, taken apart once for the many Commands that ask the same.

A read without parameters comes with the same octets each time but for its invoke id, and a read of sensitive values
names the Command's transaction id, originator and target besides. So the items of short requests are kept by the
octets around those.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeAlias

from .. import datum as d
from .. import dlms
from ..envelope import GbcsMessage
from ..errors import BAD_TAG, GbcsError
from ..octets import Cursor
from .occasion import Occasion
from .rules import TYPE_NAMES, Member, rules

_ANY_INVOKE = b"\x00\x00\x00\x00"
_SHORT = 1024
_KEPT = 1024


class Ready(Protocol):
    """An action whose data were read; ``is_for_any`` says that ``ANY_PARTIES`` stand in them for the Command's own."""

    @property
    def is_for_any(self) -> bool: ...

    def __call__(self, occasion: Occasion) -> d.Datum: ...


Preparation: TypeAlias = Callable[[d.Datum, bool], Ready | None]
"""Gives ``None`` where the data do not fit the action; told whether ``ANY_PARTIES`` may stand in them."""


class Item(NamedTuple):
    """One access.

    ``answered`` is the operation in the Response. ``ready`` carries an action out whose data were read beforehand.
    """

    operation: dlms.Operation
    member: Member
    value: d.Datum
    selection: dlms.Selection | None
    answered: dlms.Operation
    ready: Ready | None


#: By class and method: what reads the data of an action beforehand.
PREPARATIONS: dict[tuple[int, int], Preparation] = {}


def own_parties(counter: int, originator: bytes, target: bytes) -> bytes:
    """Transaction id, originator and target of a Command, as the data of a protected read name them (section 6.5)."""
    return b"\x09\x09\x04%b\x09\x08%b\x09\x08%b" % (counter.to_bytes(8, "big"), originator, target)


_ANY = own_parties(0, bytes(8), bytes(8))
#: Transaction id, originator and target that stand for any Command's own.
ANY_PARTIES = tuple(d.read_some(Cursor(_ANY), 3))


def plan(command: GbcsMessage) -> tuple[bytes, tuple[Item, ...]]:
    """The invoke id and the items of a Command's payload; GbcsError where it is no access request."""
    payload = command.payload
    if not 5 <= len(payload) <= _SHORT:
        return payload[1:5], _items(payload)
    own = own_parties(command.counter, command.originator.octets, command.target.octets)
    before, found, after = payload.partition(own)
    items = _around(before[:1] + before[5:], after) if found else None
    if items is None:
        items = _same(payload[:1] + payload[5:])
    return payload[1:5], items


@lru_cache(maxsize=_KEPT)
def _same(octets: bytes) -> tuple[Item, ...]:
    """The items of a request without its invoke id."""
    return _items(octets[:1] + _ANY_INVOKE + octets[1:])


@lru_cache(maxsize=_KEPT)
def _around(before: bytes, after: bytes) -> tuple[Item, ...] | None:
    """The items of a request without its invoke id, with its parties cut out; None where they do not stand for them."""
    payload = before[:1] + _ANY_INVOKE + before[1:] + _ANY + after
    if payload.count(_ANY) != 1:
        return None
    try:
        items = _items(payload, for_any=True)
    except GbcsError:
        return None
    return items if any(item.ready is not None and item.ready.is_for_any for item in items) else None


def _items(payload: bytes, *, for_any: bool = False) -> tuple[Item, ...]:
    request = dlms.decode(payload)
    if not isinstance(request, dlms.AccessRequest):
        raise GbcsError(BAD_TAG, f"a Command carries an access request, not {type(request).__name__}", 0)
    return tuple([_item(*one, for_any) for one in zip(request.specifications, request.data, strict=True)])


def _item(asked: dlms.Specification, value: d.Datum, for_any: bool) -> Item:
    member, kind = Member(asked.class_id, asked.obis, asked.member), asked.operation
    answered = dlms.Operation.GET if kind is dlms.Operation.GET_WITH_SELECTION else kind
    ready = _prepared(member, value, for_any) if kind is dlms.Operation.ACTION else None
    return Item(kind, member, value, asked.selection, answered, ready)


def _prepared(member: Member, value: d.Datum, for_any: bool) -> Ready | None:
    preparation = PREPARATIONS.get((member.class_id, member.member))
    if preparation is None or rules().actions.get(member) != TYPE_NAMES[type(value)]:
        return None
    return preparation(value, for_any)
