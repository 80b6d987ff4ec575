"""Answers of Devices that change records: one entry for each Service Request Variant (CommandOutcome).

Source: service-request-processing.md section 7 (whose Responses the DCC reads) and inventory.md sections 3 to 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dccemu_contracts.entitlement import holders, points_of
from dccemu_contracts.inventory import CommandOutcome, DeviceFact, TrustAnchorCell
from dccemu_protocol.identifiers import Eui64

from .bodies import Content, from_json
from .credentials import credentials_updated, device_key_usage, read_update, recovered
from .duties import key_regenerated, open_duties
from .firmware import version_activated, version_read
from .hub_status import put_gpf_in_place
from .joining import joined, unjoined
from .ledger import Json, Ledger, meter_mpxns
from .products import ProductsList
from .restoring import gpf_log_restored, hub_log_restored
from .transitions import Event, transition
from .whitelisting import log_updated, shown_on_log


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome with its parts at hand."""

    outcome: CommandOutcome
    device: DeviceFact
    request: Content
    products: ProductsList


def apply_outcome(ledger: Ledger, outcome: CommandOutcome, products: ProductsList) -> None:
    """Change the records as a Device's answer says; one that failed, or says nothing new, changes nothing."""
    device = ledger.index.device(outcome.device)
    if device is None or not outcome.success:
        return
    answer = Answer(outcome, device, from_json(outcome.srv or "", outcome.facts.get("request")), products)
    if device.type == "CHF" and not outcome.local:
        first_contact(ledger, device, products)
        device = ledger.index.device(outcome.device) or device
        answer = Answer(outcome, device, answer.request, products)
    act = _BY_ALERT.get(outcome.alert_code or "") if outcome.srv is None else _BY_SRV.get(outcome.srv)
    if outcome.srv is None and "recovery" in outcome.facts:
        act = _recovery_moved
    if act is not None:
        act(ledger, answer)


def first_contact(ledger: Ledger, hub: DeviceFact, products: ProductsList) -> None:
    """Row 5: the hub spoke over the SM WAN and its cryptography was checked: supplied by the DCC, on the list."""
    if not transition(Event.FIRST_CONTACT, hub.status or "", "CHF"):
        return
    if products.active(hub.type, hub.manufacturer, hub.model, hub.firmware_version) is None:
        return
    hub = ledger.move(hub, Event.FIRST_CONTACT)
    put_gpf_in_place(ledger, hub)
    open_duties(ledger, hub)


def _commissioned(ledger: Ledger, answer: Answer) -> None:
    """8.1.1: the meter's clock is set; registered parties other than the requester learn its identity."""
    device = answer.device
    if not transition(Event.CLOCK_SET, device.status or "", device.type):
        return
    device = ledger.move(device, Event.CLOCK_SET)
    exporters = holders(ledger.index, points_of(device, "export", ledger.index), "ES", ledger.now)
    told = (ledger.suppliers(device) | exporters | ledger.networks(device)) - {answer.outcome.user or ""}
    content: dict[str, Json] = {"MeterMPxNs": dict(meter_mpxns(device))}
    if device.esme_variant:
        content["ESMEVariant"] = device.esme_variant
    ledger.status_alert("N16", "MeterIdentity", told, device.device, content)
    open_duties(ledger, device)


def _recovery_moved(ledger: Ledger, answer: Answer) -> None:
    """Rows 18 to 20: the SMKI says how far the recovery of this Device is (smki.md section 9)."""
    event = _BY_RECOVERY.get(str(answer.outcome.facts["recovery"]))
    device = answer.device
    cells = answer.outcome.facts.get("cells")
    if isinstance(cells, list) and cells:
        device = recovered(ledger, device, [TrustAnchorCell.model_validate(cell) for cell in cells])
    if event is not None and transition(event, device.status or "", device.type):
        ledger.move(device, event)


def _other(ledger: Ledger, answer: Answer) -> DeviceFact | None:
    return ledger.index.device(answer.request.device("OtherDeviceID"))


def _joined(ledger: Ledger, answer: Answer) -> None:
    other = _other(ledger, answer)
    if other is None:
        return
    was = {one.device: one.status for one in (answer.device, other)}
    joined(ledger, answer.device, other)
    for eui, status in was.items():
        now = ledger.index.device(eui)
        if now is not None and now.type == "GPF" and now.status == "Commissioned" != status:
            open_duties(ledger, now)


def _unjoined(ledger: Ledger, answer: Answer) -> None:
    other = _other(ledger, answer)
    if other is not None:
        unjoined(ledger, answer.device, other)


def _log_updated(ledger: Ledger, answer: Answer) -> None:
    log_updated(ledger, answer.device, answer.request, local=answer.outcome.local)


def _hub_restored(ledger: Ledger, answer: Answer) -> None:
    hub_log_restored(ledger, answer.device, answer.request.device("OldCHFID"))


def _gpf_restored(ledger: Ledger, answer: Answer) -> None:
    gpf_log_restored(ledger, answer.device, answer.request.device("OldGPFID"))


def _credentials(ledger: Ledger, answer: Answer) -> None:
    srv = answer.outcome.srv or ""
    statuses = [int(status) for status in answer.outcome.facts.get("statuses", ())]
    credentials_updated(ledger, answer.device, srv, read_update(srv, answer.request, statuses))


def _device_certificate(ledger: Ledger, answer: Answer) -> None:
    key_regenerated(ledger, answer.device, signing=device_key_usage(answer.request))


def _version_read(ledger: Ledger, answer: Answer) -> None:
    reported = answer.outcome.facts.get("firmware_version")
    if isinstance(reported, str):
        version_read(ledger, answer.device, reported)


def _version_activated(ledger: Ledger, answer: Answer) -> None:
    reported = answer.outcome.facts.get("firmware_version")
    if isinstance(reported, str):
        version_activated(ledger, answer.device, reported, answer.products)


def _hub_log_saved(ledger: Ledger, answer: Answer) -> None:
    """Alert 8F12 (CS14): the log with hashed link keys, kept for the day the hub is replaced."""
    backup = answer.outcome.facts.get("chf_log_backup")
    if isinstance(backup, dict):
        hub = ledger.change(answer.device, chf_log_backup=backup)
        listed = [str(Eui64.from_hex(str(entry["device_id"]))) for entry in backup.get("devices", ())]
        shown_on_log(ledger, hub, listed)


def _gpf_log_saved(ledger: Ledger, answer: Answer) -> None:
    """Alert 8071 (GCS62): the list of Devices joined to the Gas Proxy Function."""
    backup = answer.outcome.facts.get("gpf_log_backup")
    if isinstance(backup, dict):
        ledger.change(answer.device, gpf_log_backup=backup)


_Act = Callable[[Ledger, Answer], None]
_BY_SRV: Mapping[str, _Act] = {
    "8.1.1": _commissioned,
    "8.7.1": _joined,
    "8.7.2": _joined,
    "8.8.1": _unjoined,
    "8.8.2": _unjoined,
    "8.11": _log_updated,
    "8.12.1": _hub_restored,
    "8.12.2": _gpf_restored,
    "6.15.1": _credentials,
    "6.21": _credentials,
    "6.23": _credentials,
    "6.15.2": _device_certificate,
    "11.2": _version_read,
    "11.3": _version_activated,
}
_BY_RECOVERY: Mapping[str, Event] = {
    "started": Event.RECOVERY_STARTED,
    "placed": Event.BROKER_CREDENTIALS_PLACED,
    "done": Event.RECOVERY_DONE,
}
_BY_ALERT: Mapping[str, _Act] = {
    "8F12": _hub_log_saved,
    "8071": _gpf_log_saved,
    "8F43": _version_activated,
    "8F8B": _version_activated,
}
