"""Switching, schedules, alerts, gas flow, hubs and MPANs (gbcs.md section 14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.der_types import DeviceLogEntry
from dccemu_protocol.gbcs.dlms import obis_text
from dccemu_protocol.gbcs.transform import ChfLogBackup
from dccemu_protocol.identifiers import Eui64

DEVICE = Eui64.parse("00-DB-12-34-56-78-90-A0")


def test_schedules_name_days_of_the_week_and_special_days_by_their_definition(
    bench: Any, wild_date: Callable[..., str]
) -> None:
    def schedule(days: str) -> str:
        return (
            '<AuxiliaryControllerSchedule><AuxiliaryControllerAction auxiliaryControllerN="3">'
            "<CommandedStateLevel>100</CommandedStateLevel><InputFromControlledLoad/></AuxiliaryControllerAction>"
            f"{days}<AuxiliaryControllerSchedulePeriodAndTime><SwitchTime>06:07:08.00Z</SwitchTime>"
            f"<StartDate>{wild_date()}</StartDate><EndDate>{wild_date(2015, 1, 2)}</EndDate>"
            "</AuxiliaryControllerSchedulePeriodAndTime></AuxiliaryControllerSchedule>"
        )

    defined = "".join(
        f'<AuxiliaryControllerSpecialDayDefinition identifier="{one}">{wild_date(month=one, day=1)}'
        "</AuxiliaryControllerSpecialDayDefinition>"
        for one in (4, 7, 2)
    )
    body = "{}<AuxiliaryControllerSpecialDayDefinitions>" + defined + "</AuxiliaryControllerSpecialDayDefinitions>"
    days = (
        '<SpecialDaysApplicability identifier="7"/><DaysOfWeekApplicability><DayOfWeekApplicability>'
        "<DayOfWeekID>Sunday</DayOfWeekID></DayOfWeekApplicability></DaysOfWeekApplicability>"
    )
    entry = bench.data("6.14.3", body.format(schedule("") + schedule(days)))[1].elements[1].elements
    assert [entry[index].value for index in (0, 3)] == [2, 0x2000 + 3 * 256 + 0x80 + 100]
    assert (entry[6].bits, entry[7].bits) == ("0000001", "010")
    assert [entry[index].value.hex() for index in (4, 8, 9)] == ["06070800", "ffffffffff", "07df0102ff"]
    with pytest.raises(ProtocolError, match="special day 1 is not defined"):
        bench.make("6.14.3", body.format(schedule('<SpecialDaysApplicability identifier="1"/>')))


@pytest.mark.parametrize(
    ("srv", "element", "code", "script"),
    [
        ("7.5", "ActivateALCSHCALCS", "0-0:94.44.118.1", 0x211),
        ("7.6", "DeactivateALCSHCALCS", "0-0:94.44.118.2", 0x212),
    ],
)
def test_switching_sets_the_duration_of_the_controller_and_runs_a_script(
    bench: Any, srv: str, element: str, code: str, script: int
) -> None:
    access = bench.access(srv, f'<{element} index="2"><Duration>30</Duration></{element}>')
    assert obis_text(access.specifications[0].obis) == code
    assert [one.value for one in access.data] == [30, script]


def test_only_controllers_named_true_join_or_leave_the_boost_button(bench: Any) -> None:
    inner = "".join(
        f'<AddToBoostButton index="{index}">{"true" if index in (2, 5) else "false"}</AddToBoostButton>'
        for index in range(1, 6)
    )
    access = bench.access("7.9", inner)
    assert [one.obis[5] for one in access.specifications] == [2, 5]
    with pytest.raises(ProtocolError, match="nothing to do"):
        bench.make("7.9", inner.replace("true", "false"))


def test_registers_to_reset_are_those_named(bench: Any) -> None:
    there = bench.given(user_role="NetworkOperator")
    access = there.access("6.18.2", "<MaxDemandActivePowerExportValue/>")
    assert [obis_text(one.obis) for one in access.specifications] == ["1-0:2.6.0.255"]
    with pytest.raises(ProtocolError, match="DEMAND_NO_REGISTER"):
        there.make("6.18.2")


def test_alert_behaviour_is_change_bits_and_value_bits(bench: Any) -> None:
    inner = (
        "<ElectricitySupplierAlerts><SupplierESMECommon><x810D>Enable</x810D><x81C6>Disable</x81C6></SupplierESMECommon>"
        "<SupplierESMEPolyPhase><x81B7>Enable</x81B7></SupplierESMEPolyPhase></ElectricitySupplierAlerts>"
    )
    (bits,) = (one.bits for one in bench.data("6.22", inner))
    change, value = bits[:256], bits[256:]
    assert {255 - place for place, bit in enumerate(change) if bit == "1"} == {0x0D, 0xC6, 0xB7}
    assert {255 - place for place, bit in enumerate(value) if bit == "1"} == {0x0D, 0xB7}


def test_event_configurations_are_grouped_by_their_switches(bench: Any) -> None:
    def one(code: str, *switches: str) -> str:
        names = ("WANAlert", "HANAlert", "EventLog", "Alarm")
        inner = "".join(f"<{name}>{'Enable' if name in switches else 'Disable'}</{name}>" for name in names)
        return f"<{code}>{inner}</{code}>"

    inner = one("x81C6", "WANAlert") + one("x810D", "EventLog", "Alarm") + one("x810E", "WANAlert") + one("x8119")
    components = bench.of("GSME").components(
        "6.22", f"<GasSupplierAlertEventSettings>{inner}</GasSupplierAlertEventSettings>"
    )
    found = [
        (each.fields["eventConfiguration"], [entry["eventId"] for entry in each.fields["entries"]])
        for each in components
    ]
    assert found == [(0x08, [0x810E, 0x81C6]), (0x00, [0x8119]), (0x43, [0x810D])]
    simple = bench.of("GSME").components("6.22", "<GasSupplierAlerts><x810D>Enable</x810D></GasSupplierAlerts>")
    assert [each.fields["eventConfiguration"] for each in simple] == [0x08]


def test_poly_phase_settings_go_to_their_phase(bench: Any) -> None:
    limits = "".join(
        f"<{name}MeasurementPeriod>1</{name}MeasurementPeriod><{name}Threshold>2</{name}Threshold>"
        for name in ("RMSExtremeOverVoltage", "RMSExtremeUnderVoltage", "RMSVoltageSag", "RMSVoltageSwell")
    )
    phases = "".join(
        f"<PolyPhaseVoltageSettings><Phase>{phase}</Phase><PhaseVoltageSettings>"
        f"<AverageRMSOverVoltageThreshold>{phase}1</AverageRMSOverVoltageThreshold>"
        f"<AverageRMSUnderVoltageThreshold>{phase}2</AverageRMSUnderVoltageThreshold>"
        f"<AverageRMSVoltageMeasurementPeriod>{phase}3</AverageRMSVoltageMeasurementPeriod>"
        "</PhaseVoltageSettings></PolyPhaseVoltageSettings>"
        for phase in (3, 1, 2)
    )
    there = bench.of("ESME", variant="C").given(user_role="NetworkOperator")
    there = there.given(device=bench.of("ESME", variant="C").device, user_role="NetworkOperator")
    body = f"<RMSVoltageSettings>{limits}</RMSVoltageSettings>{phases}<RMSVoltageCountersNotReset/>"
    access = there.access("6.5", body)
    over = {
        one.obis[2]: datum.value
        for one, datum in zip(access.specifications, access.data, strict=True)
        if one.obis[3] == 35
    }
    assert over == {32: 11, 52: 21, 72: 31}
    with pytest.raises(ProtocolError, match="PHASE_LIST"):
        there.make("6.5", body.replace("<Phase>3", "<Phase>2"))


@pytest.mark.parametrize(
    ("flow", "threshold", "divisor"),
    [
        ("<UncontrolledGasFlowRate>61680</UncontrolledGasFlowRate>", 61680, 1),
        ("<UncontrolledGasFlowRateDecimal>6.5535</UncontrolledGasFlowRateDecimal>", 65535, 10000),
    ],
)
def test_gas_flow(bench: Any, flow: str, threshold: int, divisor: int) -> None:
    inner = (
        f"{flow}<SupplyDepletionState>Unchanged</SupplyDepletionState><SupplyTamperState>Locked</SupplyTamperState>"
        "<StabilisationPeriod>1</StabilisationPeriod><MeasurementPeriod>2</MeasurementPeriod>"
    )
    flow_threshold, status = bench.of("GSME").components("6.7", inner)
    assert (flow_threshold.fields["threshold"], flow_threshold.fields["divisor"]) == (threshold, divisor)
    assert (status.fields["supplyTamperState"], status.fields["supplyDepletionState"]) == (0, 3)


def test_a_decimal_finer_than_the_field_is_refused(bench: Any) -> None:
    inner = "<CalorificValue>39.55</CalorificValue><ConversionFactor>1.02264</ConversionFactor>"
    with pytest.raises(ProtocolError, match=r"TRANSFORM_VALUE_OUT_OF_RANGE.*/CalorificValue"):
        bench.of("GSME").make("6.6", inner)


def test_mpans_of_twin_element_meters(bench: Any) -> None:
    first = "<ImportMPANs><ImportMPAN>1312345678111</ImportMPAN>{}</ImportMPANs>"
    second = "<SecondaryImportMPAN>1312345678222</SecondaryImportMPAN>"
    assert bench.data("6.20.1", first.format(""))[0].value == b"1312345678111"
    assert bench.of("ESME", variant="B").data("6.20.1", first.format(second))[0].value == b"13123456781111312345678222"
    with pytest.raises(ProtocolError, match=r"TRANSFORM_TWIN_ELEMENT.*/SecondaryImportMPAN"):
        bench.make("6.20.1", first.format(second))


def test_text_that_the_message_cannot_hold_is_refused(bench: Any) -> None:
    inner = "<ImportMPANs><ImportMPAN>131234567811\u00e9</ImportMPAN></ImportMPANs>"
    with pytest.raises(ProtocolError, match="TRANSFORM_TEXT_NOT_ENCODABLE"):
        bench.make("6.20.1", inner)


def test_whitelisting(bench: Any) -> None:
    inner = (
        "<DeviceID>00-db-12-34-56-78-90-a1</DeviceID><RequestType>Add</RequestType><AddDeviceToCHFWhitelist>"
        "<JoinTimePeriod>3600</JoinTimePeriod><InstallCode>{}</InstallCode></AddDeviceToCHFWhitelist>"
    )
    register, period, enabled = bench.of("CHF").data("8.11", inner.format("0102030405060708"))
    assert register.elements[2].value.hex() == "0102030405060708"
    assert (period.value, enabled.value) == (3600, True)
    with pytest.raises(ProtocolError, match="WHITELIST_INSTALL_CODE"):
        bench.of("CHF").make("8.11", inner.format("0102"))


def test_logs_of_old_hubs_are_restored_from_their_backup(bench: Any) -> None:
    hub = bench.of("CHF")
    request = "<OldCHFID>00-DB-12-34-56-78-90-A2</OldCHFID>"
    with pytest.raises(ProtocolError, match="RESTORE_NO_HUB_BACKUP"):
        hub.make("8.12.1", request)
    view = hub.device.__class__(DEVICE, "CHF", chf_log_backup=ChfLogBackup(b"\x01" * 8, ((DEVICE, b""),)))
    (backup,) = hub.given(device=view).data("8.12.1", request)
    assert backup.elements[1].elements[0].elements[0].value == DEVICE.octets
    proxy = bench.of("GPF")
    with pytest.raises(ProtocolError, match="RESTORE_NO_GPF_BACKUP"):
        proxy.make("8.12.2")
    view = proxy.device.__class__(DEVICE, "GPF", gpf_log_backup=((DEVICE, 5),))
    assert proxy.given(device=view).structure("8.12.2").entries == (DeviceLogEntry(DEVICE, 5),)
