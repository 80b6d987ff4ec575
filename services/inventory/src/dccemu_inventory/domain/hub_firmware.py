"""Firmware of Communications Hubs: the DCC's business, with the rules that 11.1 has (section 13.6, item 7)."""

from __future__ import annotations

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.firmware import MAX_IMAGE, UpgradeImage, decode

from .firmware import version_activated
from .ledger import Ledger
from .products import ProductsList

_SOURCE = "service-request-processing.md 13.6"
_OUT_OF_SERVICE = frozenset({"Decommissioned", "Withdrawn"})


def check_hub_image(
    hub: DeviceFact, gpf: DeviceFact | None, version: str, image: bytes, products: ProductsList
) -> UpgradeImage:
    """Judge an image that the DCC wants to send to a hub.

    Raises
    ------
    ProtocolError
        ``INVENTORY_DEVICE_TYPE``, ``INVENTORY_STATUS`` for the hub; ``FIRMWARE_IMAGE_SIZE``, ``FIRMWARE_VERSION`` or
        ``FIRMWARE_HASH`` for the image.
    """
    if hub.type != "CHF" or gpf is None:
        raise ProtocolError("INVENTORY_DEVICE_TYPE", f"{hub.device} is a {hub.type}, not a CHF with its GPF")
    if hub.status in _OUT_OF_SERVICE:
        raise ProtocolError("INVENTORY_STATUS", f"{hub.device} is {hub.status}")
    if not 0 < len(image) <= MAX_IMAGE:
        raise ProtocolError("FIRMWARE_IMAGE_SIZE", f"{len(image)} octets, of 1 to {MAX_IMAGE}", source=_SOURCE)
    upgrade = decode(image, signed=False)
    for half in (hub, gpf):
        product = products.active(half.type, half.manufacturer, half.model, version)
        if product is None:
            detail = f"{half.type} {half.manufacturer} {half.model} {version} has no Active entry on the list"
            raise ProtocolError("FIRMWARE_VERSION", detail, source=_SOURCE)
        if (product.image_hash or "").lower() != upgrade.digest:
            detail = f"the list has {product.image_hash or 'no hash'} for {half.type}, the image {upgrade.digest}"
            raise ProtocolError("FIRMWARE_HASH", detail, source=_SOURCE)
    return upgrade


def hub_activated(ledger: Ledger, hub: DeviceFact, version: str, products: ProductsList) -> None:
    """The hub runs another version: CHF and GPF move together, and the Suppliers on the hub are told (N63)."""
    version_activated(ledger, hub, version, products)
    told = ledger.suppliers(hub)
    body = {"DeviceID": hub.device, "FirmwareVersion": version.upper()}
    ledger.alert("N63", "CommsHubFirmwareActivation", told, hub.device, {**body})
