"""Non-Device Service Requests on the inventory: 12.1, 12.2, 8.3, 8.4, 8.14.x."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_runtime.outbox import message_of

SUPPLIER, SECOND, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-02-00-00"
ESME, GSME, CHF, GPF, PPMID, HCALCS = (f"00-DB-12-34-56-78-90-A{n}" for n in range(6))
NEW = "00-DB-12-34-56-78-91-00"
NOTIFY = (
    f"DevicePrenotification DeviceID={NEW} DeviceManufacturer=AB01 DeviceModel=010A030B DeviceType=ESME "
    "SMETSCHTSVersion=SMETS_V1.58 FirmwareVersion=0002012F ESMEVariant=AD"
)

pytestmark = pytest.mark.asyncio


async def test_a_notified_device_is_pending_and_published(inventory: Any) -> None:
    reply = await inventory.ask("12.2", NOTIFY)
    assert (reply.outcome, reply.rule) == ("done", None)
    await inventory.eventually(lambda: inventory.index.device(NEW) is not None)
    fact = inventory.device(NEW)
    assert (fact.status, fact.esme_variant, fact.gbcs_version, fact.cpl_status) == ("Pending", "AD", "4.3", "Active")
    assert {cell.eui for cell in fact.cells if cell.role == 2} == {SUPPLIER}
    record = (await inventory.http.get(f"/admin/inventory/devices/{NEW}")).json()
    assert [(h["old"], h["new"], h["request_id"]) for h in record["history"]] == [
        ("(new)", "Pending", reply.request_id)
    ]


async def test_a_type_2_device_has_no_status(inventory: Any) -> None:
    body = f"DevicePrenotification DeviceID={NEW} DeviceManufacturer=GEO DeviceModel=9001 DeviceType=CAD"
    assert (await inventory.ask("12.2", body, roles=("OU",))).outcome == "done"
    await inventory.eventually(lambda: inventory.index.device(NEW) is not None)
    assert inventory.status(NEW) is None


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("DeviceType=ESME", "DeviceType=CHF", "PRE_NOTIFY_NOT_ALLOWED"),
        (NEW, ESME, "PRE_NOTIFIED_ALREADY"),
        ("0002012F", "0002FFFF", "PRE_NOTIFY_PRODUCTS_LIST"),
        ("010A030B", "FFFFFFFF", "PRE_NOTIFY_PRODUCTS_LIST"),
        (" ESMEVariant=AD", "", "PRE_NOTIFY_DETAIL"),
        (" FirmwareVersion=0002012F", "", "PRE_NOTIFY_DETAIL"),
    ],
)
@pytest.mark.checklist("D2", "D3", "D4")
async def test_a_bad_notification_is_refused_without_effect(inventory: Any, old: str, new: str, rule: str) -> None:
    before = len(inventory.index)
    reply = await inventory.ask("12.2", NOTIFY.replace(old, new))
    assert (reply.outcome, reply.rule) == ("refused", rule)
    assert reply.detail
    await inventory.settled()
    assert len(inventory.index) == before


async def test_a_request_delivered_twice_is_carried_out_once(inventory: Any) -> None:
    request = inventory.request_message("12.2", NOTIFY)
    await inventory.runtime.bus.publish([message_of(request), message_of(request)])
    await inventory.settled()
    record = (await inventory.http.get(f"/admin/inventory/devices/{NEW}")).json()
    assert len(record["history"]) == 1
    assert inventory.replies[request.id].outcome == "done"


@pytest.mark.checklist("D10")
async def test_decommissioning_a_meter_takes_its_own_type_1_devices_along(inventory: Any) -> None:
    reply = await inventory.ask("8.3", f"DecommissionDevice DeviceID={ESME}")
    assert reply.outcome == "done"
    await inventory.eventually(lambda: inventory.alerts_of("N1"))
    assert inventory.status(ESME) == inventory.status(HCALCS) == "Decommissioned"
    # The PPMID also serves the gas meter: it stays.
    assert (inventory.status(PPMID), inventory.device(PPMID).meters) == ("Commissioned", (GSME,))
    assert inventory.status(CHF) == "Commissioned"
    (alert,) = inventory.alerts_of("N1")
    assert alert.recipients == (NETWORK,)
    change = alert.body["DeviceStatusChange"]["MeterDecommissioningOrWithdrawal"]
    assert change["MeterDecommissionOrWithdrawal"]["ImportMPxN"] == "1312345678111"
    assert {"DeviceID": HCALCS, "DeviceType": "HCALCS"} in change["AssociatedType1Device"]
    assert PPMID not in {listed["DeviceID"] for listed in change["AssociatedType1Device"]}


async def test_decommissioning_a_hub_takes_its_gpf_along(inventory: Any) -> None:
    assert (await inventory.ask("8.3", f"DecommissionDevice DeviceID={CHF}")).outcome == "done"
    await inventory.eventually(lambda: inventory.alerts_of("N8"))
    assert (inventory.status(CHF), inventory.status(GPF)) == ("Decommissioned", "Decommissioned")
    assert (inventory.status(ESME), inventory.status(GSME)) == ("Commissioned", "Commissioned")


@pytest.mark.parametrize(
    ("device", "sender", "rule"),
    [
        ("00-00-00-00-00-00-00-01", {}, "UNKNOWN_DEVICE"),
        (ESME, {"user": SECOND}, "NOT_REGISTERED"),
        (GPF, {}, "DECOMMISSION_DEPENDANTS"),
    ],
)
async def test_decommissioning_is_refused(inventory: Any, device: str, sender: Any, rule: str) -> None:
    reply = await inventory.ask("8.3", f"DecommissionDevice DeviceID={device}", **sender)
    assert (reply.outcome, reply.rule) == ("refused", rule)


async def test_a_pending_device_cannot_be_decommissioned_but_deleted(inventory: Any) -> None:
    await inventory.ask("12.2", NOTIFY)
    assert (await inventory.ask("8.3", f"DecommissionDevice DeviceID={NEW}")).rule == "DECOMMISSION_STATUS"
    assert (await inventory.ask("8.4", f"UpdateInventory DeviceID={NEW} DeleteDevice=", user=SECOND)).rule == (
        "INVENTORY_NOT_PRE_NOTIFIER"
    )
    assert (await inventory.ask("8.4", f"UpdateInventory DeviceID={NEW} DeleteDevice=")).outcome == "done"
    await inventory.eventually(lambda: inventory.index.device(NEW) is None)
    await inventory.eventually(lambda: [a.recipients for a in inventory.alerts_of("N9")] == [(SUPPLIER,)])
    # The identifier is free again.
    assert (await inventory.ask("12.2", NOTIFY)).outcome == "done"
    await inventory.eventually(lambda: inventory.index.device(NEW) is not None)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (f"DeviceID={ESME} DeleteDevice=", "INVENTORY_DELETE_NOT_PENDING"),
        (f"DeviceID={ESME} UpdateDeviceStatusExceptCH=Pending", "INVENTORY_STATUS_CHANGE"),
        (f"DeviceID={CHF} UpdateDeviceStatusExceptCH=Pending", "INVENTORY_DEVICE_TYPE"),
        (f"DeviceID={ESME} UpdateDeviceStatusCH=Withdrawn", "INVENTORY_DEVICE_TYPE"),
        (
            f"DeviceID={ESME} UpdateDeviceDetails( FirmwareVersion=99999999 )UpdateDeviceDetails",
            "INVENTORY_PRODUCTS_LIST",
        ),
        (f"DeviceID={GSME} UpdateDeviceDetails( ESMEVariant=A )UpdateDeviceDetails", "INVENTORY_ESME_VARIANT"),
        (f"DeviceID={ESME} UpdateMPxN( ImportMPxN=9999999999999 )UpdateMPxN", "INVENTORY_MPXN_UNKNOWN"),
        (f"DeviceID={GSME} UpdateMPxN( ExportMPAN=1312345678333 )UpdateMPxN", "INVENTORY_DEVICE_TYPE"),
        (f"DeviceID={HCALCS} UpdateMPxN( ImportMPxN=1312345678111 )UpdateMPxN", "INVENTORY_DEVICE_TYPE"),
    ],
)
async def test_updates_that_are_refused(inventory: Any, change: str, rule: str) -> None:
    reply = await inventory.ask("8.4", f"UpdateInventory {change}")
    assert (reply.outcome, reply.rule) == ("refused", rule)


async def test_updates_by_another_supplier_are_refused(inventory: Any) -> None:
    body = f"UpdateInventory DeviceID={ESME} UpdateMPxN( ImportMPxN=1312345678222 )UpdateMPxN"
    assert (await inventory.ask("8.4", body, user=SECOND)).rule == "NOT_REGISTERED"


async def test_a_meter_takes_a_point_that_is_its_suppliers_and_free(inventory: Any) -> None:
    body = f"UpdateInventory DeviceID={ESME} UpdateMPxN( SecondaryImportMPAN=1312345678222 )UpdateMPxN"
    assert (await inventory.ask("8.4", body)).outcome == "done"
    await inventory.eventually(lambda: inventory.device(ESME).secondary_import_mpan == "1312345678222")
    await inventory.ask("12.2", NOTIFY)
    taken = f"UpdateInventory DeviceID={NEW} UpdateMPxN( ImportMPxN=1312345678111 )UpdateMPxN"
    assert (await inventory.ask("8.4", taken)).rule == "INVENTORY_MPXN_TAKEN"


async def test_equipment_is_used_again(inventory: Any) -> None:
    await inventory.ask("8.3", f"DecommissionDevice DeviceID={ESME}")
    body = f"UpdateInventory DeviceID={ESME} UpdateDeviceStatusExceptCH=Pending"
    assert (await inventory.ask("8.4", body)).outcome == "done"
    await inventory.eventually(lambda: inventory.status(ESME) == "Pending")
    assert (inventory.device(ESME).hub, inventory.device(ESME).import_mpxn) == (None, None)


HUB = f"DeviceID={CHF} CHFInstallType=New_CHF_Install MPxN=1000999888 AerialInstall=true CHFLocation=Basement_or_Cellar"


async def test_an_installation_is_recorded_and_a_moved_hub_is_warned_of(inventory: Any) -> None:
    assert (await inventory.ask("8.14.1", f"CHFInstallSuccessSMWAN {HUB}")).rule is None
    other = HUB.replace("Basement_or_Cellar", "Deep_indoors")
    reply = await inventory.ask("8.14.1", f"CHFInstallSuccessSMWAN {other}")
    assert (reply.outcome, reply.rule) == ("done", "HUB_LOCATION_DIFFERS")
    await inventory.eventually(lambda: inventory.device(CHF).installation["CHFLocation"] == "Deep indoors")


@pytest.mark.checklist("D8")
async def test_a_hub_installed_without_wan_is_not_commissioned(inventory: Any) -> None:
    for eui in (CHF, GPF):
        await inventory.http.put(f"/admin/inventory/devices/{eui}", json={"status": "Pending"})
    body = f"CHFInstallSuccessNoSMWAN {HUB} PremiseType=Terraced MetalObstructionCheck=false"
    assert (await inventory.ask("8.14.2", body)).outcome == "done"
    await inventory.eventually(lambda: inventory.status(GPF) == "InstalledNotCommissioned")
    assert inventory.status(CHF) == "InstalledNotCommissioned"


@pytest.mark.parametrize(
    ("srv", "body", "rule"),
    [
        ("8.14.1", f"CHFInstallSuccessSMWAN {HUB.replace(CHF, NEW)}", "HUB_UNKNOWN"),
        ("8.14.1", f"CHFInstallSuccessSMWAN {HUB.replace(CHF, ESME)}", "HUB_UNKNOWN"),
        ("8.14.1", f"CHFInstallSuccessSMWAN {HUB.replace('1000999888', '1')}", "HUB_MPXN"),
        ("8.14.3", f"CHFFaultReturn DeviceID={CHF} CHFFaultReturnType=x OtherDeviceID={NEW}", "HUB_OTHER_DEVICE"),
    ],
)
async def test_hub_messages_that_are_refused(inventory: Any, srv: str, body: str, rule: str) -> None:
    reply = await inventory.ask(srv, body)
    assert (reply.outcome, reply.rule) == ("refused", rule)


async def test_a_returned_hub_is_kept_with_its_category(inventory: Any) -> None:
    body = f"CHFNoFaultReturn DeviceID={CHF} CHFNoFaultReturnType=Lost_or_Stolen_Hub"
    assert (await inventory.ask("8.14.4", body)).outcome == "done"
    await inventory.eventually(lambda: (inventory.device(CHF).returned or {}).get("category") == "3a")


async def test_wan_coverage_is_answered_by_address(inventory: Any) -> None:
    address = "PartialAddress( PostCode=M22_0RR AddressIdentifier=Threapwood_Road )PartialAddress"
    reply = await inventory.ask("12.1", f"RequestWANMatrix {address}")
    matrix = reply.data["DSPWANMatrix"]
    assert matrix["DSPWANMatrixResponse"][0]["CSPRegion"] == "North"
    assert matrix["DSPWANMatrixResponse"][0]["CoverageAvailability"] == "true"
    assert (await inventory.ask("12.1", "RequestWANMatrix UPRN=123456789012")).outcome == "done"
    assert (await inventory.ask("12.1", "RequestWANMatrix UPRN=1")).rule == "WAN_PROPERTY_UNKNOWN"


async def test_each_request_is_in_the_journal(inventory: Any) -> None:
    reply = await inventory.ask("8.3", f"DecommissionDevice DeviceID={NEW}")
    assert inventory.service.journal is not None
    from dccemu_runtime.journal import Filter

    (entry,) = await inventory.service.journal.find(Filter(request_id=reply.request_id))
    assert (entry.outcome, entry.checks[0].rule) == ("refused", "UNKNOWN_DEVICE")
