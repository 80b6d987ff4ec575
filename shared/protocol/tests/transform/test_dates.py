"""Dates, times and future dating (gbcs.md sections 7, 8, 11 and 14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.der_types import CANCEL, ActivateFirmware

LOAD_LIMIT = (
    "<LoadLimitPeriod>1</LoadLimitPeriod><LoadLimitPowerThreshold>2</LoadLimitPowerThreshold>"
    "<LoadLimitRestorationPeriod>3</LoadLimitRestorationPeriod><LoadLimitSupplyState>Unchanged</LoadLimitSupplyState>"
)
HASH = "<FirmwareHash>" + "AB" * 32 + "</FirmwareHash>"
WHEN = [
    ("", "0000000000000000008000ff", 0),
    ("<ExecutionDateTime>2030-01-15T09:00:00.00Z</ExecutionDateTime>", "07ee010fff090000008000ff", 948013200),
    ("<ExecutionDateTime>2030-01-15T10:30:00+01:30</ExecutionDateTime>", "07ee010fff090000008000ff", 948013200),
    ("<ExecutionDateTime>3000-12-31T00:00:00.00Z</ExecutionDateTime>", "ffffffffffffffffff8000ff", 0xFFFFFFFF),
]


@pytest.mark.parametrize(("execution", "octets", "seconds"), WHEN)
def test_activation_is_now_at_a_time_or_never(bench: Any, execution: str, octets: str, seconds: int) -> None:
    data = bench.data("6.4.1", execution + LOAD_LIMIT)
    assert [one.value.hex() for one in data[4:]] == [octets] * 4
    (mode,) = bench.of("GSME").components("1.6", f"{execution}<Credit/>")
    assert mode.fields["implementationTime"] == seconds


def test_der_commands_name_the_time_only_when_there_is_one(bench: Any) -> None:
    for execution, expected in (WHEN[0][0], None), (WHEN[3][0], CANCEL):
        found = bench.structure("11.3", execution + HASH)
        assert isinstance(found, ActivateFirmware)
        assert found.execution == expected


def test_an_execution_time_beyond_32_bits_is_refused_for_gas_and_fine_for_electricity(bench: Any) -> None:
    late = "<ExecutionDateTime>2200-01-01T00:00:00Z</ExecutionDateTime>"
    assert bench.data("6.4.1", late + LOAD_LIMIT)
    with pytest.raises(ProtocolError) as refusal:
        bench.of("GSME").make("1.6", f"{late}<Credit/>")
    assert refusal.value.rule == "TRANSFORM_DATE_OUT_OF_RANGE"
    assert refusal.value.place == "/Request/Body/UpdatePaymentMode/ExecutionDateTime"


def test_a_date_the_dcc_waits_for_is_not_in_the_command(bench: Any) -> None:
    message = "<SupplierMessage>x</SupplierMessage>"
    later = "<ExecutionDateTime>2030-01-15T09:00:00Z</ExecutionDateTime>" + message
    assert bench.make("3.1", later).message == bench.make("3.1", message).message


@pytest.mark.parametrize(
    ("parts", "octets"),
    [
        ({"year": 2015, "month": 5, "day": 1, "week": None}, "07df0501ff"),
        ({"year": None, "month": None, "day": None, "week": 7}, "ffffffff07"),
        ({"year": None, "month": 2, "day": "LastDayOfMonth", "week": None}, "ffff02feff"),
        ({"year": None, "month": 2, "day": "SecondLastDayOfMonth", "week": None}, "ffff02fdff"),
    ],
)
def test_dates_with_wild_cards(bench: Any, wild_date: Callable[..., str], parts: dict[str, Any], octets: str) -> None:
    special = (
        '<AuxiliaryControllerSpecialDayDefinitions><AuxiliaryControllerSpecialDayDefinition identifier="1">'
        f"{wild_date(**parts)}</AuxiliaryControllerSpecialDayDefinition></AuxiliaryControllerSpecialDayDefinitions>"
    )
    (day,) = bench.data("6.14.3", special)[0].elements
    assert day.elements[1].value.hex() == octets


@pytest.mark.parametrize("time", ["06:00:00+01:00", "25:00:00Z", "06:00", "06:60:00Z"])
def test_a_time_that_is_not_utc_or_no_time_is_refused(bench: Any, time: str) -> None:
    period = (
        f"<MaximumDemandTimePeriodSchedule><StartTime>{time}</StartTime>"
        "<EndTime>07:00:00Z</EndTime></MaximumDemandTimePeriodSchedule>"
    )
    with pytest.raises(ProtocolError, match=r"TRANSFORM_DATE_OUT_OF_RANGE.*/StartTime"):
        bench.given(user_role="NetworkOperator").make("6.18.1", period)


def test_logs_are_read_between_two_times_in_seconds(bench: Any) -> None:
    period = (
        "<ReadLogPeriod><StartDateTime>2014-12-01T09:00:00.999Z</StartDateTime>"
        "<EndDateTime>{}</EndDateTime></ReadLogPeriod>"
    )
    access = bench.access("4.4.4", period.format("2015-01-01T00:00:00Z"))
    parameters = access.specifications[0].selection.parameters
    assert [one.value for one in parameters.elements[1:3]] == [470739600, 473385600]
    with pytest.raises(ProtocolError, match="TRANSFORM_DATE_OUT_OF_RANGE"):
        bench.make("4.4.4", period.format("3000-01-01T00:00:00Z"))
    (log,) = bench.of("GSME").components("4.4.5", period.format("3000-01-01T00:00:00Z"))
    assert log.fields["latestEndTime"] == 0xFFFFFFFE


@pytest.mark.parametrize(
    ("srv", "kind", "end", "count"),
    [
        ("4.8.1", "GSME", "2015-01-03T00:00:00Z", 97),
        ("4.10", "GSME", "2015-01-01T04:00:00Z", 41),
        ("4.17", "GPF", "2015-01-11T00:00:00Z", 11),
    ],
)
def test_samples_are_the_intervals_of_the_period_and_one(bench: Any, srv: str, kind: str, end: str, count: int) -> None:
    period = (
        "<ReadLogPeriod><StartDateTime>2015-01-01T00:00:00Z</StartDateTime>"
        "<EndDateTime>{}</EndDateTime></ReadLogPeriod>"
    )
    (read,) = bench.of(kind).components(srv, period.format(end))
    assert read.fields["numberOfSamples"] == count
    with pytest.raises(ProtocolError, match="ReadLogPeriod"):
        bench.of(kind).make(srv, period.format("2014-01-01T00:00:00Z"))
