"""The Certified Products List as the inventory uses it (inventory.md section 8).

An entry is found by Device type, manufacturer, model and firmware version; for Type 2 Devices, whose firmware the
inventory does not record, without the firmware.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .transitions import TYPE_2

CPL_STATUSES = ("Active", "Cancelled", "Expired", "Withdrawn")
ProductKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Product:
    """An entry of the list."""

    device_type: str
    manufacturer: str
    model: str
    firmware_version: str
    smets_chts_version: str | None = None
    gbcs_version: str | None = None
    image_hash: str | None = None
    status: str = "Active"

    @property
    def key(self) -> ProductKey:
        return (self.device_type, self.manufacturer, self.model, self.firmware_version)


class ProductsList:
    """Entries by key."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = {product.key: product for product in products}

    def find(self, device_type: str, manufacturer: str, model: str, firmware_version: str | None) -> Product | None:
        """Give the entry of a Device, whatever its status."""
        firmware = "" if device_type in TYPE_2 else (firmware_version or "").upper()
        return self._products.get((device_type, manufacturer, model, firmware))

    def active(self, device_type: str, manufacturer: str, model: str, firmware_version: str | None) -> Product | None:
        """Give the entry of a Device if its status is Active."""
        found = self.find(device_type, manufacturer, model, firmware_version)
        return found if found is not None and found.status == "Active" else None
