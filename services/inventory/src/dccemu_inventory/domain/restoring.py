"""Hub replacement: 8.12.1 and 8.12.2 answered well (inventory.md section 10)."""

from __future__ import annotations

from dccemu_contracts.entitlement import UK
from dccemu_contracts.inventory import DeviceFact

from .ledger import Json, Ledger
from .transitions import Event, transition


def hub_log_restored(ledger: Ledger, new: DeviceFact, old_eui: str) -> None:
    """The new hub holds the old one's log: all Devices move over, the old pair is out of service."""
    old = ledger.index.device(old_eui)
    if old is None or old.device == new.device:
        return
    told = ledger.suppliers(old) - {ledger.cause.user or ""}
    for device in [*ledger.index.on_hub(old.device)]:
        if device.device != old.gpf:
            ledger.change(device, hub=new.device)
    place = {name: getattr(old, name) for name in ("uprn", "post_code", "address_identifier")}
    ledger.change(new, chf_log_backup=old.chf_log_backup, **{name: value for name, value in place.items() if value})
    old_gpf = ledger.index.device(old.gpf or "")
    for gone in (old, old_gpf):
        if gone is not None and transition(Event.DECOMMISSIONED, gone.status or "", gone.type):
            ledger.move(gone, Event.DECOMMISSIONED)
    _tell(ledger, "N30", "CHFDeviceLog", told, old, new)


def gpf_log_restored(ledger: Ledger, new: DeviceFact, old_eui: str) -> None:
    """The new Gas Proxy Function holds the old one's log: what was joined to the old is joined to the new."""
    old = ledger.index.device(old_eui)
    if old is None or old.device == new.device:
        return
    old_hub, new_hub = ledger.index.device(old.hub or ""), ledger.index.device(new.hub or "")
    told = frozenset[str]().union(*(ledger.suppliers(hub) for hub in (old_hub, new_hub) if hub is not None))
    for device in [*ledger.index.joined_to(old.device)]:
        meters = tuple(dict.fromkeys(new.device if eui == old.device else eui for eui in device.meters))
        ledger.change(device, meters=meters)
    # The gas meter itself joins the new Gas Proxy Function by 8.7.2 (section 10 item 5): only the backup moves.
    new = ledger.change(new, gpf_log_backup=old.gpf_log_backup, import_mpxn=old.import_mpxn or new.import_mpxn)
    if transition(Event.DECOMMISSIONED, old.status or "", "GPF"):
        ledger.move(old, Event.DECOMMISSIONED)
    if old_hub is not None and new_hub is not None:
        _tell(ledger, "N31", "GPFDeviceLog", told - {ledger.cause.user or ""}, old_hub, new_hub)


def _tell(ledger: Ledger, code: str, form: str, told: frozenset[str], old: DeviceFact, new: DeviceFact) -> None:
    ids: dict[str, Json] = {
        "OldCHFDeviceID": old.device,
        "NewCHFDeviceID": new.device,
        "OldGPFDeviceID": old.gpf,
        "NewGPFDeviceID": new.gpf,
    }
    body: dict[str, Json] = {"RestoredDate": ledger.now.astimezone(UK).date().isoformat(), form: ids}
    ledger.alert(code, "DeviceLogRestored", told, new.device, body)
