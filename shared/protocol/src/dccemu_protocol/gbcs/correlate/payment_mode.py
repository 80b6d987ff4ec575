"""Credit / charge pairs of an account, which show its payment mode (gbcs.md section 14)."""

from __future__ import annotations

from itertools import product

from ..datum import Datum
from ..dlms import obis_octets
from .asked import Asked, boolean
from .comparer import Comparer
from .datums import array, bits, octets, structure
from .meaning import Group, Meaning, Plain, Said
from .result import Unshaped

_CREDITS = {obis_octets(f"0-0:19.10.{number}.255"): number for number in range(3)}
_CHARGES = {obis_octets(f"0-0:19.20.{number}.255"): number for number in range(6)}
_PAIRS = array(structure(("credit", octets()), ("charge", octets()), ("bits", bits)))
_ALL = "111"
_NOT_WHEN_DISABLED = "110"


def _pairs(datum: Datum) -> Plain:
    found = _PAIRS(datum)
    assert isinstance(found, tuple)
    try:
        return tuple([(_CREDITS[one["credit"]], _CHARGES[one["charge"]], one["bits"]) for one in found])
    except KeyError:
        raise Unshaped("credits and charges of the account", f"{len(found)} pairs with others") from None


_CREDIT_MODE: dict[Plain, bool] = {((0, 0, _ALL), (0, 4, _ALL), *twin): bool(twin) for twin in ((), ((0, 5, _ALL),))}


def _prepayment(disabled: bool, emergency: bool, twin: bool) -> tuple[tuple[int, int, str], ...]:
    time_debts = _NOT_WHEN_DISABLED if disabled else _ALL
    return (
        (0, 0, _ALL),
        (0, 4, _ALL),
        (0, 1, time_debts),
        (0, 2, time_debts),
        (0, 3, _ALL),
        (1, 3, _ALL),
        (1, 0, _ALL),
        (1, 4, _ALL),
        (1, 1, time_debts),
        (1, 2, time_debts),
        *(((2, 4, _ALL), (2, 1, _ALL), (2, 2, _ALL)) if emergency else ()),
        *(((0, 5, _ALL), (1, 5, _ALL)) if twin else ()),
    )


_PREPAYMENT_MODE: dict[Plain, tuple[bool, ...]] = {_prepayment(*one): one for one in product((False, True), repeat=3)}


def _twin(asked: Asked) -> Said:
    known = asked.known.is_twin_element
    return Said(bool(known), asked.place, () if known is not None else (True,))


def credit_mode() -> Comparer[Datum]:
    """The credit / charge matrix of credit mode; of a twin element meter one pair more."""

    def shape(datum: Datum) -> Plain:
        pairs = _pairs(datum)
        if pairs not in _CREDIT_MODE:
            raise Unshaped("the credit and charge pairs of credit mode", pairs)
        return {"twin element": _CREDIT_MODE[pairs]}

    return Comparer(shape, lambda asked: Group(asked.part("Credit").place, {"twin element": _twin(asked)}))


def prepayment_mode(path: str) -> Comparer[Datum]:
    """The credit / charge matrix of prepayment, which shows when debt is not collected."""

    def shape(datum: Datum) -> Plain:
        pairs = _pairs(datum)
        if pairs not in _PREPAYMENT_MODE:
            raise Unshaped("the credit and charge pairs of prepayment", pairs)
        return dict(zip(("disabled", "emergency", "twin element"), _PREPAYMENT_MODE[pairs], strict=True))

    def meaning(asked: Asked) -> Meaning:
        mode = asked.part(path)
        members: dict[object, Meaning] = {
            "disabled": mode.said("SuspendDebtDisabled", boolean),
            "emergency": mode.said("SuspendDebtEmergency", boolean),
            "twin element": _twin(asked),
        }
        return Group(mode.place, members)

    return Comparer(shape, meaning)
