"""8.3 Decommission Device (inventory.md section 9).

A meter takes the Type 1 Devices that serve it alone along; one joined to the other fuel's meter as well stays. A hub
takes its Gas Proxy Function along, unless it serves a meter that is not gone; other Devices keep their status.
"""

from __future__ import annotations

from dccemu_contracts.entitlement import entitled_role, holders, points_of
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError

from .ledger import Json, Ledger, meter_mpxns
from .transitions import METERS, TYPE_1, TYPE_2, Event, transition

_SOURCE = "inventory.md 9"
_GONE = frozenset({"Decommissioned", "Withdrawn"})


def decommission_device(
    ledger: Ledger, eui: str, user: str, roles: tuple[str, ...], *, by_dcc: bool = False
) -> DeviceFact:
    """Take a Device out of service.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_DEVICE``, ``NOT_REGISTERED``, ``DECOMMISSION_STATUS`` or ``DECOMMISSION_DEPENDANTS``.
    """
    device = ledger.require(eui)
    if not by_dcc and not entitled_role(user, roles, device, ledger.index, ledger.now):
        detail = f"{user} is not the Responsible Supplier of {eui}"
        raise ProtocolError("NOT_REGISTERED", detail, source="inventory.md 9")
    if device.type in TYPE_2 or transition(Event.DECOMMISSIONED, device.status or "", device.type) is None:
        detail = f"a {device.type} that is {device.status or 'without status'} cannot be decommissioned"
        raise ProtocolError("DECOMMISSION_STATUS", detail, source="inventory.md 3.1 row 13")
    if device.type in METERS:
        return _meter(ledger, device, user)
    if device.type == "CHF":
        return _hub(ledger, device, user)
    if device.type == "GPF":
        raise ProtocolError("DECOMMISSION_DEPENDANTS", "a GPF goes with its CHF only", source=_SOURCE)
    return ledger.change(ledger.move(device, Event.DECOMMISSIONED), meters=(), half_joins=())


def _meter(ledger: Ledger, meter: DeviceFact, user: str) -> DeviceFact:
    told = (ledger.suppliers(meter) | ledger.networks(meter) | _export_suppliers(ledger, meter)) - {user}
    listed: list[Json] = []
    for other in [*ledger.index.joined_to(meter.device)]:
        rest = tuple(eui for eui in other.meters if eui != meter.device)
        alone = not _live_meters(ledger, rest)
        if other.type in TYPE_1 and alone and transition(Event.DECOMMISSIONED, other.status or "", other.type):
            ledger.change(ledger.move(other, Event.DECOMMISSIONED), meters=(), half_joins=())
            if len(listed) < 7 and other.type != "SAPC":
                listed.append({"DeviceID": other.device, "DeviceType": other.type})
        else:
            ledger.change(other, meters=rest)
    gone = ledger.change(ledger.move(meter, Event.DECOMMISSIONED), gpf=None)
    content: dict[str, Json] = {"MeterDecommissionOrWithdrawal": dict(meter_mpxns(meter))}
    if listed:
        content["AssociatedType1Device"] = listed
    ledger.status_alert("N1", "MeterDecommissioningOrWithdrawal", told, meter.device, content)
    return gone


def _export_suppliers(ledger: Ledger, meter: DeviceFact) -> frozenset[str]:

    return holders(ledger.index, points_of(meter, "export", ledger.index), "ES", ledger.now)


def _live_meters(ledger: Ledger, euis: tuple[str, ...]) -> bool:
    found = (ledger.index.device(eui) for eui in euis)
    return any(other is not None and other.status not in _GONE for other in found)


def _hub(ledger: Ledger, hub: DeviceFact, user: str) -> DeviceFact:
    told = (ledger.suppliers(hub) | ledger.networks(hub)) - {user}
    gpf = ledger.index.device(hub.gpf or "")
    if gpf is not None and transition(Event.DECOMMISSIONED, gpf.status or "", "GPF"):
        ledger.move(gpf, Event.DECOMMISSIONED)
    gone = ledger.move(hub, Event.DECOMMISSIONED)
    ledger.status_alert("N8", "CHFDecommissioning", told, hub.device)
    return gone
