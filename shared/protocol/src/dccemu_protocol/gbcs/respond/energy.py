"""Registers that move with the clock.

Consumption follows a daily curve: the rate at second *t* of a day is
``mean * (1 + swing * sin(2 pi (t - shift) / day))``. So every cumulative value is known at any instant without stepping
and never falls, and differences over a period are the profile of that period. Two time-of-use periods, night (00:00 to
07:00) and day, share it exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import cos, pi, tau

from .state import DeviceFacts, Draft

DAY = 86_400
NIGHT = 7 * 3_600
_SWING = 0.6


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured quantity: mean rate per hour in register units, and the second of the day when it passes its mean."""

    per_hour: float
    shift: int
    scaler: int
    unit: int


# Units are DLMS unit codes: 27 W, 30 Wh, 32 varh; gas is counted in thousandths of a cubic metre (GBZ divisor 1000).
QUANTITIES: Mapping[str, Quantity] = {
    "active-import": Quantity(420.0, 9 * 3600, 0, 30),
    "active-export": Quantity(35.0, 7 * 3600, 0, 30),
    "reactive-import": Quantity(52.0, 9 * 3600, 0, 32),
    "reactive-export": Quantity(7.0, 7 * 3600, 0, 32),
    "second-element": Quantity(180.0, 2 * 3600, 0, 30),
    "gas": Quantity(155.0, 8 * 3600, 0, 0),
}


@lru_cache(maxsize=65536)
def _grown_at(name: str, elapsed: int) -> float:
    """Growth at an instant that is asked for again and again: when counting began."""
    return _grown(QUANTITIES[name], elapsed)


def _grown(quantity: Quantity, elapsed: float) -> float:
    """Growth in ``elapsed`` seconds since a midnight."""
    swing = _SWING * DAY / tau * (cos(tau * quantity.shift / DAY) - cos(tau * (elapsed - quantity.shift) / DAY))
    return quantity.per_hour / 3600 * (elapsed + swing)


def _midnight(facts: DeviceFacts) -> int:
    return facts.installed - facts.installed % DAY


def _factor(facts: DeviceFacts) -> float:
    """Between 0.5 and 1.5, different for each Device, the same always."""
    return _factor_of(facts.source or facts.eui)


@lru_cache(maxsize=65536)
def _factor_of(eui: str) -> float:
    return 0.5 + sha256(bytes.fromhex(eui)).digest()[0] / 255


def cumulative(facts: DeviceFacts, state: Draft, name: str, at: int) -> int:
    """Value of a cumulative register at an instant (seconds since 2000).

    A value that was set (``register/<name>`` with value and instant) is where counting goes on from.
    """
    start = state.look(f"register/{name}")
    value, since = start.get("value"), start.get("at")
    base = value if isinstance(value, int) else facts.registers.get(name, 0)
    begin = since if isinstance(since, int) else facts.installed
    if at <= begin:
        return max(0, base)
    origin = _midnight(facts)
    quantity = QUANTITIES[name]
    return int(base + _factor(facts) * (_grown(quantity, at - origin) - _grown_at(name, begin - origin)))


def night_share(facts: DeviceFacts, state: Draft, name: str, at: int) -> tuple[int, int]:
    """A cumulative value split into the day and the night time-of-use register; they sum to the whole."""
    whole = cumulative(facts, state, name, at)
    quantity, origin = QUANTITIES[name], _midnight(facts)
    days, second = divmod(max(0, at - origin), DAY)
    factor = _factor(facts)
    night = factor * (days * _grown(quantity, NIGHT) + _grown(quantity, min(second, NIGHT)))
    return whole - min(whole, int(night)), min(whole, int(night))


def period_value(facts: DeviceFacts, state: Draft, name: str, end: int, length: int) -> int:
    """What was counted in the ``length`` seconds before ``end``."""
    return cumulative(facts, state, name, end) - cumulative(facts, state, name, end - length)


def power(facts: DeviceFacts, at: int) -> int:
    """Active power import in watts at an instant."""
    quantity = QUANTITIES["active-import"]
    phase = tau * (at % DAY - quantity.shift) / DAY
    return int(_factor(facts) * quantity.per_hour * (1 + _SWING * _sine(phase)))


def voltage(facts: DeviceFacts, at: int, phase: int = 1) -> int:
    """Average RMS voltage in volts, between 236 and 244."""
    return 240 + int(4 * _sine(tau * (at % DAY) / DAY + phase * 2 * pi / 3))


def _sine(angle: float) -> float:
    return cos(angle - pi / 2)
