"""What a good Response to 8.11 Update HAN Device Log does to the records (inventory.md sections 6.2 and 6.6)."""

from __future__ import annotations

from dccemu_contracts.inventory import DeviceFact

from .bodies import Content
from .hub_status import install_without_wan
from .ledger import Json, Ledger
from .transitions import TYPE_2, Event, is_reached, transition


def log_updated(ledger: Ledger, hub: DeviceFact, request: Content, *, local: bool) -> None:
    """The hub's device log was changed as asked."""
    device = ledger.index.device(request.device())
    if device is None:
        return
    if request.text("RequestType") == "Add":
        _added(ledger, hub, device, request.part("AddDeviceToCHFWhitelist"), local=local)
    else:
        _taken_off(ledger, hub, device)
    if ledger.cause.user and ledger.cause.request_id:
        body: dict[str, Json] = {"UpdateHANDeviceLogServiceRequestID": ledger.cause.request_id}
        ledger.alert("N24", "UpdateHANDeviceLogResult", {ledger.cause.user}, hub.device, body)


def _added(ledger: Ledger, hub: DeviceFact, device: DeviceFact, details: Content | None, *, local: bool) -> None:
    fields: dict[str, object] = {"hub": hub.device}
    if device.type == "GSME" and hub.gpf:
        fields["gpf"] = None
    installed = device.status == "Commissioned"
    if details is not None and device.type in ("ESME", "GSME") and not installed:
        fields |= _points(ledger, details)
    device = ledger.change(device, **fields)
    event = Event.WHITELISTED_LOCALLY if local else Event.WHITELISTED
    status = device.status or ""
    movable = transition(event, status, device.type) or is_reached(event, status, device.type)
    if device.type not in TYPE_2 and movable:
        ledger.move(device, event)
    if local and hub.status == "Pending":
        # The DCC learns of a meter joined without the SM WAN: row 4 (a).
        install_without_wan(ledger, hub)


def _points(ledger: Ledger, details: Content) -> dict[str, object]:
    names = {"ImportMPxN": "import_mpxn", "SecondaryImportMPAN": "secondary_import_mpan", "ExportMPAN": "export_mpan"}
    fields: dict[str, object] = {field: details.optional(name) for name, field in names.items() if name in details}
    point = ledger.index.registration(str(fields.get("import_mpxn") or fields.get("export_mpan") or ""))
    if point is not None:
        place = {"uprn": point.uprn, "post_code": point.post_code, "address_identifier": point.address_identifier}
        fields |= {name: value for name, value in place.items() if value}
    return fields


def _taken_off(ledger: Ledger, hub: DeviceFact, device: DeviceFact) -> None:
    if device.hub != hub.device:
        return
    if device.type == "PPMID":
        body: dict[str, Json] = {"PPMIDDeviceID": device.device, "CHFDeviceID": hub.device}
        ledger.alert("N38", "PPMIDRemoval", ledger.suppliers(device), device.device, body)
    ledger.change(device, hub=None, meters=(), half_joins=())


def shown_on_log(ledger: Ledger, hub: DeviceFact, listed: list[str]) -> None:
    """Alert 8F12 shows a Device on the log though its Response was lost: row 2."""
    for eui in listed:
        device = ledger.index.device(eui)
        if device is None or device.hub not in (None, hub.device) or device.status != "Pending":
            continue
        if transition(Event.WHITELISTED, "Pending", device.type):
            ledger.move(ledger.change(device, hub=hub.device), Event.WHITELISTED)
