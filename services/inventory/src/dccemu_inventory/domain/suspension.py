"""A Device Model leaves the Certified Products List, or comes back (inventory.md section 8, rows 16 and 17)."""

from __future__ import annotations

from dccemu_contracts.inventory import DeviceFact

from .ledger import Ledger
from .products import ProductsList
from .transitions import TYPE_2, Event, transition


def follow_products_list(ledger: Ledger, device: DeviceFact, products: ProductsList) -> DeviceFact:
    """Bring one record in line with the list: status words, suspension, and return to the status held before."""
    product = products.find(device.type, device.manufacturer, device.model, device.firmware_version)
    word = product.status if product is not None else "Withdrawn"
    firmware_word = None if device.firmware_version is None else word
    if (word, firmware_word) != (device.cpl_status, device.firmware_version_status):
        device = ledger.change(device, cpl_status=word, firmware_version_status=firmware_word)
    if device.type in TYPE_2:
        return device
    told = ledger.suppliers(device)
    if word != "Active" and transition(Event.LEFT_PRODUCTS_LIST, device.status or "", device.type):
        device = ledger.move(device, Event.LEFT_PRODUCTS_LIST)
        ledger.status_alert("N28", "DeviceSuspended", told | ledger.networks(device), device.device)
    elif word == "Active" and device.status == "Suspended":
        device = ledger.move(device, Event.BACK_ON_PRODUCTS_LIST)
        ledger.status_alert("N29", "DeviceRestored", told | ledger.networks(device), device.device)
    return device
