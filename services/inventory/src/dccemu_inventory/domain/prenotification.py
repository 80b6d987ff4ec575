"""12.2 Device Pre-notification, and the DCC's own delivery of Communications Hubs (inventory.md section 4)."""

from __future__ import annotations

from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.trust_anchors import NETWORK_OPERATOR, SUPPLIER, cells_of
from dccemu_protocol.errors import ProtocolError

from .bodies import Content
from .ledger import Ledger
from .products import Product, ProductsList
from .transitions import HUBS, TYPE_2

_SOURCE = "inventory.md 4"


def notify_device(
    ledger: Ledger, body: Content, user: str, products: ProductsList, dcc: dict[int, str], *, by_dcc: bool = False
) -> DeviceFact:
    """Take a Device into the inventory.

    The checks run in the order of inventory.md section 4; ``dcc`` gives the DCC's own parties of the trust anchor
    cells.

    Raises
    ------
    ProtocolError
        ``PRE_NOTIFY_NOT_ALLOWED``, ``PRE_NOTIFIED_ALREADY``, ``PRE_NOTIFY_DETAIL``, ``PRE_NOTIFY_PRODUCTS_LIST``.
    """
    eui, kind = body.device(), body.text("DeviceType")
    if kind in HUBS and not by_dcc:
        raise ProtocolError("PRE_NOTIFY_NOT_ALLOWED", f"only the DCC adds a {kind}", source=_SOURCE)
    _check_free(ledger, eui)
    _check_details(body, kind)
    firmware = body.optional("FirmwareVersion")
    product = products.active(kind, body.text("DeviceManufacturer"), body.text("DeviceModel"), firmware)
    if product is None:
        detail = f"{body.text('DeviceManufacturer')} {body.text('DeviceModel')} {firmware} is not on the list as Active"
        raise ProtocolError("PRE_NOTIFY_PRODUCTS_LIST", detail, source="inventory.md 8")
    device = _record(ledger, body, eui, kind, product, user, dcc)
    if kind == "CHF":
        return _add_pair(ledger, device, body, products, dcc)
    return ledger.add(device)


def _check_free(ledger: Ledger, eui: str) -> None:
    if ledger.index.device(eui) is not None:
        raise ProtocolError("PRE_NOTIFIED_ALREADY", f"{eui} is in the inventory already", source=_SOURCE)


def _check_details(body: Content, kind: str) -> None:
    """Firmware and SMETS version unless Type 2; variant for an ESME only; Gas Proxy Function for a CHF only."""
    wanted = {
        "FirmwareVersion": kind not in TYPE_2,
        "SMETSCHTSVersion": kind not in TYPE_2,
        "ESMEVariant": kind == "ESME",
        "AssociatedGPFDeviceID": kind == "CHF",
    }
    for name, is_wanted in wanted.items():
        if is_wanted and name not in body:
            raise ProtocolError("PRE_NOTIFY_DETAIL", f"{name} is needed for a {kind}", place=name, source=_SOURCE)
    for name in ("ESMEVariant", "AssociatedGPFDeviceID"):
        if not wanted[name] and name in body:
            raise ProtocolError("PRE_NOTIFY_DETAIL", f"a {kind} has no {name}", place=name, source=_SOURCE)


def _record(
    ledger: Ledger, body: Content, eui: str, kind: str, product: Product, user: str, dcc: dict[int, str]
) -> DeviceFact:
    # What the manufacturer put into the Supplier's cells is not told; the notifying User is the usual one (section 5).
    holders = {**dcc, SUPPLIER: user} if kind in ("ESME", "GSME", "HCALCS", "SAPC") else dict(dcc)
    if kind == "ESME":
        # A Supplier may leave its own certificates in the network operator's cells until seven days after (section 5).
        holders[NETWORK_OPERATOR] = user
    return DeviceFact.model_validate(
        {
            "id": eui,
            "at": ledger.now,
            "version": 1,
            "device": eui,
            "type": kind,
            "manufacturer": product.manufacturer,
            "model": product.model,
            "smets_chts_version": body.optional("SMETSCHTSVersion") or product.smets_chts_version,
            "firmware_version": product.firmware_version or None,
            "firmware_version_status": product.status if product.firmware_version else None,
            "cpl_status": product.status,
            "esme_variant": body.optional("ESMEVariant"),
            "gbcs_version": product.gbcs_version,
            "cells": cells_of(kind, product.gbcs_version, holders),
            "notified_by": user,
        }
    )


def _add_pair(
    ledger: Ledger, hub: DeviceFact, body: Content, products: ProductsList, dcc: dict[int, str]
) -> DeviceFact:
    """A hub is two records, linked for life: the CHF and its GPF, with the same model and firmware (section 4)."""
    gpf = body.device("AssociatedGPFDeviceID")
    if gpf == hub.device:
        raise ProtocolError("PRE_NOTIFY_DETAIL", "CHF and GPF have identifiers of their own", source=_SOURCE)
    _check_free(ledger, gpf)
    firmware = hub.firmware_version
    product = products.active("GPF", hub.manufacturer, hub.model, firmware)
    if product is None:
        detail = f"{hub.manufacturer} {hub.model} {firmware} is not on the list as a GPF"
        raise ProtocolError("PRE_NOTIFY_PRODUCTS_LIST", detail, source="inventory.md 8")
    twin = hub.model_copy(
        update={
            "id": gpf,
            "device": gpf,
            "type": "GPF",
            "hub": hub.device,
            # The Supplier's and network operator's cells of a GPF hold the broker's certificates until 6.21.
            "cells": cells_of("GPF", product.gbcs_version, {2: dcc[4], 3: dcc[4], **dcc}),
        }
    )
    added = ledger.add(hub.model_copy(update={"gpf": gpf}))
    ledger.add(twin)
    return added
