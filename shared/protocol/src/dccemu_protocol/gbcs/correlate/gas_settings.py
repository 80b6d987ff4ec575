"""Settings and supply of gas meters (gbcs.md sections 7 and 14)."""

from __future__ import annotations

from collections.abc import Mapping

from .commands import GATEWAY_TIME, FieldContent, GbzPart, send
from .gas_parts import (
    BY_PROVIDER,
)
from .simple import field, field_worded, scaled, seconds

GCS23: tuple[GbzPart, ...] = (
    send(
        "PublishConversionFactor",
        {
            "issuerEventId": GATEWAY_TIME,
            "startTime": 0,
            "conversionFactor": scaled("ConversionFactor", 100000),
            "trailingDigit": 0x50,
        },
    ),
    send(
        "PublishCalorificValue",
        {
            "issuerEventId": GATEWAY_TIME,
            "startTime": 0,
            "calorificValue": scaled("CalorificValue", 10),
            "unit": 1,
            "trailingDigit": 0x10,
        },
    ),
)
_STATES = {"Unchanged": 3, "Locked": 0}


def _gas_flow(threshold: FieldContent, divisor: int) -> tuple[GbzPart, ...]:
    return (
        send(
            "SetUncontrolledFlowThreshold",
            {
                **BY_PROVIDER,
                "threshold": threshold,
                "unitOfMeasure": 1,
                "multiplier": 1,
                "divisor": divisor,
                "stabilisationPeriod": field("StabilisationPeriod"),
                "measurementPeriod": field("MeasurementPeriod"),
            },
        ),
        send(
            "SetSupplyStatus",
            {
                "issuerEventId": GATEWAY_TIME,
                "supplyTamperState": field_worded("SupplyTamperState", _STATES),
                "supplyDepletionState": field_worded("SupplyDepletionState", _STATES),
                "supplyUncontrolledFlowState": 0,
                "loadLimitSupplyState": 3,
            },
        ),
    )


GCS24 = _gas_flow(field("UncontrolledGasFlowRate"), 1)
GCS24A = _gas_flow(scaled("UncontrolledGasFlowRateDecimal", 10000), 10000)

_BILLING = "GasBillingCalendar"
_MONTHS, _WEEKS, _DAYS = 0x23, 0x22, 0x21
_PERIODS = {
    (1, _DAYS): "Daily",
    (1, _WEEKS): "Weekly",
    (1, _MONTHS): "Monthly",
    (3, _MONTHS): "Quarterly",
    (6, _MONTHS): "SixMonthly",
    (12, _MONTHS): "Yearly",
}
_DURATIONS = {name: duration for (duration, _), name in _PERIODS.items()}
_DURATION_TYPES = {name: kind for (_, kind), name in _PERIODS.items()}
_PERIOD: Mapping[str, FieldContent] = {
    **BY_PROVIDER,
    "startTime": seconds(f"{_BILLING}/BillingPeriodStart"),
    "duration": field_worded(f"{_BILLING}/Periodicity", _DURATIONS),
    "durationType": field_worded(f"{_BILLING}/Periodicity", _DURATION_TYPES),
    "tariffType": 0,
}
GCS25: tuple[GbzPart, ...] = (
    send("PublishBillingPeriod", _PERIOD),
    send("PublishBlockPeriod", {**_PERIOD, "control": 2, "tariffResolutionPeriod": 1}),
)


def _supply(status: int) -> tuple[GbzPart, ...]:
    fields: Mapping[str, FieldContent] = {
        **BY_PROVIDER,
        "requestTime": 0,
        "implementationTime": 0,
        "proposedSupplyStatus": status,
        "supplyControlBits": 1,
    }
    return (send("ChangeSupply", fields),)


GCS32 = _supply(0)
GCS39 = _supply(1)
