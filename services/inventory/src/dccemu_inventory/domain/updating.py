"""8.4 Update Inventory (inventory.md section 4): statuses, details, deletion and MPxNs, as a User may set them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dccemu_contracts.entitlement import entitled_role, registered_at
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError

from .bodies import Content
from .ledger import Ledger
from .products import ProductsList
from .transitions import TYPE_2, Event

_SOURCE = "inventory.md 4"
_EXCEPT_CH: Mapping[str, Event] = {"Pending": Event.SET_PENDING, "InstalledNotCommissioned": Event.SET_INSTALLED}
_CH: Mapping[str, Event] = {
    "Commissioned": Event.SET_COMMISSIONED,
    "Withdrawn": Event.SET_WITHDRAWN,
    "InstalledNotCommissioned": Event.SET_INSTALLED,
}
_MPXNS: Mapping[str, str] = {
    "ImportMPxN": "import_mpxn",
    "SecondaryImportMPAN": "secondary_import_mpan",
    "ExportMPAN": "export_mpan",
}


def update_inventory(ledger: Ledger, body: Content, user: str, roles: tuple[str, ...], products: ProductsList) -> None:
    """Carry out one Update Inventory.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_DEVICE``, ``NOT_REGISTERED`` or a rule of 8.4.
    """
    device = ledger.require(body.device())
    if "DeleteDevice" in body:
        _delete(ledger, device, user, roles)
        return
    _check_may_update(ledger, device, user, roles)
    for name, act in _ACTIONS.items():
        if name in body:
            act(ledger, device, body, user, roles, products)
            return
    raise ProtocolError("SCHEMA_INVALID", "nothing to update", place="UpdateInventory")


def _check_may_update(ledger: Ledger, device: DeviceFact, user: str, roles: tuple[str, ...]) -> None:
    """While Pending who notified it or the Responsible Supplier; then the Responsible Supplier."""
    if device.status in ("Pending", None) and device.notified_by == user:
        return
    if device.status == "Decommissioned" and device.notified_by == user:
        return
    if entitled_role(user, [role for role in roles if role in ("IS", "ES", "GS")], device, ledger.index, ledger.now):
        return
    raise ProtocolError("NOT_REGISTERED", f"{user} is not the Responsible Supplier of {device.device}", source=_SOURCE)


def _delete(ledger: Ledger, device: DeviceFact, user: str, roles: tuple[str, ...]) -> None:
    if device.type not in TYPE_2 and device.status != "Pending":
        detail = f"{device.device} is {device.status}, not Pending"
        raise ProtocolError("INVENTORY_DELETE_NOT_PENDING", detail, source="inventory.md 3.1 row 23")
    if device.type in ("CHF", "GPF"):
        raise ProtocolError("INVENTORY_DCC_ONLY", "only the DCC removes a hub", source=_SOURCE)
    supplier_roles = [role for role in roles if role in ("IS", "ES", "GS")]
    if device.notified_by != user and not entitled_role(user, supplier_roles, device, ledger.index, ledger.now):
        raise ProtocolError("INVENTORY_NOT_PRE_NOTIFIER", f"{user} did not pre-notify {device.device}", source=_SOURCE)
    told = ledger.suppliers(device) | ({device.notified_by} if device.notified_by else set())
    ledger.move(device, Event.DELETED)
    ledger.status_alert("N9", "DeviceRemovedFromInventory", told, device.device)


def _set_status(
    ledger: Ledger, device: DeviceFact, body: Content, user: str, roles: tuple[str, ...], products: ProductsList
) -> None:
    value = body.text("UpdateDeviceStatusExceptCH")
    if device.type == "CHF" or device.type in TYPE_2:
        detail = f"{device.device} is a {device.type}"
        raise ProtocolError("INVENTORY_DEVICE_TYPE", detail, place="UpdateDeviceStatusExceptCH", source=_SOURCE)
    if device.status == "Decommissioned" and value == "Pending":
        ledger.change(ledger.move(device, Event.NOTIFIED_AGAIN), **_FRESH)
        return
    ledger.move(device, _EXCEPT_CH[value])


_FRESH: Mapping[str, object] = {
    "hub": None,
    "gpf": None,
    "meters": (),
    "half_joins": (),
    "commissioned_on": None,
    **dict.fromkeys((*_MPXNS.values(), "uprn", "post_code", "address_identifier")),
}
"""What a record loses when the equipment is used again."""


def _set_hub_status(
    ledger: Ledger, device: DeviceFact, body: Content, user: str, roles: tuple[str, ...], products: ProductsList
) -> None:
    if device.type != "CHF":
        detail = f"{device.device} is a {device.type}"
        raise ProtocolError("INVENTORY_DEVICE_TYPE", detail, place="UpdateDeviceStatusCH", source=_SOURCE)
    hub = ledger.move(device, _CH[body.text("UpdateDeviceStatusCH")])
    gpf = ledger.index.device(hub.gpf or "")
    if gpf is not None and hub.status in ("Commissioned", "InstalledNotCommissioned") and gpf.status == "Pending":
        ledger.move(gpf, Event.HUB_IN_PLACE)


def _set_details(
    ledger: Ledger, device: DeviceFact, body: Content, user: str, roles: tuple[str, ...], products: ProductsList
) -> None:
    details = body.part("UpdateDeviceDetails")
    assert details is not None
    variant = details.optional("ESMEVariant")
    if variant is not None and device.type != "ESME":
        raise ProtocolError("INVENTORY_ESME_VARIANT", f"a {device.type} has no ESMEVariant", source=_SOURCE)
    manufacturer = details.optional("DeviceManufacturer") or device.manufacturer
    model = details.optional("DeviceModel") or device.model
    firmware = details.optional("FirmwareVersion") or device.firmware_version
    product = products.active(device.type, manufacturer, model, firmware)
    if product is None:
        detail = f"{manufacturer} {model} {firmware} is not on the list as Active"
        raise ProtocolError("INVENTORY_PRODUCTS_LIST", detail, source="inventory.md 8")
    ledger.change(
        device,
        manufacturer=manufacturer,
        model=model,
        firmware_version=product.firmware_version or None,
        firmware_version_status=product.status if product.firmware_version else None,
        cpl_status=product.status,
        gbcs_version=product.gbcs_version,
        smets_chts_version=details.optional("SMETSCHTSVersion") or device.smets_chts_version,
        esme_variant=variant or device.esme_variant,
    )


def _set_mpxn(
    ledger: Ledger, device: DeviceFact, body: Content, user: str, roles: tuple[str, ...], products: ProductsList
) -> None:
    part = body.part("UpdateMPxN")
    assert part is not None
    name = next(name for name in _MPXNS if name in part)
    electric_only = name != "ImportMPxN"
    if device.type != "ESME" and (electric_only or device.type != "GSME"):
        raise ProtocolError("INVENTORY_DEVICE_TYPE", f"a {device.type} has no {name}", place=name, source=_SOURCE)
    mpxn = part.text(name)
    check_mpxn(ledger, device, mpxn, user, roles)
    point = ledger.index.registration(mpxn)
    assert point is not None
    place = {"uprn": point.uprn, "post_code": point.post_code, "address_identifier": point.address_identifier}
    ledger.change(device, **{_MPXNS[name]: mpxn}, **{key: value for key, value in place.items() if value})


def check_mpxn(ledger: Ledger, device: DeviceFact, mpxn: str, user: str, roles: tuple[str, ...]) -> None:
    """A meter point must be known, registered to the sender and free.

    Raises
    ------
    ProtocolError
        ``INVENTORY_MPXN_UNKNOWN``, ``INVENTORY_MPXN_NOT_REGISTERED``, ``INVENTORY_MPXN_TAKEN``.
    """
    if ledger.index.registration(mpxn) is None:
        raise ProtocolError("INVENTORY_MPXN_UNKNOWN", f"{mpxn} is not in registration data", source=_SOURCE)
    if not registered_at(ledger.index, mpxn, user, [role for role in roles if role in ("IS", "ES", "GS")], ledger.now):
        raise ProtocolError("INVENTORY_MPXN_NOT_REGISTERED", f"{mpxn} is not registered to {user}", source=_SOURCE)
    for other in ledger.index.at_mpxn(mpxn):
        gone = other.status in ("Decommissioned", "Withdrawn")
        if other.device != device.device and other.type == device.type and not gone:
            raise ProtocolError("INVENTORY_MPXN_TAKEN", f"{mpxn} is held by {other.device}", source=_SOURCE)


_Action = Callable[[Ledger, DeviceFact, Content, str, tuple[str, ...], ProductsList], None]
_ACTIONS: Mapping[str, _Action] = {
    "UpdateDeviceStatusExceptCH": _set_status,
    "UpdateDeviceStatusCH": _set_hub_status,
    "UpdateDeviceDetails": _set_details,
    "UpdateMPxN": _set_mpxn,
}
