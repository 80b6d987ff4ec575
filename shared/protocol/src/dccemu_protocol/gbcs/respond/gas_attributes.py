"""The attributes of gas Devices that follow from the registers, the account and the product (gbcs.md section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import account, energy
from .gas_effects import attribute_name
from .occasion import Occasion
from .rules import Attribute

_BILL_RATE = 42
"""Thousandths of a penny for each thousandth of a cubic metre since the last billing date, in the model."""


def attribute_value(occasion: Occasion, cluster: int, number: int, known: Attribute) -> int | bytes:
    """The present value of an attribute."""
    computed = COMPUTED.get((cluster, number))
    if computed is not None:
        return computed(occasion)
    name = attribute_name(cluster, number)
    if isinstance(known.value, bytes):
        octets = occasion.state.octets(name)
        return known.value if octets is None else octets
    return occasion.state.integer(name, known.value)


def _volume(occasion: Occasion) -> int:
    return energy.cumulative(occasion.facts, occasion.state, "gas", occasion.seconds)


def _tier(index: int) -> Callable[[Occasion], int]:
    def value(occasion: Occasion) -> int:
        shares = energy.night_share(occasion.facts, occasion.state, "gas", occasion.seconds)
        return shares[index] if index < 2 else 0

    return value


def _account(name: str) -> Callable[[Occasion], int]:
    return lambda occasion: account.amount(occasion.state, name)


def _debt(name: str) -> Callable[[Occasion], int]:
    return lambda occasion: max(0, account.amount(occasion.state, name))


def _bill_to_date(occasion: Occasion) -> int:
    month = occasion.at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    elapsed = int((occasion.at - month).total_seconds())
    return _BILL_RATE * energy.period_value(occasion.facts, occasion.state, "gas", occasion.seconds, elapsed)


def _firmware(occasion: Occasion) -> bytes:
    return bytes.fromhex(occasion.state.text("firmware/version", occasion.facts.firmware))


COMPUTED: Mapping[tuple[int, int], Callable[[Occasion], int | bytes]] = {
    (0x0000, 0x0004): lambda occasion: occasion.facts.manufacturer.encode(),
    (0x0000, 0x0005): lambda occasion: occasion.facts.model.encode(),
    (0x0702, 0x0000): _volume,
    (0x0702, 0x0100): _tier(0),
    (0x0702, 0x0102): _tier(1),
    (0x0702, 0x0104): _tier(2),
    (0x0702, 0x0106): _tier(3),
    (0x0702, 0x0206): _firmware,
    (0x0702, 0x0700): _volume,
    (0x0702, 0x0A00): _bill_to_date,
    (0x0705, 0x0001): _account("balance"),
    (0x0705, 0x0002): _account("emergency-credit"),
    (0x0705, 0x0005): _account("accumulated-debt"),
    (0x0705, 0x0211): _debt("time-debt-1"),
    (0x0705, 0x0221): _debt("time-debt-2"),
    (0x0705, 0x0231): _debt("payment-debt"),
}
