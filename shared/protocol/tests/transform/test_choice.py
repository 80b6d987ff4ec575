"""Which use case a Service Request becomes, by Device type, kind, GBCS version and content (gbcs.md section 15)."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.transform import choose_use_case

SINGLE = "<SinglePhaseVoltageSettings/>"
POLY = "<PolyPhaseVoltageSettings/>"
NOT_RESET = "<RMSVoltageCountersNotReset/>"

CHOSEN = [
    (
        "1.1.1",
        "ESME",
        "4.3",
        "A",
        "<ElecTariffElements/><PriceElements><ElectricityPriceElements/></PriceElements>",
        "ECS01a",
    ),
    ("1.1.1", "GSME", "4.3", None, "<GasTariffElements/><PriceElements><GasPriceElements/></PriceElements>", "GCS01a"),
    ("1.5", "ESME", "4.3", "A", "<PrepaymentMode><ResetMeterBalance/></PrepaymentMode>", "ECS04b"),
    ("1.5", "GSME", "4.3", None, "<CreditMode><AdjustMeterBalance>1</AdjustMeterBalance></CreditMode>", "GCS40c"),
    ("2.1", "ESME", "2.0", "A", "<UpdatePrepayConfigElectricity/>", "ECS08"),
    ("2.1", "ESME", "3.2", "A", "<UpdatePrepayConfigElectricity/>", "ECS08"),
    ("2.1", "ESME", "4.0", "A", "<UpdatePrepayConfigElectricity/>", "ECS08a"),
    ("2.1", "ESME", "4", "A", "<UpdatePrepayConfigElectricity/>", "ECS08a"),
    ("2.1", "ESME", "unknown", "A", "<UpdatePrepayConfigElectricity/>", "ECS08a"),
    ("2.1", "ESME", "", "A", "<UpdatePrepayConfigElectricity/>", "ECS08a"),
    ("3.3", "ESME", "4.3", "A", "<ESMEEventLogType>ALCS</ESMEEventLogType>", "ECS15c"),
    ("3.3", "GSME", "4.3", None, "", "CS11"),
    ("4.10", "ESME", "4.3", "AD", "", "ECS23"),
    ("4.10", "ESME", "4.3", "C", "", "ECS23b"),
    ("4.10", "ESME", "4.3", None, "", "ECS23"),
    ("4.18", "GPF", "2.0", None, "", "GCS60"),
    ("4.18", "GPF", "4.1", None, "", "GCS60a"),
    ("6.2.4", "CHF", "2.0", None, "", "ECS26i"),
    ("6.2.4", "CHF", "4.3", None, "", "ECS26n"),
    ("6.5", "ESME", "4.3", "A", SINGLE, "ECS29a"),
    ("6.5", "ESME", "4.3", "A", SINGLE + NOT_RESET, "ECS29c"),
    ("6.5", "ESME", "4.3", "C", POLY * 3, "ECS29b"),
    ("6.5", "ESME", "4.3", "C", POLY * 3 + NOT_RESET, "ECS29d"),
    ("6.7", "GSME", "2.0", None, "<UncontrolledGasFlowRate>1</UncontrolledGasFlowRate>", "GCS24"),
    ("6.7", "GSME", "4.3", None, "<UncontrolledGasFlowRateDecimal>1</UncontrolledGasFlowRateDecimal>", "GCS24a"),
    (
        "6.8",
        "ESME",
        "2.0",
        "A",
        "<ElectricityBillingCalendar><Monthly>1</Monthly></ElectricityBillingCalendar>",
        "ECS30",
    ),
    ("6.8", "ESME", "4.3", "A", "<ElectricityBillingCalendar><Daily/></ElectricityBillingCalendar>", "ECS30a"),
    ("6.13", "ESME", "2.0", "A", "<LogToRead>ALCSEvent</LogToRead>", "ECS35f"),
    ("6.13", "ESME", "4.3", "A", "<LogToRead>ALCSEvent</LogToRead>", "ECS35g"),
    ("6.13", "CHF", "4.3", None, "<LogToRead>Security</LogToRead>", "ECS35d"),
    (
        "6.15.1",
        "ESME",
        "4.3",
        "A",
        "<RemotePartyRole>LoadController</RemotePartyRole>",
        "CS02gLoadControllerBySupplier",
    ),
    ("6.24.1", "ESME", "2.0", "A", "<RemotePartyRole>Supplier</RemotePartyRole>", "CS02aMAC"),
    (
        "6.24.1",
        "ESME",
        "2.0",
        "A",
        "<RemotePartyRole>Root</RemotePartyRole><RemotePartyRole>LoadController</RemotePartyRole>",
        "CS02fMAC",
    ),
    ("6.24.1", "ESME", "4.3", "A", "<RemotePartyRole>Supplier</RemotePartyRole>", "CS02fMAC"),
    ("6.24.1", "GSME", "4.3", None, "<RemotePartyRole>Supplier</RemotePartyRole>", "CS02aMAC"),
    ("8.9", "CHF", "2.0", None, "", "CCS05CCS04"),
    ("8.9", "CHF", "4.3", None, "", "CCS06"),
    ("8.9", "CHF", "4.3", None, "<ReadSecurityDetails/>", "CCS07"),
    ("8.9", "PPMID", "4.3", None, "", "CS07"),
    ("11.2", "HCALCS", "4.3", None, "", "CS08"),
    ("11.2", "CHF", "4.3", None, "", "ECS52"),
]


@pytest.mark.parametrize(("srv", "kind", "version", "variant", "inner", "name"), CHOSEN)
def test_the_use_case_fits_device_version_and_content(
    bench: Any, srv: str, kind: str, version: str, variant: str | None, inner: str, name: str
) -> None:
    there = bench.of(kind, version, variant)
    if kind == "ESME" and variant is None:
        there = there.given(device=there.device.__class__(there.device.eui, "ESME", version, None))
    assert choose_use_case(there.request(srv, inner), there.context).name == name


REFUSED = [
    (
        "1.1.1",
        "GSME",
        "4.3",
        None,
        "<ElecTariffElements/><PriceElements><ElectricityPriceElements/></PriceElements>",
        "TARIFF_ELEMENT_KIND",
    ),
    ("1.2.1", "ESME", "4.3", "A", "<PriceElements><GasPriceElements/></PriceElements>", "PRICE_ELEMENT_KIND"),
    ("1.7", "GSME", "4.3", None, "", "DEVICE_CANNOT"),
    ("3.3", "ESME", "4.3", "A", "", "LOG_TYPE_FIT"),
    ("3.3", "GSME", "4.3", None, "<ESMEEventLogType>ESME</ESMEEventLogType>", "LOG_TYPE_FIT"),
    ("6.5", "ESME", "4.3", "A", POLY * 3, "PHASE_SETTINGS_KIND"),
    ("6.5", "ESME", "4.3", "C", SINGLE, "PHASE_SETTINGS_KIND"),
    (
        "6.7",
        "GSME",
        "2.0",
        None,
        "<UncontrolledGasFlowRateDecimal>1</UncontrolledGasFlowRateDecimal>",
        "FLOW_RATE_DECIMAL",
    ),
    ("6.8", "ESME", "4.3", "A", "<GasBillingCalendar/>", "CALENDAR_KIND"),
    (
        "6.8",
        "ESME",
        "2.0",
        "A",
        "<ElectricityBillingCalendar><Daily/></ElectricityBillingCalendar>",
        "CALENDAR_PERIODICITY",
    ),
    ("6.13", "GSME", "4.3", None, "<LogToRead>PowerEvent</LogToRead>", "EVENT_LOG_KIND"),
    ("6.15.1", "ESME", "4.3", "A", "<RemotePartyRole>Recovery</RemotePartyRole>", "CREDENTIAL_ROLE"),
    ("6.22", "GSME", "4.3", None, "<ElectricitySupplierAlerts/>", "ALERT_GROUP_DEVICE"),
    ("8.7.1", "ESME", "4.3", "A", "<OtherDeviceID>00-00-00-00-00-00-00-01</OtherDeviceID>", "JOIN_DEVICE"),
    ("8.9", "GSME", "4.3", None, "<ReadSecurityDetails/>", "DEVICE_LOG_SECURITY_DETAILS"),
    ("8.11", "CHF", "4.3", None, "<RequestType>Add</RequestType>", "WHITELIST_DETAILS"),
]


@pytest.mark.parametrize(("srv", "kind", "version", "variant", "inner", "rule"), REFUSED)
def test_a_misfit_is_refused_by_the_rule_of_its_service(
    bench: Any, srv: str, kind: str, version: str, variant: str | None, inner: str, rule: str
) -> None:
    there = bench.of(kind, version, variant)
    with pytest.raises(ProtocolError) as refusal:
        choose_use_case(there.request(srv, inner), there.context)
    assert refusal.value.rule == rule
