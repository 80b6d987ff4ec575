"""Sensitive values: data protection reads them and encrypts them for the reader (gbcs.md section 6.5).

Importing this module fills the tables of :mod:`.plan` and :mod:`.dlms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import datum as d
from ..errors import GbcsError
from .dlms import CLASS_ACTIONS, TYPE_UNMATCHED, ItemRefused, get, period
from .occasion import Occasion
from .plan import ANY_PARTIES, PREPARATIONS
from .rules import Member


@dataclass(frozen=True, slots=True)
class ProtectedRead:
    """Targets, ``None`` where one does not say what it is, and the other data, which the answer repeats."""

    wanted: Sequence[tuple[Member, int, int] | None]
    how: d.Datum
    transaction: d.Datum
    last: Sequence[d.Datum]
    is_for_any: bool

    def __call__(self, occasion: Occasion) -> d.Datum:
        """Read the targets and encrypt them."""
        command, transaction = occasion.command, self.transaction
        if self.is_for_any:
            transaction = d.OctetString(b"\x04" + command.counter.to_bytes(8, "big"))
        plain = d.Structure(tuple([_read(occasion, target) for target in self.wanted]))
        device, recipient = d.OctetString(occasion.facts.octets), d.OctetString(command.originator.octets)
        swapped = d.structure(self.how, d.structure(transaction, device, recipient, *self.last))
        return d.structure(d.array([swapped]), d.OctetString(occasion.encrypt(d.encode(plain))))


def protected(value: d.Datum, for_any: bool) -> ProtectedRead | None:
    """What the data of the action ask for."""
    match value:
        case d.Structure((d.Array(targets), d.Array((d.Structure((how, d.Structure(fields))),)))) if len(fields) == 5:
            wanted = [_target(target) for target in targets]
        case _:
            return None
    settled = [d.settled(field) for field in fields[3:]]
    return ProtectedRead(wanted, how, fields[0], settled, for_any and fields[:3] == ANY_PARTIES)


def _target(target: d.Datum) -> tuple[Member, int, int] | None:
    """Attribute, and from when to when its rows are wanted; None where this does not say it."""
    match target:
        case d.Structure((d.LongUnsigned(class_id), d.OctetString(obis), d.Integer(number), _, restriction)):
            try:
                return (Member(class_id, obis, number), *period(restriction))
            except (ItemRefused, GbcsError):
                return None
        case _:
            return None


def _read(occasion: Occasion, target: tuple[Member, int, int] | None) -> d.Datum:
    if target is None:
        raise ItemRefused(TYPE_UNMATCHED)
    return get(occasion, *target)


def _of_another_form(*_: object) -> d.Datum:
    raise ItemRefused(TYPE_UNMATCHED)


PREPARATIONS[30, 1] = protected
CLASS_ACTIONS[30, 1] = _of_another_form
