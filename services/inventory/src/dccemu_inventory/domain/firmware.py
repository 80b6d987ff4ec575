"""Firmware versions as Devices report them (inventory.md section 8, service-request-processing.md section 13.6)."""

from __future__ import annotations

from dccemu_contracts.inventory import DeviceFact

from .ledger import Json, Ledger
from .products import ProductsList
from .suspension import follow_products_list


def version_read(ledger: Ledger, device: DeviceFact, reported: str) -> None:
    """11.2: a version that differs from the record is told to the Responsible Supplier; the record stays."""
    if reported.upper() == (device.firmware_version or "").upper():
        return
    body: dict[str, Json] = {
        "DeviceID": device.device,
        "DeviceType": device.type,
        "FirmwareVersionSMI": device.firmware_version or "",
        "FirmwareVersionDevice": reported,
    }
    ledger.alert("N40", "FirmwareVersionMismatch", ledger.suppliers(device), device.device, body)


def version_activated(ledger: Ledger, device: DeviceFact, reported: str, products: ProductsList) -> None:
    """11.3 or Alert 8F43: the record takes the new version, hub and Gas Proxy Function together."""
    both = [device]
    if device.type in ("CHF", "GPF"):
        twin = ledger.index.device((device.gpf if device.type == "CHF" else device.hub) or "")
        both += [twin] if twin is not None else []
    for one in both:
        product = products.find(one.type, one.manufacturer, one.model, reported)
        new = ledger.change(
            one,
            firmware_version=reported.upper(),
            gbcs_version=product.gbcs_version if product else one.gbcs_version,
        )
        follow_products_list(ledger, new, products)
