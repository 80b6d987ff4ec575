"""Rules of the services that build up and take down a Smart Metering System (check 24): 8.7, 8.8, 8.11, 8.12.

One place for whoever checks such a request against a projection of the inventory. Sources: inventory.md sections 6, 9
and 10, service-request-processing.md section 13.5 and 13.7; codes by the rules' names in the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dccemu_protocol.errors import ProtocolError

from .device_index import READ_INVENTORY_LIMIT
from .entitlement import Records, entitled_role, registered_at, uk_date
from .inventory import DeviceFact

METERS = frozenset({"ESME", "GSME"})
TYPE_2 = frozenset({"IHD", "CAD"})
SUPPLIERS = ("IS", "ES", "GS")
_GONE = frozenset({"Decommissioned", "Withdrawn"})
_NOT_JOINABLE = frozenset({"Pending", "Decommissioned", "Withdrawn", "Suspended", "Recovery"})
_MPXNS = ("ImportMPxN", "SecondaryImportMPAN", "ExportMPAN")

JOINS: Mapping[str, frozenset[tuple[str, str]]] = {
    "8.7.1": frozenset(
        {
            *(("ESME", "HCALCS"), ("HCALCS", "ESME"), ("ESME", "PPMID"), ("GSME", "PPMID"), ("GPF", "PPMID")),
            *(("GSME", "GPF"), ("ESME", "SAPC"), ("SAPC", "ESME")),
        }
    ),
    "8.7.2": frozenset(
        {
            *(("GSME", "GPF"), ("PPMID", "ESME"), ("PPMID", "GSME"), ("PPMID", "GPF")),
            *(("ESME", "IHD"), ("ESME", "CAD"), ("GPF", "IHD"), ("GPF", "CAD")),
        }
    ),
}
"""Which Device may be told to join which other (service-request-processing.md section 13.5)."""


@dataclass(frozen=True, slots=True)
class InstallationRequest:
    """One request as the rules see it.

    ``content`` is the body element as nested JSON (texts by element name), ``at_mpxn`` finds the Devices at a meter
    point.
    """

    srv: str
    target: DeviceFact
    content: Mapping[str, object]
    user: str
    roles: Sequence[str]
    is_local: bool
    at: datetime
    records: Records
    at_mpxn: Callable[[str], Iterable[DeviceFact]]

    def other(self, name: str) -> DeviceFact | None:
        """Find the Device that an element names."""
        text = self.content.get(name)
        return self.records.device(text.upper()) if isinstance(text, str) else None


def check_installation(request: InstallationRequest) -> None:
    """Apply the rules of the request's service; services without such rules pass.

    Raises
    ------
    ProtocolError
        A rule of 8.7, 8.8, 8.11 or 8.12 by name.
    """
    check = _CHECKS.get(request.srv)
    if check is not None:
        check(request)


def installing_role(request: InstallationRequest) -> str | None:
    """Find the role by which a Supplier may install where registration does not yet link it to the target.

    8.11 targets the hub, on which the Supplier of the second fuel has no meter yet: the point named for the new meter
    decides. 8.7.2 and 8.8.2 target a PPMID, IHD or CAD that may so far serve the other fuel only: the meter named
    decides.
    """
    suppliers = [role for role in request.roles if role in SUPPLIERS]
    details = request.content.get("AddDeviceToCHFWhitelist")
    if request.srv == "8.11" and isinstance(details, Mapping):
        mpxn = details.get("ImportMPxN") or details.get("ExportMPAN")
        if not isinstance(mpxn, str):
            return None
        fact = request.records.registration(mpxn)
        roles = ("GS",) if fact is not None and fact.fuel == "gas" else ("IS", "ES")
        return next((role for role in roles if role in suppliers and _is_registered(request, mpxn)), None)
    other = request.other("OtherDeviceID")
    if request.srv in ("8.7.2", "8.8.2") and other is not None:
        return entitled_role(request.user, suppliers, other, request.records, request.at)
    return None


def _refuse(rule: str, detail: str, place: str = "", source: str = "inventory.md 6") -> ProtocolError:
    return ProtocolError(rule, detail, place=place, source=source)


# -- 8.11 ------------------------------------------------------------------------------------------------------------


def _whitelist(request: InstallationRequest) -> None:
    device, hub = request.other("DeviceID"), request.target
    if device is None or device.type in ("CHF", "GPF"):
        text = request.content.get("DeviceID")
        raise _refuse("WHITELIST_DEVICE_UNKNOWN", f"{text} is no Device that joins a hub", "DeviceID")
    details = request.content.get("AddDeviceToCHFWhitelist")
    is_add = request.content.get("RequestType") == "Add"
    if is_add != isinstance(details, Mapping):
        place = "AddDeviceToCHFWhitelist"
        raise _refuse("WHITELIST_DETAILS", f"{'needed to Add' if is_add else 'not given to Remove'}", place)
    if not set(request.roles) & set(SUPPLIERS) and device.type not in TYPE_2:
        raise _refuse("NOT_REGISTERED", f"an Other User may handle IHD and CAD only, {device.device} is {device.type}")
    if is_add and isinstance(details, Mapping):
        _check_add(request, hub, device, details)
    elif device.hub != hub.device:
        raise _refuse("WHITELIST_NOT_LISTED", f"{device.device} is not on {hub.device}", "DeviceID")


def _check_add(
    request: InstallationRequest, hub: DeviceFact, device: DeviceFact, details: Mapping[str, object]
) -> None:
    open_statuses = {"Commissioned", "InstalledNotCommissioned"} | ({"Pending"} if request.is_local else set())
    if hub.status not in open_statuses:
        raise _refuse("WHITELIST_HUB_STATUS", f"{hub.device} is {hub.status}")
    if device.status in _GONE:
        raise _refuse("WHITELIST_DEVICE_UNKNOWN", f"{device.device} is {device.status}", "DeviceID")
    if device.hub not in (None, hub.device) and not _is_gone(request.records.device(device.hub or "")):
        raise _refuse("WHITELIST_OTHER_HUB", f"{device.device} is on {device.hub}", "DeviceID")
    if device.cpl_status not in (None, "Active"):
        raise _refuse("WHITELIST_PRODUCTS_LIST", f"{device.device} is {device.cpl_status} on the list", "DeviceID")
    listed = [other for other in request.records.on_hub(hub.device) if other.status not in _GONE]
    if device.hub != hub.device and len(listed) + 2 > READ_INVENTORY_LIMIT:
        raise _refuse("WHITELIST_FULL", f"{hub.device} has {len(listed)} Devices")
    if device.type in METERS:
        _check_points(request, device, details)


def _is_gone(hub: DeviceFact | None) -> bool:
    return hub is None or hub.status in _GONE


def _check_points(request: InstallationRequest, meter: DeviceFact, details: Mapping[str, object]) -> None:
    """The sender is the registered (or becoming registered) Supplier for the meter's point, which is free."""
    given = [text for name in _MPXNS if isinstance(text := details.get(name), str) and text]
    if not given:
        raise _refuse("WHITELIST_DETAILS", f"a {meter.type} is added with its MPxN", "ImportMPxN")
    if not any(_is_registered(request, mpxn) for mpxn in given[:1]):
        raise _refuse("WHITELIST_MPXN_NOT_REGISTERED", f"{given[0]} is not registered to {request.user}", "ImportMPxN")
    for mpxn in given:
        for other in request.at_mpxn(mpxn):
            if other.device != meter.device and other.type == meter.type and other.status not in _GONE:
                raise _refuse("WHITELIST_MPXN_TAKEN", f"{mpxn} is held by {other.device}", "ImportMPxN")


def _is_registered(request: InstallationRequest, mpxn: str) -> bool:
    roles = [role for role in request.roles if role in SUPPLIERS]
    if registered_at(request.records, mpxn, request.user, roles, request.at):
        return True
    fact = request.records.registration(mpxn)
    today = uk_date(request.at)
    return fact is not None and any(
        span.user == request.user and span.role in roles and span.effective_from > today and not span.cancelled
        for span in fact.spans
    )


# -- 8.7, 8.8 --------------------------------------------------------------------------------------------------------


def _join(request: InstallationRequest) -> None:
    target, other = request.target, request.other("OtherDeviceID")
    if other is None or (target.type, other.type) not in JOINS[request.srv]:
        kind = "not in the inventory" if other is None else f"a {other.type}"
        detail = f"{request.content.get('OtherDeviceID')} is {kind}: a {target.type} cannot join it by {request.srv}"
        raise _refuse("JOIN_DEVICE", detail, "OtherDeviceID")
    if other.hub is None or other.hub != target.hub:
        detail = f"{target.device} is on {target.hub}, {other.device} on {other.hub}"
        raise _refuse("JOIN_NOT_ON_WHITELIST", detail, "OtherDeviceID")
    if other.status in _NOT_JOINABLE:
        raise _refuse("JOIN_STATUS", f"{other.device} is {other.status}", "OtherDeviceID")
    if not set(request.roles) & set(SUPPLIERS) and not {target.type, other.type} & TYPE_2:
        raise _refuse("NOT_REGISTERED", "an Other User may join IHD and CAD only", "OtherDeviceID")


def _unjoin(request: InstallationRequest) -> None:
    target, other = request.target, request.other("OtherDeviceID")
    if other is None:
        text = request.content.get("OtherDeviceID")
        raise _refuse("UNJOIN_DEVICE", f"{text} is not in the inventory", "OtherDeviceID")
    joined = target.device in other.meters or other.device in target.meters
    if not joined and target.gpf != other.device and other.gpf != target.device:
        raise _refuse("UNJOIN_NOT_JOINED", f"{target.device} and {other.device} are not joined", "OtherDeviceID")


# -- 8.12 ------------------------------------------------------------------------------------------------------------


def _restore_hub(request: InstallationRequest) -> None:
    new, old = request.target, request.other("OldCHFID")
    if old is None or old.type != "CHF" or old.device == new.device:
        raise _refuse("RESTORE_OLD_HUB", f"{request.content.get('OldCHFID')} is no other hub", "OldCHFID")
    if new.status not in ("Commissioned", "InstalledNotCommissioned"):
        raise _refuse("RESTORE_NEW_HUB", f"{new.device} is {new.status}", source="inventory.md 10")
    _check_own(request, old)
    if old.chf_log_backup is None:
        raise _refuse("RESTORE_NO_HUB_BACKUP", f"no log of {old.device} was backed up", "OldCHFID")


def _check_own(request: InstallationRequest, old: DeviceFact) -> None:
    """A new hub is nobody's yet: whose meters are on the old one may have them moved, nobody else."""
    suppliers = [role for role in request.roles if role in SUPPLIERS]
    if entitled_role(request.user, suppliers, old, request.records, request.at) is None:
        raise _refuse(
            "NOT_REGISTERED", f"{request.user} is the Supplier of no meter on {old.device}", source="inventory.md 10"
        )


def _restore_gpf(request: InstallationRequest) -> None:
    new, old = request.target, request.other("OldGPFID")
    if old is None or old.type != "GPF" or old.device == new.device:
        raise _refuse(
            "RESTORE_OLD_GPF", f"{request.content.get('OldGPFID')} is no other Gas Proxy Function", "OldGPFID"
        )
    hub = request.records.device(new.hub or "")
    if hub is None or hub.status not in ("Commissioned", "InstalledNotCommissioned"):
        raise _refuse("RESTORE_NEW_GPF", f"{new.device} is not on an installed hub", source="inventory.md 10")
    _check_own(request, old)
    if old.gpf_log_backup is None:
        raise _refuse("RESTORE_NO_GPF_BACKUP", f"no log of {old.device} was backed up", "OldGPFID")


_CHECKS: Mapping[str, Callable[[InstallationRequest], None]] = {
    "8.7.1": _join,
    "8.7.2": _join,
    "8.8.1": _unjoin,
    "8.8.2": _unjoin,
    "8.11": _whitelist,
    "8.12.1": _restore_hub,
    "8.12.2": _restore_gpf,
}
