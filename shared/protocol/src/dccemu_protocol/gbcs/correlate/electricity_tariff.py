"""Tariff and prices of electricity meters: ECS01a to ECS01d (gbcs.md sections 6 and 14)."""

from __future__ import annotations

from ..datum import Datum
from . import calendars as calendar
from . import prices
from .commands import DlmsPart, put
from .comparer import Comparer
from .datums import flag
from .simple import activations, worded

_TARIFF = "ElecTariffElements"
_PRICES = "PriceElements/ElectricityPriceElements"


def _passive_calendar(obis: str, path: str, action: Comparer[Datum]) -> tuple[DlmsPart, ...]:
    return (
        put(20, obis, 7, calendar.seasons(f"{path}/Seasons/Season")),
        put(20, obis, 8, calendar.weeks(f"{path}/WeekProfiles/WeekProfile")),
        put(20, obis, 9, action),
    )


_STANDING = prices.single_price(_PRICES, "StandingCharge", "StandingChargeScale")
_MATRIX = prices.price_matrix(_PRICES)
_SECONDARY_PRICES = prices.secondary_prices("PriceElements")

ECS01A: tuple[DlmsPart, ...] = (
    *_passive_calendar(
        "0-0:13.0.0.255",
        f"{_TARIFF}/SwitchingTable",
        calendar.day_profiles(f"{_TARIFF}/SwitchingTable/DayProfiles/DayProfile", calendar.primary_action),
    ),
    put(11, "0-1:11.0.0.255", 2, calendar.special_days(f"{_TARIFF}/SpecialDays/SpecialDay")),
    *(
        put(21, f"0-0:16.1.{10 + column}.255", 2, prices.thresholds(f"{_TARIFF}/ThresholdMatrix/Thresholds", column))
        for column in range(1, 9)
    ),
    put(9000, "0-0:94.44.2.0", 4, worded(flag, f"{_TARIFF}/CurrencyUnits", {"GBP": True, "ECB": False})),
    put(113, "0-0:19.20.4.255", 6, _STANDING),
    put(113, "0-0:19.20.0.255", 6, _MATRIX),
    *activations(
        (20, "0-0:13.0.0.255", 10),
        (9000, "0-0:94.44.128.29", 6),
        (9000, "0-0:94.44.2.0", 6),
        (113, "0-0:19.20.4.255", 7),
        (113, "0-0:19.20.0.255", 7),
        (9000, "0-0:63.1.1.255", 6),
    ),
)
ECS01B: tuple[DlmsPart, ...] = (
    put(113, "0-0:19.20.4.255", 6, _STANDING),
    put(113, "0-0:19.20.0.255", 6, _MATRIX),
    *activations((113, "0-0:19.20.4.255", 7), (113, "0-0:19.20.0.255", 7)),
)
ECS01C: tuple[DlmsPart, ...] = (
    put(113, "0-0:19.20.5.255", 6, _SECONDARY_PRICES),
    *_passive_calendar(
        "0-0:13.0.1.255",
        "SwitchingTable",
        calendar.day_profiles("SwitchingTable/DayProfiles/DayProfile", calendar.secondary_action),
    ),
    put(11, "0-1:11.0.1.255", 2, calendar.special_days("SpecialDays/SpecialDay")),
    *activations((20, "0-0:13.0.1.255", 10), (113, "0-0:19.20.5.255", 7), (9000, "0-0:94.44.128.30", 6)),
)
ECS01D: tuple[DlmsPart, ...] = (
    put(113, "0-0:19.20.5.255", 6, _SECONDARY_PRICES),
    *activations((113, "0-0:19.20.5.255", 7)),
)
