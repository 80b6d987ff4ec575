"""Prepayment top-up: a Device checks a UTRN and adds its credit (gbcs.md section 13)."""

from __future__ import annotations

from dataclasses import dataclass

from ...identifiers import Eui64
from .. import crypto, utrn
from ..errors import GbcsError
from . import account
from .keys import cell_certificate, cell_key, cell_name, own_key
from .occasion import AlertOrder, Occasion
from .state import Value

NOT_AUTHENTIC, NOT_FOR_THIS_DEVICE, DUPLICATE = 0x8F63, 0x8F64, 0x8F51
OVER_MAXIMUM_CREDIT, OVER_MAXIMUM_BALANCE, LOCKED_OUT = 0x8F5B, 0x8F47, 0x81C5
CACHE_SIZE = 100
_SUPPLIER, _TOP_UP = 2, 1
_HIGHEST = "utrn/highest"
_USED = "utrn/used"


class TopUpRefused(Exception):
    """The UTRN is not accepted; ``alert`` is the code that says why, absent where the reference names none."""

    def __init__(self, alert: int | None) -> None:
        super().__init__("refused" if alert is None else f"refused, alert {alert:04x}")
        self.alert = alert


@dataclass(frozen=True, slots=True)
class Accepted:
    """A top-up that was added, in thousandths of a penny."""

    value: int
    balance: int


def accept_utrn(occasion: Occasion, digits: bytes) -> Accepted:
    """Check a UTRN and add its credit.

    Raises
    ------
    TopUpRefused
        When it is malformed, not authentic, used before or too much; the alert of the reason is ordered.
    """
    try:
        return _accept(occasion, digits.decode("ascii", "replace"))
    except TopUpRefused as refusal:
        if refusal.alert is not None:
            occasion.note("event", refusal.alert)
            occasion.alerts.append(AlertOrder(refusal.alert, role=_SUPPLIER))
        raise


def _accept(occasion: Occasion, digits: str) -> Accepted:
    state = occasion.state
    if state.flag("utrn/locked"):
        raise TopUpRefused(LOCKED_OUT)
    try:
        top_up = utrn.read(digits)
    except GbcsError:
        raise TopUpRefused(None) from None
    counter = utrn.rebuild_counter(top_up.truncated_counter, state.integer(_HIGHEST))
    _authenticate(occasion, digits, counter)
    used = [entry for entry in state.entries(_USED) if isinstance(entry, int)]
    upper = counter >> 32
    if upper in used:
        raise TopUpRefused(DUPLICATE)
    if (len(used) >= CACHE_SIZE and upper < min(used)) or upper <= state.integer("utrn/floor", -1):
        raise TopUpRefused(None)
    credit = top_up.pence * account.PENNY
    if credit > account.MAXIMUM_CREDIT:
        raise TopUpRefused(OVER_MAXIMUM_CREDIT)
    if account.amount(state, "balance") + credit > account.MAXIMUM_BALANCE:
        raise TopUpRefused(OVER_MAXIMUM_BALANCE)
    kept: list[Value] = list(sorted([*used, upper])[-CACHE_SIZE:])
    state.put(_USED, kept)
    state.put(_HIGHEST, max(upper, state.integer(_HIGHEST)))
    account.add(state, "balance", credit)
    entry: list[Value] = [occasion.seconds, credit, digits.encode().hex()]
    state.put("log/credits", [*state.entries("log/credits"), entry][-CACHE_SIZE:])
    return Accepted(credit, account.amount(state, "balance"))


def _authenticate(occasion: Occasion, digits: str, counter: int) -> None:
    state = occasion.state
    if cell_certificate(state, _SUPPLIER, "keyAgreement", _TOP_UP) is None:
        raise TopUpRefused(NOT_AUTHENTIC)
    public = cell_key(state, _SUPPLIER, "keyAgreement", cell_usage=_TOP_UP)
    secret = crypto.shared_secret(own_key(state, "keyAgreement"), public)
    owner = state.record(cell_name(_SUPPLIER, "keyAgreement", _TOP_UP)).get("eui")
    supplier = Eui64.from_hex(owner if isinstance(owner, str) else "")
    try:
        utrn.validate(digits, counter, supplier, Eui64(occasion.facts.octets), secret)
    except GbcsError:
        raise TopUpRefused(NOT_AUTHENTIC) from None
