"""Prices, thresholds, calendars and payment modes (gbcs.md section 14)."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError

CHARGES = "<StandingCharge>7</StandingCharge><StandingChargeScale>-5</StandingChargeScale><PriceScale>-3</PriceScale>"


def prices(inner: str) -> str:
    return f"<PriceElements><ElectricityPriceElements>{CHARGES}{inner}</ElectricityPriceElements></PriceElements>"


def table(bench: Any, inner: str) -> dict[str, int]:
    charge = bench.data("1.2.1", prices(inner))[1]
    entries = charge.elements[2].elements
    assert len(entries) == 80
    return {one.elements[0].value.hex(): one.elements[1].value for one in entries if one.elements[1].value}


def test_prices_stand_at_their_index_and_the_others_are_zero(bench: Any) -> None:
    inner = (
        '<HybridTariff><BlockPrices index="2"><BlockPrice index="4">-5</BlockPrice></BlockPrices>'
        '<TOUPrice index="48">9</TOUPrice></HybridTariff>'
    )
    assert table(bench, inner) == {"30": 9, "d2": -5}
    assert table(bench, '<TOUTariff><TOUPrice index="1">1</TOUPrice></TOUTariff>') == {"01": 1}


@pytest.mark.parametrize(
    ("inner", "rule", "place"),
    [
        (
            '<TOUTariff><TOUPrice index="1">1</TOUPrice><TOUPrice index="1">2</TOUPrice></TOUTariff>',
            "TRANSFORM_LIST_INCONSISTENT",
            "TOUPrice[2]",
        ),
        ('<TOUTariff><TOUPrice index="49">1</TOUPrice></TOUTariff>', "TRANSFORM_VALUE_OUT_OF_RANGE", "TOUPrice/@index"),
        (
            '<TOUTariff><TOUPrice index="1">32768</TOUPrice></TOUTariff>',
            "TRANSFORM_VALUE_OUT_OF_RANGE",
            "TOUTariff/TOUPrice",
        ),
    ],
)
def test_prices_that_cannot_be_told_are_refused_with_their_place(bench: Any, inner: str, rule: str, place: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        bench.make("1.2.1", prices(inner))
    assert refusal.value.rule == rule
    assert refusal.value.place.endswith(place)


def test_thresholds_follow_their_index_without_gaps(bench: Any) -> None:
    def tariff(first: str) -> str:
        rest = '<BlockThreshold index="1">5</BlockThreshold>'
        matrix = "".join(
            f'<Thresholds index="{index}">{first if index == 1 else rest}</Thresholds>' for index in range(1, 9)
        )
        return (
            "<ElecTariffElements><CurrencyUnits>ECB</CurrencyUnits><SwitchingTable><DayProfiles/><WeekProfiles/><Seasons/>"
            f"</SwitchingTable><SpecialDays/><ThresholdMatrix>{matrix}</ThresholdMatrix></ElecTariffElements>"
            + prices('<TOUTariff><TOUPrice index="1">1</TOUPrice></TOUTariff>')
        )

    swapped = '<BlockThreshold index="2">20</BlockThreshold><BlockThreshold index="1">10</BlockThreshold>'
    data = bench.data("1.1.1", tariff(swapped))
    assert [one.value for one in data[4].elements] == [10, 20]
    assert data[12].value is False
    with pytest.raises(ProtocolError, match="gaps"):
        bench.make("1.1.1", tariff('<BlockThreshold index="2">20</BlockThreshold>'))


@pytest.mark.parametrize(
    ("period", "dates"),
    [
        ("<Daily/>", ["ffffffffff"]),
        ("<Weekly>3</Weekly>", ["ffffffff03"]),
        ("<Monthly>28</Monthly>", ["ffffff1cff"]),
        (
            "<Quarterly><DayOfMonth>1</DayOfMonth><BillingPeriodStartMonth>11</BillingPeriodStartMonth></Quarterly>",
            ["ffff0b01ff", "ffff0201ff", "ffff0501ff", "ffff0801ff"],
        ),
        (
            "<SixMonthly><DayOfMonth>2</DayOfMonth><BillingPeriodStartMonth>3</BillingPeriodStartMonth></SixMonthly>",
            ["ffff0302ff", "ffff0902ff"],
        ),
        (
            "<Yearly><DayOfMonth>2</DayOfMonth><BillingPeriodStartMonth>12</BillingPeriodStartMonth></Yearly>",
            ["ffff0c02ff"],
        ),
    ],
)
def test_billing_dates(bench: Any, period: str, dates: list[str]) -> None:
    inner = f"<ElectricityBillingCalendar><BillingTime>01:02:03Z</BillingTime>{period}</ElectricityBillingCalendar>"
    (calendar,) = bench.data("6.8", inner)
    assert [one.elements[1].value.hex() for one in calendar.elements] == dates
    assert calendar.elements[0].elements[0].value.hex() == "01020300"


@pytest.mark.parametrize(
    ("period", "duration", "kind"),
    [("Daily", 1, 0x21), ("Weekly", 1, 0x22), ("Monthly", 1, 0x23), ("Quarterly", 3, 0x23), ("Yearly", 12, 0x23)],
)
def test_gas_billing_periods(bench: Any, period: str, duration: int, kind: int) -> None:
    inner = (
        "<GasBillingCalendar><BillingPeriodStart>2015-01-01T00:00:00Z</BillingPeriodStart>"
        f"<Periodicity>{period}</Periodicity></GasBillingCalendar>"
    )
    billing, block = bench.of("GSME").components("6.8", inner)
    assert (billing.fields["duration"], billing.fields["durationType"]) == (duration, kind)
    assert (block.fields["duration"], block.fields["control"]) == (duration, 2)


def pairs(bench: Any, inner: str) -> list[tuple[int, int, str]]:
    account = bench.data("1.6", inner)
    array = next(one for one in account if type(one).__name__ == "Array")
    return [(one.elements[0].value[4], one.elements[1].value[4], one.elements[2].bits) for one in array.elements]


def test_payment_modes_pair_credits_with_charges(bench: Any) -> None:
    assert pairs(bench, "<Credit/>") == [(0, 0, "111"), (0, 4, "111")]
    assert pairs(bench.of("ESME", variant="B"), "<Credit/>")[2:] == [(0, 5, "111")]
    prepayment = (
        "<Prepayment><SuspendDebtDisabled>{}</SuspendDebtDisabled><SuspendDebtEmergency>{}</SuspendDebtEmergency>"
        "<DisablementThreshold>-1</DisablementThreshold></Prepayment>"
    )
    found = pairs(bench, prepayment.format("true", "false"))
    assert found[2:4] == [(0, 1, "110"), (0, 2, "110")]
    assert found[-2:] == [(1, 1, "110"), (1, 2, "110")]
    both = pairs(bench.of("ESME", variant="BD"), prepayment.format("0", "1"))
    assert both[2:4] == [(0, 1, "111"), (0, 2, "111")]
    assert both[-5:] == [(2, 4, "111"), (2, 1, "111"), (2, 2, "111"), (0, 5, "111"), (1, 5, "111")]


@pytest.mark.parametrize(
    ("disabled", "emergency", "configuration"),
    [("true", "false", 0x0C97), ("true", "true", 0x0497), ("false", "true", 0x0097)],
)
def test_gas_prepayment_configuration(bench: Any, disabled: str, emergency: str, configuration: int) -> None:
    (mode,) = bench.of("GSME").components(
        "1.6",
        f"<Prepayment><SuspendDebtDisabled>{disabled}</SuspendDebtDisabled>"
        f"<SuspendDebtEmergency>{emergency}</SuspendDebtEmergency><DisablementThreshold>-1</DisablementThreshold></Prepayment>",
    )
    assert mode.fields["paymentControlConfiguration"] == configuration
    assert mode.fields["cutOffValue"] == -1


BLOCK_PRICE = '<BlockPrice index="1">9</BlockPrice>'
GAS_DATE = (
    "<GasYearWithWildcards><NonSpecifiedYear/></GasYearWithWildcards><GasMonthWithWildcards><SpecifiedMonth>3"
    "</SpecifiedMonth></GasMonthWithWildcards><GasDayOfMonthWithWildcards><SpecifiedDayOfMonth>2</SpecifiedDayOfMonth>"
    "</GasDayOfMonthWithWildcards><GasDayOfWeekWithWildcards><NonSpecifiedDayOfWeek/></GasDayOfWeekWithWildcards>"
)


def gas_tariff(thresholds: list[int], tariff: str, days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)) -> str:
    matrix = "".join(f'<BlockThreshold index="{index}">{index * 10}</BlockThreshold>' for index in thresholds)
    week = "".join(f'<ReferencedDayName index="{day}">1</ReferencedDayName>' for day in days)
    return (
        "<GasTariffElements><SwitchingTable><DayProfiles><DayProfile><DayName>1</DayName><BlockTariff/></DayProfile>"
        f"</DayProfiles><WeekProfiles><WeekProfile><WeekName>1</WeekName>{week}</WeekProfile></WeekProfiles><Seasons>"
        f"<Season><SeasonStartDate>{GAS_DATE}</SeasonStartDate><ReferencedWeekName>1</ReferencedWeekName></Season>"
        f"</Seasons></SwitchingTable><SpecialDays/><ThresholdMatrix>{matrix}</ThresholdMatrix></GasTariffElements>"
        f"{gas_prices(tariff)}"
    )


def gas_prices(tariff: str) -> str:
    return (
        "<PriceElements><GasPriceElements><CurrencyUnits>GBP</CurrencyUnits><StandingCharge>1</StandingCharge>"
        f"{tariff}</GasPriceElements></PriceElements>"
    )


def block_tariff(prices: str = BLOCK_PRICE) -> str:
    return f"<BlockTariff><NumberOfThresholds>3</NumberOfThresholds>{prices}</BlockTariff>"


def test_thresholds_of_a_gas_meter_follow_their_index(bench: Any) -> None:
    found = bench.of("GSME").components("1.1.1", gas_tariff([3, 1, 2], block_tariff()))
    matrix = next(one for one in found if "numberOfThresholds" in one.fields)
    assert matrix.fields["numberOfThresholds"] == 3
    assert [one["blockThreshold"] for one in matrix.fields["entries"]] == [10, 20, 30]


@pytest.mark.parametrize("thresholds", [[1, 1], [2], [1, 3], [3, 2]])
def test_thresholds_of_a_gas_meter_with_gaps_or_equal_numbers_are_refused(bench: Any, thresholds: list[int]) -> None:
    with pytest.raises(ProtocolError) as refusal:
        bench.of("GSME").make("1.1.1", gas_tariff(thresholds, block_tariff()))
    assert refusal.value.rule == "TRANSFORM_LIST_INCONSISTENT"
    assert "/ThresholdMatrix/BlockThreshold" in refusal.value.place


def test_thresholds_that_a_time_of_use_tariff_does_not_send_are_not_looked_at(bench: Any) -> None:
    tariff = '<TOUTariff><TOUPrice index="2">5</TOUPrice></TOUTariff>'
    found = bench.of("GSME").components("1.1.1", gas_tariff([2], tariff))
    assert not any("numberOfThresholds" in one.fields for one in found)


@pytest.mark.parametrize(
    "tariff",
    [
        '<TOUTariff><TOUPrice index="2">5</TOUPrice><TOUPrice index="2">6</TOUPrice></TOUTariff>',
        block_tariff(BLOCK_PRICE * 2),
    ],
)
def test_two_prices_of_a_gas_meter_for_one_tier_are_refused(bench: Any, tariff: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        bench.of("GSME").make("1.2.1", gas_prices(tariff))
    assert refusal.value.rule == "TRANSFORM_LIST_INCONSISTENT"


@pytest.mark.parametrize("days", [(1, 2, 3, 4, 5, 6, 6), (1, 2, 3, 4, 5, 6), (7, 7, 1, 2, 3, 4, 5)])
def test_a_week_names_each_of_its_days_once(bench: Any, days: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolError) as refusal:
        bench.of("GSME").make("1.1.1", gas_tariff([1], block_tariff(), days))
    assert refusal.value.rule == "TRANSFORM_LIST_INCONSISTENT"


@pytest.mark.parametrize(
    ("srv", "inner"),
    [
        (
            "6.14.1",
            '<ALCSHCALCSDescription index="2"><SwitchDescription>a</SwitchDescription></ALCSHCALCSDescription>' * 2,
        ),
        ("7.9", '<AddToBoostButton index="1">true</AddToBoostButton>' * 5),
        ("7.10", '<RemoveFromBoostButton index="1">true</RemoveFromBoostButton>' * 5),
    ],
)
def test_one_auxiliary_controller_is_not_told_two_things(bench: Any, srv: str, inner: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        bench.make(srv, inner)
    assert refusal.value.rule == "TRANSFORM_LIST_INCONSISTENT"


def test_two_special_days_of_one_identifier_are_refused_also_where_no_schedule_names_them(
    bench: Any, wild_date: Any
) -> None:
    name = "AuxiliaryControllerSpecialDayDefinition"
    day = f'<{name} identifier="1">{wild_date(month=3)}</{name}>'
    definitions = "<AuxiliaryControllerSpecialDayDefinitions>{}</AuxiliaryControllerSpecialDayDefinitions>"
    assert len(bench.data("6.14.3", definitions.format(day))[0].elements) == 1
    with pytest.raises(ProtocolError) as refusal:
        bench.make("6.14.3", definitions.format(day * 2))
    assert refusal.value.rule == "TRANSFORM_LIST_INCONSISTENT"
