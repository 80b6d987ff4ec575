"""Payment mode, debt, prepayment and balance of gas meters (gbcs.md sections 7 and 14)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from ..zcl import FieldValue
from .asked import Asked, boolean
from .commands import GATEWAY_TIME, FieldContent, GbzPart, send
from .comparer import Comparer
from .gas_parts import (
    BY_PROVIDER,
    FOREVER,
    calendar,
    day_profile,
)
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import said_minutes
from .result import Unshaped
from .simple import field, field_worded, whole

_CREDIT_MODE = 0x0C94


def _payment_mode(configuration: FieldContent, cut_off: FieldContent) -> tuple[GbzPart, ...]:
    fields = {
        **BY_PROVIDER,
        "implementationTime": FOREVER,
        "paymentControlConfiguration": configuration,
        "cutOffValue": cut_off,
    }
    return (send("ChangePaymentMode", fields),)


_PREPAYMENT = {
    0x0097 | (0x0400 if disabled else 0) | (0 if emergency else 0x0800): {"disabled": disabled, "emergency": emergency}
    for disabled, emergency in product((False, True), repeat=2)
}


def _prepayment_of(value: FieldValue) -> Plain:
    found = _PREPAYMENT.get(value) if isinstance(value, int) else None
    if found is None:
        raise Unshaped("a payment control configuration of prepayment", value)
    return found


def _prepayment(asked: Asked) -> Meaning:
    mode = asked.part("Prepayment")
    members: dict[object, Meaning] = {
        "disabled": mode.said("SuspendDebtDisabled", boolean),
        "emergency": mode.said("SuspendDebtEmergency", boolean),
    }
    return Group(mode.place, members)


def _in_credit_mode(asked: Asked) -> Said:
    return Said(_CREDIT_MODE, asked.part("Credit").place)


GCS02 = _payment_mode(Comparer(whole, _in_credit_mode), -1)
GCS03 = _payment_mode(Comparer(_prepayment_of, _prepayment), field("Prepayment/DisablementThreshold"))


def _debt(
    kind: int, method: int, amount: str, frequency: FieldContent, rate: FieldContent, share: FieldContent
) -> GbzPart:
    return send(
        "ChangeDebt",
        {
            "issuerEventId": GATEWAY_TIME,
            "debtLabel": b"",
            "debtAmount": field(amount),
            "debtRecoveryMethod": method,
            "debtAmountType": kind,
            "debtRecoveryStartTime": 0,
            "collectionTime": 0,
            "recoveryFrequency": frequency,
            "recoveryAmount": rate,
            "recoveryBalancePercentage": share,
        },
    )


_FREQUENCIES = {"HOURLY": 0, "DAILY": 1}
GCS04: tuple[GbzPart, ...] = (
    *(
        _debt(
            kind,
            0,
            f"TimeDebtRegister{number}",
            field_worded(f"GasDebtRecovery{number}/DebtRecoveryRatePeriod", _FREQUENCIES),
            field(f"GasDebtRecovery{number}/DebtRecoveryRate"),
            0,
        )
        for number, kind in ((1, 1), (2, 3))
    ),
    _debt(5, 1, "PaymentDebtRegister", 1, 0, field("DebtRecoveryPerPayment")),
)

_PREPAY = "UpdatePrepayConfigGas"
_ACTIONS = {"START": 1, "STOP": 0}


def _actions(asked: Asked) -> Meaning:
    def entry(one: Asked) -> Meaning:
        action = one.said("NonDisablementAction", str)
        enable = Said(_ACTIONS.get(str(action.value)), action.place)
        return Group(one.place, {"startMinutes": said_minutes(one, "StartTime"), "priceTierOrEnable": enable})

    return Row(asked.place, tuple([entry(one) for one in asked.each("TimeStartAction")]))


GCS05: tuple[GbzPart, ...] = (
    send(
        "EmergencyCreditSetup",
        {
            "issuerEventId": GATEWAY_TIME,
            "startTime": FOREVER,
            "emergencyCreditLimit": field(f"{_PREPAY}/EmergencyCreditLimit"),
            "emergencyCreditThreshold": field(f"{_PREPAY}/EmergencyCreditThreshold"),
        },
    ),
    send(
        "SetOverallDebtCap",
        {**BY_PROVIDER, "implementationTime": FOREVER, "overallDebtCap": field(f"{_PREPAY}/DebtRecoveryRateCap")},
    ),
    send("SetLowCreditWarningLevel", {"lowCreditWarningLevel": field(f"{_PREPAY}/LowCreditThreshold")}, FOREVER),
    send(
        "SetMaximumCreditLimit",
        {
            **BY_PROVIDER,
            "implementationTime": FOREVER,
            "maximumCreditLevel": field(f"{_PREPAY}/MaxMeterBalance"),
            "maximumCreditPerTopUp": field(f"{_PREPAY}/MaxCreditThreshold"),
        },
    ),
    *calendar(
        3,
        f"{_PREPAY}/GasNonDisablementCalendar",
        (
            "DayProfiles/GasNonDisablementDayProfile",
            "WeekProfiles/WeekProfile",
            "SeasonProfiles/Season",
            "SpecialDays/SpecialDay",
        ),
        day_profile("GasDayName", 3, _actions),
    ),
)
GCS06: tuple[GbzPart, ...] = (send("SelectAvailableEmergencyCredit", {"commandIssueTime": 0, "originatingDevice": 0}),)


def _adjustment(kind: int, amount: FieldContent) -> tuple[GbzPart, ...]:
    fields: Mapping[str, FieldContent] = {
        "issuerEventId": GATEWAY_TIME,
        "startTime": 0,
        "creditAdjustmentType": kind,
        "creditAdjustmentValue": amount,
    }
    return (send("CreditAdjustment", fields),)


def _reset(mode: str) -> Comparer[FieldValue]:
    return Comparer(whole, lambda asked: Said(0, asked.part(f"{mode}/ResetMeterBalance").place))


GCS40A = _adjustment(0, field("PrepaymentMode/AdjustMeterBalance"))
GCS40B = _adjustment(1, _reset("PrepaymentMode"))
GCS40C = _adjustment(3, field("CreditMode/AdjustMeterBalance"))
GCS40D = _adjustment(2, _reset("CreditMode"))
