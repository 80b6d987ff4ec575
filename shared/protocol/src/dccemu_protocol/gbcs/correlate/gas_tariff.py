"""Tariff and prices of gas meters: GCS01a, GCS01b (gbcs.md sections 7 and 14)."""

from __future__ import annotations

from collections.abc import Callable

from ..zcl import ENTRIES, FieldValue
from .asked import Asked
from .commands import GbzPart, command_if, send
from .comparer import Comparer
from .gas_parts import (
    BY_PROVIDER,
    FOREVER,
    FOREVER_CALENDAR,
    ONE,
    calendar,
    day_profile,
    entries_of,
    listed,
)
from .meaning import Group, Meaning, Plain, Row, Said
from .simple import count, field, field_worded, whole

_TARIFF = "GasTariffElements"
_PRICES = "PriceElements/GasPriceElements"
_TIME_OF_USE = f"{_PRICES}/TOUTariff"
_BLOCK = f"{_PRICES}/BlockTariff"


def _all_day(asked: Asked) -> Meaning:
    """One entry from midnight: the tier of the day, 0 where blocks are charged."""
    tier = asked.said("TOUTariffAction") if asked.has("TOUTariffAction") else Said(0, asked.part("BlockTariff").place)
    entry: dict[object, Meaning] = {"startMinutes": Said((0, 0), asked.place), "priceTierOrEnable": tier}
    return Row(asked.place, (Group(asked.place, entry),))


def _tariff_information(scheme: int, tiers: int, thresholds: int) -> GbzPart:
    return send(
        "PublishTariffInformation",
        {
            **BY_PROVIDER,
            "issuerTariffId": 1,
            "startTime": FOREVER,
            "tariffTypeChargingScheme": scheme,
            "tariffLabel": b"",
            "priceTiers": tiers,
            "blockThresholds": thresholds,
            "unitOfMeasure": 0,
            "currency": field_worded(f"{_PRICES}/CurrencyUnits", {"GBP": 826, "ECB": 978}),
            "priceTrailingDigit": 0x50,
            "standingCharge": field(f"{_PRICES}/StandingCharge"),
            "tierBlockMode": 0xFF,
            "thresholdMultiplier": 1,
            "thresholdDivisor": 1000,
        },
    )


def _price_matrix(control: int, path: str, tier: Callable[[FieldValue], Plain]) -> GbzPart:
    def price(one: Asked) -> Meaning:
        index = Said(one.attribute("index"), f"{one.place}/@index")
        return Group(one.place, {"tierOrBlockId": index, "price": one.said("")})

    return send(
        "PublishPriceMatrix",
        {
            **BY_PROVIDER,
            **ONE,
            "startTime": FOREVER_CALENDAR,
            "issuerTariffId": 1,
            "subPayloadControl": control,
            ENTRIES: listed(path, {"tierOrBlockId": tier, "price": whole}, price),
        },
    )


def _block_number(value: FieldValue) -> Plain:
    found = whole(value)
    assert isinstance(found, int)
    return found + 1


def _numbered_thresholds(asked: Asked) -> Meaning:
    ordered = asked.by(f"{_TARIFF}/ThresholdMatrix/BlockThreshold")
    members: dict[object, Meaning] = {index: one.said("") for index, one in ordered.items()}
    return Group(asked.part(f"{_TARIFF}/ThresholdMatrix").place, members)


def _number_thresholds(value: FieldValue) -> Plain:
    found = entries_of({"blockThreshold": whole})(value)
    assert isinstance(found, tuple)
    return {index: one["blockThreshold"] for index, one in enumerate(found, 1)}


_INFORMATION = command_if(_BLOCK, _tariff_information(0x10, 0, 3), _tariff_information(0, 4, 0))
_THRESHOLDS = command_if(
    _BLOCK,
    send(
        "PublishBlockThresholds",
        {
            **BY_PROVIDER,
            **ONE,
            "startTime": FOREVER_CALENDAR,
            "issuerTariffId": 1,
            "subPayloadControl": 1,
            "numberOfThresholds": count(f"{_TARIFF}/ThresholdMatrix/BlockThreshold"),
            ENTRIES: Comparer(_number_thresholds, _numbered_thresholds),
        },
    ),
)
_MATRIX = command_if(
    _BLOCK,
    _price_matrix(0, f"{_BLOCK}/BlockPrice", _block_number),
    _price_matrix(1, f"{_TIME_OF_USE}/TOUPrice", whole),
)
GCS01A: tuple[GbzPart, ...] = (
    *calendar(
        0,
        _TARIFF,
        (
            "SwitchingTable/DayProfiles/DayProfile",
            "SwitchingTable/WeekProfiles/WeekProfile",
            "SwitchingTable/Seasons/Season",
            "SpecialDays/SpecialDay",
        ),
        day_profile("DayName", 0, _all_day),
    ),
    _INFORMATION,
    _THRESHOLDS,
    _MATRIX,
)
GCS01B: tuple[GbzPart, ...] = (_INFORMATION, _MATRIX)
