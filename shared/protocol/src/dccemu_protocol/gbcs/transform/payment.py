"""Payment modes: which credit pays which charge (gbcs.md section 14)."""

from __future__ import annotations

from typing import Final

from ...duis.document import Element
from .. import datum as d
from ..datum import Datum
from .data import CONSTRUCTORS, Data
from .elements import at, boolean
from .job import Job
from .values import Json, text_argument

_BALANCE, _EMERGENCY, _DEBT = (bytes((0, 0, 19, 10, credit, 255)) for credit in range(3))
_TARIFF, _TIME_DEBT_1, _TIME_DEBT_2, _PAYMENT_DEBT, _STANDING, _SECONDARY = (
    bytes((0, 0, 19, 20, charge, 255)) for charge in range(6)
)
_TIME_DEBTS: Final = (_TIME_DEBT_1, _TIME_DEBT_2)


def _pair(credit: bytes, charge: bytes, is_suspended: bool = False) -> Datum:
    bits = "110" if is_suspended else "111"
    return d.structure(d.OctetString(credit), d.OctetString(charge), d.BitString(bits))


def _credit_charges(argument: Json) -> Data:
    def build(job: Job, element: Element, number: int) -> Datum:
        pairs = [_pair(_BALANCE, _TARIFF), _pair(_BALANCE, _STANDING)]
        if job.device.is_twin_element:
            pairs.append(_pair(_BALANCE, _SECONDARY))
        return d.array(pairs)

    return build


def _prepayment_charges(argument: Json) -> Data:
    """Time debts wait while supply is disabled when SuspendDebtDisabled, in emergency credit else."""
    path = text_argument(argument)

    def build(job: Job, element: Element, number: int) -> Datum:
        mode = at(element, path)
        when_disabled = boolean(at(mode, "SuspendDebtDisabled"))
        in_emergency = boolean(at(mode, "SuspendDebtEmergency"))
        pairs = [_pair(_BALANCE, _TARIFF), _pair(_BALANCE, _STANDING)]
        pairs += [_pair(_BALANCE, debt, when_disabled) for debt in _TIME_DEBTS]
        pairs.append(_pair(_BALANCE, _PAYMENT_DEBT))
        pairs += [_pair(_EMERGENCY, charge) for charge in (_PAYMENT_DEBT, _TARIFF, _STANDING)]
        pairs += [_pair(_EMERGENCY, debt, when_disabled) for debt in _TIME_DEBTS]
        if in_emergency:
            pairs += [_pair(_DEBT, charge) for charge in (_STANDING, *_TIME_DEBTS)]
        if job.device.is_twin_element:
            pairs += [_pair(credit, _SECONDARY) for credit in (_BALANCE, _EMERGENCY)]
        return d.array(pairs)

    return build


CONSTRUCTORS |= {"credit charges": _credit_charges, "prepayment charges": _prepayment_charges}
