"""The ledger of one use case: the records it read, the changes it makes, the alerts it causes.

A use case loads the records around the Devices concerned, hands a ledger to a domain function, and stores what the
ledger collected, all in one transaction. Domain functions stay pure: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from dccemu_contracts.device_index import DeviceIndex
from dccemu_contracts.entitlement import UK, network_operators, responsible_suppliers
from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError

from .transitions import NEW, NO_STATUS, PRIOR, REMOVED, TYPE_2, Event, next_status, transition

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
_REMEMBERS = frozenset({Event.LEFT_PRODUCTS_LIST, Event.RECOVERY_STARTED})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record changes: written to its history."""

    text: str
    request_id: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of status (inventory.md section 3.1: device, old, new, UTC time, cause, request id)."""

    device: str
    old: str
    new: str
    at: datetime
    event: str
    cause: str
    request_id: str | None
    user: str | None


@dataclass(frozen=True, slots=True)
class Alert:
    """A DCC Alert to be sent: code, body element, recipients (User IDs) and content in the order of the schema."""

    code: str
    element: str
    recipients: frozenset[str]
    device: str
    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class DutyMark:
    """A post-commissioning duty of a Device that begins or is done (inventory.md section 7)."""

    device: str
    duty: str
    done: bool
    note: str = ""


@dataclass(slots=True)
class Ledger:
    """Records of the moment and what becomes of them.

    ``index`` holds every record that matters; ``change`` puts the new form of one back into it, so that later steps of
    the same use case see it.
    """

    index: DeviceIndex
    now: datetime
    cause: Cause
    changed: dict[str, DeviceFact] = field(default_factory=dict)
    history: list[HistoryEntry] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    duties: list[DutyMark] = field(default_factory=list)

    def require(self, eui: str, rule: str = "UNKNOWN_DEVICE") -> DeviceFact:
        """Give a Device's record.

        Raises
        ------
        ProtocolError
            ``rule``, when the inventory does not hold it.
        """
        found = self.index.device(eui)
        if found is None:
            raise ProtocolError(rule, f"{eui} is not in the inventory", source="inventory.md 1")
        return found

    def change(self, device: DeviceFact, **fields: object) -> DeviceFact:
        """Give a record new values; the version rises once for each use case."""
        version = device.version if device.device in self.changed else device.version + 1
        new = device.model_copy(update={**fields, "version": version, "at": self.now})
        self.changed[new.device] = new
        self.index.put(new)
        return new

    def add(self, device: DeviceFact) -> DeviceFact:
        """Take in a new record; its first status follows from the table."""
        first = next_status(Event.NOTIFIED, NEW, device.type, None)
        status = None if first is NO_STATUS else first
        new = device.model_copy(update={"status": status, "status_at": self.now, "at": self.now})
        self.changed[new.device] = new
        self.index.put(new)
        self._record(new.device, NEW, first, Event.NOTIFIED)
        return new

    def move(self, device: DeviceFact, event: Event, *, commissioned: bool = True) -> DeviceFact:
        """Change the status as the table says; nothing happens when a repeatable event finds its work done.

        Raises
        ------
        ProtocolError
            ``INVENTORY_STATUS_CHANGE``.
        """
        old = NO_STATUS if device.type in TYPE_2 else cast(str, device.status)
        new = next_status(event, old, device.type, device.prior_status)
        if new == old:
            return device
        self._record(device.device, old, new, event)
        if new is REMOVED:
            return self.change(device, removed=True)
        row = transition(event, old, device.type)
        fields: dict[str, object] = {"status": new, "status_at": self.now}
        if event in _REMEMBERS:
            fields["prior_status"] = old
        elif row is not None and row.target is PRIOR:
            fields["prior_status"] = None
        if new == "Commissioned" and device.commissioned_on is None and commissioned:
            fields["commissioned_on"] = self.now.astimezone(UK).date()
        return self.change(device, **fields)

    def _record(self, device: str, old: str, new: str, event: Event) -> None:
        cause = self.cause
        self.history.append(
            HistoryEntry(device, old, new, self.now, event.value, cause.text, cause.request_id, cause.user)
        )

    def alert(
        self, code: str, element: str, recipients: Iterable[str], device: str, body: Mapping[str, Json] | None = None
    ) -> None:
        """Order a DCC Alert; nobody to tell means no alert."""
        users = frozenset(recipients)
        if users:
            self.alerts.append(Alert(code, element, users, device, body or {}))

    def status_alert(self, code: str, form: str, recipients: Iterable[str], device: str, content: Json = "") -> None:
        """Order a DeviceStatusChangeEvent with one of its forms (inventory.md section 3.2)."""
        body: dict[str, Json] = {"DeviceID": device, "DeviceStatusChange": {form: content}}
        self.alert(code, "DeviceStatusChangeEvent", recipients, device, body)

    def suppliers(self, device: DeviceFact) -> frozenset[str]:
        """Give the Responsible Suppliers of a Device now."""
        return responsible_suppliers(device, self.index, self.now)

    def networks(self, device: DeviceFact) -> frozenset[str]:
        """Give the network operators of a Device now."""
        return network_operators(device, self.index, self.now)


def meter_mpxns(device: DeviceFact) -> dict[str, Json]:
    """Write the MPxNs of a meter as ``MeterMPxNs``; an Import MPxN is mandatory there."""
    values: dict[str, Json] = {"ImportMPxN": device.import_mpxn or device.export_mpan or "0"}
    if device.secondary_import_mpan:
        values["SecondaryImportMPAN"] = device.secondary_import_mpan
    if device.export_mpan:
        values["ExportMPAN"] = device.export_mpan
    return values
