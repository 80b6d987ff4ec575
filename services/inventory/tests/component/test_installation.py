"""A home from nothing to a working dual fuel Smart Metering System, and its later life, by what Devices answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_runtime.outbox import message_of

SUPPLIER, GAS, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-02-00-00"
BROKER = "90-B3-D5-1F-30-00-00-02"
HUB, GPF, ESME, GSME, PPMID, HCALCS, IHD, HUB2, GPF2 = (f"00-DB-12-34-56-78-92-{n:02X}" for n in range(9))
MPAN, EXPORT, MPRN = "1900000000001", "1900000000009", "1900000011"
SINCE = "2015-01-01"

pytestmark = pytest.mark.asyncio


async def notify(inventory: Any, eui: str, kind: str, model: str, firmware: str, user: str = SUPPLIER) -> None:
    variant = " ESMEVariant=A" if kind == "ESME" else ""
    version = f" SMETSCHTSVersion=SMETS_V1.58 FirmwareVersion={firmware}{variant}" if firmware else ""
    maker = "AB01" if firmware else "GEO"
    made = f"DeviceManufacturer={maker} DeviceModel={model} DeviceType={kind}{version}"
    reply = await inventory.ask("12.2", f"DevicePrenotification DeviceID={eui} {made}", user=user)
    assert reply.outcome == "done", reply


async def deliver_hub(inventory: Any, hub: str, gpf: str) -> None:
    values = {"device": hub, "gpf": gpf, "manufacturer": "106C", "model": "433100AC", "firmware_version": "00009001"}
    response = await inventory.http.post("/admin/inventory/hubs?check_certificates=false", json=values)
    assert response.status_code == 201, response.text


@pytest.fixture
def points() -> dict[str, dict[str, Any]]:
    electric = [
        {"role": "IS", "user": SUPPLIER, "effective_from": SINCE},
        {"role": "ED", "user": NETWORK, "effective_from": SINCE},
    ]
    return {
        MPAN: {"fuel": "electricity", "spans": electric, "uprn": "42", "post_code": "EX1 1AA"},
        EXPORT: {"fuel": "electricity", "spans": [{"role": "ES", "user": GAS, "effective_from": SINCE}]},
        MPRN: {
            "fuel": "gas",
            "spans": [
                {"role": "GS", "user": GAS, "effective_from": SINCE},
                {"role": "GT", "user": NETWORK, "effective_from": SINCE},
            ],
        },
    }


async def install(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    """From an empty premises to all Devices Commissioned, two Suppliers, one hub."""
    for mpxn, fields in points.items():
        assert (await inventory.http.put(f"/admin/inventory/registrations/{mpxn}", json=fields)).status_code == 200
    await deliver_hub(inventory, HUB, GPF)
    await notify(inventory, ESME, "ESME", "010A030B", "0002012F")
    await notify(inventory, GSME, "GSME", "010B030B", "00020130", GAS)
    await notify(inventory, PPMID, "PPMID", "010C0101", "00010003")
    await notify(inventory, HCALCS, "HCALCS", "010D0101", "00010001")
    await notify(inventory, IHD, "IHD", "9001", "")
    await inventory.tell(HUB)  # A message whose cryptography was checked: first contact.
    for eui, mpxns in {
        ESME: {"ImportMPxN": MPAN, "ExportMPAN": EXPORT},
        GSME: {"ImportMPxN": MPRN},
        PPMID: {},
        HCALCS: {},
        IHD: {},
    }.items():
        details = {"JoinTimePeriod": "90", "InstallCode": "30313233343536", **mpxns}
        request = {"DeviceID": eui, "RequestType": "Add", "AddDeviceToCHFWhitelist": details}
        await inventory.tell(HUB, "8.11", user=GAS if eui == GSME else SUPPLIER, request=request)
    await inventory.tell(ESME, "8.1.1")
    await inventory.tell(GSME, "8.7.2", user=GAS, request={"OtherDeviceID": GPF})
    await inventory.tell(GSME, "8.1.1", user=GAS)
    await inventory.tell(HCALCS, "8.7.1", request={"OtherDeviceID": ESME})
    await inventory.tell(ESME, "8.7.1", request={"OtherDeviceID": HCALCS})
    await inventory.tell(ESME, "8.7.1", request={"OtherDeviceID": PPMID})
    await inventory.tell(PPMID, "8.7.2", request={"OtherDeviceID": ESME})
    await inventory.tell(GSME, "8.7.1", user=GAS, request={"OtherDeviceID": PPMID})
    await inventory.tell(PPMID, "8.7.2", user=GAS, request={"OtherDeviceID": GSME})
    await inventory.tell(ESME, "8.7.2", request={"OtherDeviceID": IHD})


@pytest.mark.checklist("D6", "D7", "C20")
async def test_a_home_is_installed(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    for eui in (HUB, GPF, ESME, GSME, PPMID, HCALCS):
        assert inventory.status(eui) == "Commissioned", eui
        assert inventory.device(eui).commissioned_on is not None
    assert inventory.status(IHD) is None
    esme, gsme, gpf = (inventory.device(eui) for eui in (ESME, GSME, GPF))
    assert (esme.hub, esme.import_mpxn, esme.export_mpan, esme.uprn) == (HUB, MPAN, EXPORT, "42")
    assert (gsme.gpf, gpf.meters, gpf.import_mpxn) == (GPF, (GSME,), MPRN)
    # One PPMID on both fuels, two Suppliers.
    assert (inventory.device(PPMID).meters, inventory.device(PPMID).half_joins) == ((ESME, GSME), ())
    assert (inventory.device(HCALCS).meters, inventory.device(IHD).meters) == ((ESME,), (ESME,))
    history = (await inventory.http.get(f"/admin/inventory/devices/{ESME}")).json()["history"]
    assert [entry["new"] for entry in history] == ["Pending", "Whitelisted", "Commissioned"]
    assert [entry["cause"] for entry in history] == ["SR 12.2", "SR 8.11 answered", "SR 8.1.1 answered"]


async def test_who_is_told_of_the_installation(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    await inventory.eventually(lambda: len(inventory.alerts_of("N16")) == 2 and len(inventory.alerts_of("N24")) == 5)
    identity = {alert.device: alert for alert in inventory.alerts_of("N16")}
    assert identity[ESME].recipients == (NETWORK, GAS)  # The exporter and the network, not who commissioned it.
    assert identity[ESME].body["DeviceStatusChange"]["MeterIdentity"] == {
        "MeterMPxNs": {"ImportMPxN": MPAN, "ExportMPAN": EXPORT},
        "ESMEVariant": "A",
    }
    assert identity[GSME].recipients == (NETWORK,)
    assert inventory.alerts_of("N24")[0].recipients == (SUPPLIER,)


async def test_one_side_of_a_type_1_join_is_not_enough(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    await notify(inventory, HUB2, "HCALCS", "010D0101", "00010001")
    await inventory.tell(HUB2, "8.7.1", request={"OtherDeviceID": ESME})
    assert (inventory.status(HUB2), inventory.device(HUB2).meters) == ("Pending", ())
    assert inventory.device(HUB2).half_joins == (f"self:{ESME}",)
    await inventory.tell(ESME, "8.7.1", request={"OtherDeviceID": HUB2})
    assert (inventory.status(HUB2), inventory.device(HUB2).meters) == ("Commissioned", (ESME,))


async def test_failures_and_repeats_change_nothing(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    before = inventory.device(ESME)
    outcome = await inventory.tell(ESME, "8.1.1", success=False)
    await inventory.tell(ESME, "8.1.1")
    await inventory.runtime.bus.publish([message_of(outcome)])
    await inventory.tell("00-00-00-00-00-00-00-77", "8.1.1")
    await inventory.tell(ESME, "8.7.1", request={"OtherDeviceID": "00-00-00-00-00-00-00-77"})
    assert inventory.device(ESME) == before


async def test_unjoining_and_removal(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    await inventory.tell(ESME, "8.8.2", request={"OtherDeviceID": IHD})
    assert inventory.device(IHD).meters == ()
    await inventory.tell(HUB, "8.11", request={"DeviceID": PPMID, "RequestType": "Remove"})
    assert (inventory.device(PPMID).hub, inventory.device(PPMID).meters) == (None, ())
    await inventory.eventually(lambda: inventory.alerts_of("N38"))
    assert inventory.alerts_of("N38")[0].recipients == (SUPPLIER, GAS)
    await inventory.tell(GSME, "8.8.2", request={"OtherDeviceID": GPF})
    assert (inventory.device(GPF).meters, inventory.device(GSME).gpf) == ((), None)


@pytest.mark.checklist("D8")
async def test_without_wan_the_answers_come_back_by_hand(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    for mpxn, fields in points.items():
        await inventory.http.put(f"/admin/inventory/registrations/{mpxn}", json=fields)
    await deliver_hub(inventory, HUB, GPF)
    await notify(inventory, ESME, "ESME", "010A030B", "0002012F")
    details = {"JoinTimePeriod": "90", "InstallCode": "30313233343536", "ImportMPxN": MPAN}
    request = {"DeviceID": ESME, "RequestType": "Add", "AddDeviceToCHFWhitelist": details}
    await inventory.tell(HUB, "8.11", local=True, request=request)
    assert [inventory.status(eui) for eui in (ESME, HUB, GPF)] == ["InstalledNotCommissioned"] * 3
    # Later the SM WAN reaches the hub.
    await inventory.tell(HUB)
    assert inventory.status(HUB) == "Commissioned"
    await inventory.tell(ESME, "8.1.1")
    assert inventory.status(ESME) == "Commissioned"


async def test_a_whitelist_alert_stands_in_for_a_lost_answer(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await deliver_hub(inventory, HUB, GPF)
    await notify(inventory, ESME, "ESME", "010A030B", "0002012F")
    backup = {"extended_pan_id": "00" * 8, "devices": [{"device_id": ESME.replace("-", "").lower()}]}
    await inventory.tell(HUB, alert_code="8F12", facts={"chf_log_backup": backup})
    assert (inventory.status(ESME), inventory.device(ESME).hub) == ("Whitelisted", HUB)
    assert inventory.device(HUB).chf_log_backup == backup


async def test_a_replacement_hub_takes_everything_over(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    backup = {"extended_pan_id": "00" * 8, "devices": []}
    await inventory.tell(HUB, alert_code="8F12", facts={"chf_log_backup": backup})
    await inventory.tell(GPF, alert_code="8071", facts={"gpf_log_backup": {"devices": []}})
    await inventory.tell(PPMID, "8.7.2", request={"OtherDeviceID": GPF})
    await inventory.tell(GPF, "8.7.1", request={"OtherDeviceID": PPMID})
    await deliver_hub(inventory, HUB2, GPF2)
    await inventory.tell(HUB2)
    await inventory.tell(HUB2, "8.12.1", request={"OldCHFID": HUB})
    assert [inventory.device(eui).hub for eui in (ESME, GSME, PPMID, HCALCS, IHD)] == [HUB2] * 5
    assert [inventory.status(eui) for eui in (HUB, GPF, HUB2)] == ["Decommissioned", "Decommissioned", "Commissioned"]
    assert inventory.device(HUB2).chf_log_backup == backup
    await inventory.tell(GPF2, "8.12.2", user=GAS, request={"OldGPFID": GPF})
    assert GPF2 in inventory.device(PPMID).meters
    assert GPF not in inventory.device(PPMID).meters
    await inventory.tell(GSME, "8.7.2", user=GAS, request={"OtherDeviceID": GPF2})
    assert (inventory.status(GPF2), inventory.device(GSME).gpf) == ("Commissioned", GPF2)
    await inventory.eventually(lambda: inventory.alerts_of("N30") and inventory.alerts_of("N31"))
    # Each time the Supplier on the hub that did not ask is told.
    assert inventory.alerts_of("N30")[0].recipients == (GAS,)
    assert inventory.alerts_of("N31")[0].recipients == (SUPPLIER,)
    assert inventory.alerts_of("N30")[0].body["CHFDeviceLog"] == {
        "OldCHFDeviceID": HUB,
        "NewCHFDeviceID": HUB2,
        "OldGPFDeviceID": GPF,
        "NewGPFDeviceID": GPF2,
    }


def certificates(eui: str, role: int) -> dict[str, str]:
    """Replacement certificates of a party, as base64."""
    import base64
    from datetime import UTC, datetime

    from dccemu_protocol.identifiers import Eui64
    from dccemu_protocol.pki import Usage, assemble, parse, profiles, signer
    from dccemu_protocol.pki.subjects import authority_name

    key = ec.derive_private_key(7, ec.SECP256R1())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    content = profiles.root_content(name=authority_name("T", 0), key=key.public_key(), serial=1 << 120, start=start)
    root = parse(assemble(content, signer(key)(content)))
    found = {}
    for number, (name, usage) in enumerate(
        {
            "DigitalSigningCertificate": Usage.DIGITAL_SIGNATURE,
            "KeyAgreementCertificate": Usage.KEY_AGREEMENT,
            "KeyAgreementTopUpCertificate": Usage.KEY_AGREEMENT,
        }.items()
    ):
        content = profiles.organisation_content(
            issuer=root,
            eui=Eui64.parse(eui),
            role=role,
            usage=usage,
            key=ec.derive_private_key(100 + number, ec.SECP256R1()).public_key(),
            serial=(2 << 120) + number,
            start=start,
        )
        found[name] = base64.b64encode(assemble(content, signer(key)(content))).decode()
    return found


@pytest.mark.checklist("C15")
async def test_a_change_of_supplier_moves_the_cells_and_tells_both(
    inventory: Any, points: dict[str, dict[str, Any]]
) -> None:
    await install(inventory, points)
    request = {
        "SupplierFloorSeqNumber": "9",
        "SupplierReplacementCertificates": certificates(GAS, 2),
        "CertificationPathCertificates": {"Certificate": "ignored"},
        "ImportMPxN": MPAN,
    }
    await inventory.tell(ESME, "6.23", user=GAS, request=request, facts={"statuses": [0, 0, 0]})
    cells = {(cell.role, cell.usage, cell.cell_usage): cell for cell in inventory.device(ESME).cells}
    assert {cell.eui for key, cell in cells.items() if key[0] == 2} == {GAS}
    assert cells[2, "digitalSignature", 0].serial == f"{2 << 120:032X}"
    assert cells[5, "digitalSignature", 0].eui == "90-B3-D5-1F-30-00-00-04"
    await inventory.eventually(lambda: inventory.alerts_of("N27") and inventory.alerts_of("N42"))
    (lost,) = inventory.alerts_of("N27")
    assert (lost.recipients, lost.body["DeviceChangeOfSupplier"]["MPxNs"]["ImportMPxN"]) == ((SUPPLIER,), MPAN)
    (updated,) = inventory.alerts_of("N42")
    assert updated.recipients == (SUPPLIER, GAS)
    assert [entry["CertificateType"] for entry in updated.body["Certificates"]] == [
        "DigitalSigning",
        "KeyAgreement",
        "KeyAgreementTopUp",
    ]
    assert updated.body["RemotePartySeqNumberChange"] == {"RemotePartyFloorSeqNumber": "9"}


async def test_a_cell_that_failed_keeps_its_party(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    request = {"SupplierFloorSeqNumber": "0", "SupplierReplacementCertificates": certificates(GAS, 2)}
    await inventory.tell(ESME, "6.23", user=GAS, request=request, facts={"statuses": [0, 10, 0]})
    held = {(cell.usage, cell.cell_usage): cell.eui for cell in inventory.device(ESME).cells if cell.role == 2}
    assert held == {("digitalSignature", 0): GAS, ("keyAgreement", 0): SUPPLIER, ("keyAgreement", 1): GAS}


@pytest.mark.checklist("D12", "D13")
async def test_a_handover_places_the_network_operator_and_ends_a_duty(
    inventory: Any, points: dict[str, dict[str, Any]]
) -> None:
    await install(inventory, points)
    assert {cell.eui for cell in inventory.device(GPF).cells if cell.role == 3} == {BROKER}
    duties = {
        duty["duty"]: duty for duty in (await inventory.http.get(f"/admin/inventory/devices/{GPF}")).json()["duties"]
    }
    assert all(duty["done_at"] is None for duty in duties.values())
    assert BROKER in duties["network operator certificates"]["note"]
    replacements = certificates(NETWORK, 3)
    replacements.pop("KeyAgreementTopUpCertificate")
    request = {"RemotePartyRole": "NetworkOperator", "ReplacementCertificates": replacements}
    await inventory.tell(GPF, "6.21", user=GAS, request=request)
    record = (await inventory.http.get(f"/admin/inventory/devices/{GPF}")).json()
    assert {duty["duty"] for duty in record["duties"] if duty["done_at"]} == {
        "network operator certificates",
        "an Organisation Certificate replaced",
    }
    await inventory.eventually(lambda: inventory.alerts_of("N42"))
    assert inventory.alerts_of("N42")[0].recipients == (NETWORK,)


@pytest.mark.checklist("B13")
@pytest.mark.parametrize("last", ["6.21", "6.15.1"])
async def test_recovered_cells_are_handed_over_when_the_dcc_holds_none_of_them(
    inventory: Any, points: dict[str, dict[str, Any]], last: str
) -> None:
    await install(inventory, points)
    cells = [cell.model_dump() for cell in inventory.device(ESME).cells if cell.role == 2]
    placed = [{**cell, "eui": BROKER} for cell in cells]
    for facts in ({"recovery": "started"}, {"recovery": "placed", "cells": placed}):
        await inventory.tell(ESME, None, facts=facts)
    request = {"RemotePartyRole": "Supplier", "ReplacementCertificates": certificates(SUPPLIER, 2)}

    await inventory.tell(ESME, "6.21", user=SUPPLIER, request=request, facts={"statuses": [0, 10, 0]})
    in_part = inventory.device(ESME).status
    await inventory.tell(ESME, last, user=SUPPLIER, request=request, facts={"statuses": [0, 0, 0]})

    assert (in_part, inventory.device(ESME).status) == ("Recovered", "Commissioned")


@pytest.mark.checklist("B9", "B10", "D13")
async def test_duties_are_overdue_after_seven_days(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    assert (await inventory.http.get("/admin/inventory/duties?overdue=true")).json() == []
    inventory.runtime.clock.advance(timedelta(days=7, seconds=1))
    overdue = (await inventory.http.get("/admin/inventory/duties?overdue=true")).json()
    owed = [duty for duty in overdue if duty["duty"] != "Device Certificates in the repository"]
    assert {duty["device"] for duty in owed} == {HUB, GPF, ESME, GSME}
    assert len(owed) == 3 + 4 + 4 + 3
    # No repository in this test: every Device that holds certificates is flagged as lacking them.
    assert {duty["device"] for duty in overdue} == {HUB, GPF, ESME, GSME, PPMID, HCALCS}


@pytest.mark.checklist("B15")
async def test_a_regenerated_key_ends_its_duty(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    request = {"DeviceCertificate": certificates(SUPPLIER, 2)["KeyAgreementCertificate"]}
    await inventory.tell(ESME, "6.17", request={"CredentialType": "Key Agreement"})
    await inventory.tell(ESME, "6.15.2", request=request)
    duties = (await inventory.http.get(f"/admin/inventory/duties?device={ESME}")).json()
    assert {duty["duty"] for duty in duties if duty["done_at"]} == {"key agreement key regenerated"}


async def test_firmware_versions_are_compared_and_followed(inventory: Any, points: dict[str, dict[str, Any]]) -> None:
    await install(inventory, points)
    await inventory.tell(ESME, "11.2", facts={"firmware_version": "0002012f"})
    await inventory.tell(ESME, "11.2", facts={"firmware_version": "00020140"})
    await inventory.eventually(lambda: inventory.alerts_of("N40"))
    assert [alert.body["FirmwareVersionDevice"] for alert in inventory.alerts_of("N40")] == ["00020140"]
    assert inventory.device(ESME).firmware_version == "0002012F"
    # Activated, but not on the list: the record follows and the Device is suspended.
    await inventory.tell(ESME, "11.3", facts={"firmware_version": "00020140"})
    assert (inventory.device(ESME).firmware_version, inventory.status(ESME)) == ("00020140", "Suspended")
    await inventory.tell(ESME, "11.3", facts={"firmware_version": "0002012F"})
    assert inventory.status(ESME) == "Commissioned"
