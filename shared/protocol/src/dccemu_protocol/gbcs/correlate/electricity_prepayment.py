"""Payment mode, debt, prepayment and balance of electricity meters (gbcs.md sections 6 and 14)."""

from __future__ import annotations

from .. import datum as d
from ..datum import Datum
from . import calendars as calendar
from . import payment_mode, prices, schedules
from .asked import Asked
from .commands import DlmsPart, act, put
from .comparer import Comparer
from .datums import I32, U16, U32, mapped
from .meaning import Said
from .simple import ACTIVATION, ZERO, activations, valued, worded

_PREPAY = "UpdatePrepayConfigElectricity"
_CALENDAR = f"{_PREPAY}/ElectricityNonDisablementCalendar"
_SECONDS = {"HOURLY": 3600, "DAILY": 86400}
_ACCOUNT = "0-1:19.0.0.255"
_DISABLEMENT = "0-0:94.44.128.22"


def _mode(number: int) -> Datum:
    return d.structure(d.Enum(number), d.Enum(1))


ECS02: tuple[DlmsPart, ...] = (
    put(111, _ACCOUNT, 2, _mode(1)),
    put(111, _ACCOUNT, 11, payment_mode.credit_mode()),
    *activations((111, _ACCOUNT, 13)),
)
ECS03: tuple[DlmsPart, ...] = (
    put(111, _ACCOUNT, 2, _mode(2)),
    put(9000, _DISABLEMENT, 4, valued(I32, "Prepayment/DisablementThreshold")),
    put(111, _ACCOUNT, 11, payment_mode.prepayment_mode("Prepayment")),
    *activations((9000, _DISABLEMENT, 6), (111, _ACCOUNT, 13)),
)
ECS04A: tuple[DlmsPart, ...] = (
    lambda asked: act(112, "0-0:19.10.0.255", 1, valued(I32, f"{_balance(asked)}/AdjustMeterBalance"))(asked),
)
_RESET: Comparer[Datum] = Comparer(
    mapped(I32, lambda value: "reset" if value == 0 else value),
    lambda asked: Said("reset", asked.part(f"{_balance(asked)}/ResetMeterBalance").place),
)
ECS04B: tuple[DlmsPart, ...] = tuple(act(112, f"0-0:19.10.{number}.255", 2, _RESET) for number in range(3))


def _balance(asked: Asked) -> str:
    return "PrepaymentMode" if asked.has("PrepaymentMode") else "CreditMode"


def _debt(number: int) -> str:
    return f"ElecDebtRecovery{number}"


ECS07: tuple[DlmsPart, ...] = (
    *(
        put(
            113,
            f"0-0:19.20.{number}.255",
            6,
            prices.single_price(_debt(number), "DebtRecoveryRate", "DebtRecoveryRatePriceScale"),
        )
        for number in (1, 2)
    ),
    put(113, "0-0:19.20.3.255", 13, valued(U16, "DebtRecoveryPerPayment")),
    *(
        put(113, f"0-0:19.20.{number}.255", 8, worded(U32, f"{_debt(number)}/DebtRecoveryRatePeriod", _SECONDS))
        for number in (1, 2)
    ),
    *(act(113, f"0-0:19.20.{number}.255", 2, ZERO) for number in (1, 2)),
    act(113, "0-0:19.20.3.255", 4, valued(I32, "PaymentDebtRegister")),
    *(act(113, f"0-0:19.20.{number}.255", 4, valued(I32, f"TimeDebtRegister{number}")) for number in (1, 2)),
)

_WEEK_SECONDS = d.DoubleLong(604800)


def _prepay(balance_attribute: int) -> tuple[DlmsPart, ...]:
    """ECS08 and ECS08a differ in the attribute of the maximum meter balance."""
    return (
        put(
            11,
            "0-1:11.0.2.255",
            2,
            calendar.numbered_special_days(f"{_CALENDAR}/ElectricitySpecialDays/SpecialDay", "Date"),
        ),
        put(9000, "0-0:94.44.2.20", balance_attribute, valued(I32, f"{_PREPAY}/MaxMeterBalance")),
        put(9000, "0-0:94.44.2.10", 4, valued(I32, f"{_PREPAY}/MaxCreditThreshold")),
        put(10, "0-1:12.0.1.255", 2, schedules.non_disablement(_CALENDAR)),
        put(9000, "0-0:94.44.128.12", 4, valued(U16, f"{_PREPAY}/DebtRecoveryRateCap")),
        put(9000, "0-0:94.44.128.13", 4, _WEEK_SECONDS),
        put(9000, "0-0:94.44.128.9", 4, valued(I32, f"{_PREPAY}/LowCreditThreshold")),
        put(9000, "0-0:94.44.128.2", 4, valued(I32, f"{_PREPAY}/EmergencyCreditLimit")),
        put(9000, "0-0:94.44.128.31", 6, ACTIVATION),
        put(9000, "0-0:94.44.128.3", 4, valued(I32, f"{_PREPAY}/EmergencyCreditThreshold")),
        *activations(
            (9000, "0-0:94.44.2.20", 6),
            (9000, "0-0:94.44.2.10", 6),
            (9000, "0-0:94.44.128.12", 6),
            (9000, "0-0:94.44.128.13", 6),
            (9000, "0-0:94.44.128.9", 6),
            (9000, "0-0:94.44.128.2", 6),
            (9000, "0-0:94.44.128.3", 6),
            (9000, "0-0:94.44.128.28", 6),
        ),
    )


ECS08 = _prepay(2)
ECS08A = _prepay(4)
ECS09: tuple[DlmsPart, ...] = (act(112, "0-0:19.10.1.255", 3, ZERO),)
