"""The prepayment account of a meter: balances, debts and top-ups (gbcs.md sections 6.6 and 13).

Money is in thousandths of a penny (1 pound = 100 000), as the vectors have it.
"""

from __future__ import annotations

from .state import Draft

POUND, PENNY = 100_000, 1_000
_INITIAL = {
    "balance": 10 * POUND,
    "emergency-credit": 0,
    "accumulated-debt": 0,
    "payment-debt": 0,
    "time-debt-1": 0,
    "time-debt-2": 0,
}
EMERGENCY_CREDIT_LIMIT = 5 * POUND
MAXIMUM_CREDIT, MAXIMUM_BALANCE = 500 * POUND, 1_000 * POUND


def amount(state: Draft, name: str) -> int:
    """A balance or debt."""
    return state.integer(f"account/{name}", _INITIAL[name])


def set_amount(state: Draft, name: str, value: int) -> None:
    """Set a balance or debt, kept within 32 bits."""
    state.put(f"account/{name}", max(-(2**31), min(2**31 - 1, value)))


def add(state: Draft, name: str, value: int) -> None:
    """Change a balance or debt."""
    set_amount(state, name, amount(state, name) + value)


def balances(state: Draft) -> list[int]:
    """The six values read together: balance, emergency credit, accumulated, payment and the two time debts."""
    return [amount(state, name) for name in _INITIAL]
