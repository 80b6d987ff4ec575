"""What an operator does to the simulation: behaviour, registers, alerts, power, firmware images, forced failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import times
from dccemu_protocol.gbcs.respond import AlertOrder, Draft, Value
from dccemu_protocol.gbcs.respond.energy import QUANTITIES, cumulative
from dccemu_runtime.groupcommit import Unit, Write

from ..domain import on_demand
from ..domain.device import SimulatedDevice, seal
from ..domain.findings import Finding
from ..domain.seeding import hyphened
from .fleet import Fleet

OUTAGE = "outage"
_LONG_OUTAGE = timedelta(minutes=3)
_RESTORED, _RESTORED_LONG = 0x8F35, 0x8F36
_SUPPLIER, _NETWORK_OPERATOR = 2, 3
_SECRET = ("key/", "new-key/")


class Administration:
    """Changes and reads of Devices, outside of what GBCS has."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def show(self, device: SimulatedDevice) -> dict[str, Any]:
        """Everything there is to know about a Device but its private keys."""
        facts, draft = device.facts, device.draft()
        now = times.seconds_since_2000(self._fleet.clock.now())
        values = {name: value for name, value in sorted(device.stored.items()) if not name.startswith(_SECRET)}
        return {
            "device": hyphened(facts.eui),
            "type": facts.type,
            "variant": facts.variant or None,
            "hub": hyphened(facts.hub) if facts.hub else None,
            "firmware_version": draft.text("firmware/version", facts.firmware),
            "behaviour": asdict(device.behaviour),
            "registers": {name: cumulative(facts, draft, name, now) for name in QUANTITIES},
            "cells": [_cell(name, draft) for name in draft.names("cell/")],
            "pending": {name: draft.get(name) for name in draft.names("pending/")},
            "state": {name: value for name, value in values.items() if not name.startswith(("cell/", "pending/"))},
        }

    async def behave(self, device: SimulatedDevice, changes: Mapping[str, object]) -> None:
        """Change how the simulation treats the Device."""
        async with self._fleet.working(device.facts.eui):
            before = device.behaviour
            device.behave(**changes)
            try:
                await self._fleet.database.group.commit(Unit(writes=[self._fleet.store.put(device)]))
            except BaseException:
                device.behaviour = before
                raise

    async def change(
        self,
        device: SimulatedDevice,
        registers: Mapping[str, int],
        state: Mapping[str, Value],
    ) -> None:
        """Set registers to values from which they count on, and named values of the state (``None`` forgets one)."""
        unknown = set(registers) - set(QUANTITIES)
        if unknown:
            known = ", ".join(QUANTITIES)
            raise ProtocolError("UNKNOWN_REGISTER", f"{', '.join(sorted(unknown))}: the registers are {known}")
        secret = [name for name in state if name.startswith((*_SECRET, "cell/", "pending/"))]
        if secret:
            raise ProtocolError("STATE_NOT_SETTABLE", f"{', '.join(secret)} changes by Commands only")
        async with self._fleet.working(device.facts.eui):
            draft = device.draft()
            now = times.seconds_since_2000(self._fleet.clock.now())
            for name, value in registers.items():
                draft.put(f"register/{name}", {"value": value, "at": now})
            for name, content in state.items():
                if content is None:
                    draft.drop(name)
                else:
                    draft.put(name, content)
            await self._fleet.commit(device, draft, [])

    async def alert(self, device: SimulatedDevice, asked: on_demand.Asked) -> int:
        """Have the Device send an Alert; its Originator Counter.

        Raises
        ------
        ProtocolError
            When the code is unknown, a parameter is bad, or no party can receive it.
        """
        async with self._fleet.working(device.facts.eui):
            draft = device.draft()
            at = self._fleet.clock.now()
            await self._send(device, draft, [on_demand.order(device.facts, draft, asked, at)])
            return draft.integer("counter/own")

    async def receive_image(self, device: SimulatedDevice, digest: str, version: str, *, genuine: bool) -> None:
        """A firmware image has reached the Device: it is kept when it verifies; the Device reports either way."""
        async with self._fleet.working(device.facts.eui):
            draft = device.draft()
            if genuine:
                draft.put("firmware/image", {"hash": digest, "version": version})
            asked = on_demand.Asked(0x8F72 if genuine else 0x8F1C, _SUPPLIER, {"hash": digest})
            at = self._fleet.clock.now()
            await self._send(device, draft, [on_demand.order(device.facts, draft, asked, at)])

    async def _send(self, device: SimulatedDevice, draft: Draft, orders: list[AlertOrder]) -> None:
        at = self._fleet.clock.now()
        findings: list[Finding] = []
        alerts = seal(device.facts, draft, orders, at, findings)
        if findings:
            raise ProtocolError("NO_RECIPIENT", findings[0].got, source="inventory.md section 5")
        await self._fleet.commit(device, draft, self._fleet.alerts(device, alerts, at))

    # -- power ------------------------------------------------------------------------------------------------------

    async def power_off(self, device: SimulatedDevice) -> None:
        """Take the supply away from a hub and all Devices it serves, or from one Device."""
        now = self._fleet.clock.now()
        for one in self._affected(device):
            async with self._fleet.working(one.facts.eui):
                if not one.behaviour.powered:
                    continue
                draft = one.draft()
                draft.put("power/off", times.seconds_since_2000(now))
                one.behave(powered=False)
                writes: list[Write] = [self._fleet.store.put(one)]
                await self._fleet.commit(one, draft, writes)
                if one.facts.type == "CHF":
                    self._fleet.agenda.put(OUTAGE, one.facts.eui, now + _LONG_OUTAGE)

    async def power_on(self, device: SimulatedDevice) -> None:
        """Give the supply back; an electricity meter reports when its outage began and ended (ECS80)."""
        now = self._fleet.clock.now()
        for one in self._affected(device):
            async with self._fleet.working(one.facts.eui):
                if one.behaviour.powered:
                    continue
                draft = one.draft()
                begin = times.from_seconds(draft.integer("power/off", times.seconds_since_2000(now)))
                draft.drop("power/off")
                draft.drop("power/reported")
                one.behave(powered=True)
                writes: list[Write] = [self._fleet.store.put(one)]
                self._fleet.agenda.drop(OUTAGE, one.facts.eui)
                if one.facts.type == "ESME":
                    code = _RESTORED_LONG if now - begin >= _LONG_OUTAGE else _RESTORED
                    asked = on_demand.Asked(code, None, {"start": begin.isoformat(), "end": now.isoformat()})
                    order = on_demand.order(one.facts, draft, asked, now)
                    sealed = seal(one.facts, draft, [order], now, [])
                    writes += self._fleet.alerts(one, sealed, now)
                await self._fleet.commit(one, draft, writes)

    async def outage_lasts(self, eui: str) -> None:
        """A hub has been without supply for three minutes: the DCC tells Supplier and Distributor (AD1)."""
        hub = self._fleet.find(eui)
        if hub is None:
            return
        async with self._fleet.working(eui):
            draft = hub.draft()
            if hub.behaviour.powered or draft.flag("power/reported"):
                return
            draft.put("power/reported", True)
            await self._fleet.commit(hub, draft, [self._fleet.outbox.write(self._outage_order(hub))])

    def load(self) -> None:
        """Take up the outages that lasted when the service stopped."""
        for hub in self._fleet:
            since = hub.draft().integer("power/off", -1)
            if hub.facts.type == "CHF" and since >= 0:
                self._fleet.agenda.put(OUTAGE, hub.facts.eui, times.from_seconds(since) + _LONG_OUTAGE)

    def _outage_order(self, hub: SimulatedDevice) -> DccAlertOrder:
        eui = hub.facts.eui
        meters = [device for device in self._fleet if device.facts.hub == eui and device.facts.type == "ESME"]
        recipients = {
            hyphened(owner)
            for meter in meters
            for role in (_SUPPLIER, _NETWORK_OPERATOR)
            if isinstance(owner := meter.draft().record(f"cell/{role}/keyAgreement/0").get("eui"), str) and owner
        }
        begin = times.from_seconds(hub.draft().integer("power/off"))
        mpxn = next((meter.facts.import_mpxn for meter in meters if meter.facts.import_mpxn), None)
        body = {"CommsHubDeviceID": hyphened(eui), "StartDateTime": begin.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return DccAlertOrder(
            id=f"outage {eui} {times.seconds_since_2000(begin)}",
            at=self._fleet.clock.now(),
            code="AD1",
            alert="PowerOutageEvent",
            recipients=tuple(sorted(recipients)),
            device=hyphened(eui),
            body=body if mpxn is None else {**body, "MPxN": mpxn},
        )

    def _affected(self, device: SimulatedDevice) -> list[SimulatedDevice]:
        if device.facts.type != "CHF":
            return [device]
        # Gas meters have batteries.
        mains = [one for one in self._fleet if one.facts.hub == device.facts.eui and one.facts.type != "GSME"]
        return [device, *mains]


def _cell(name: str, draft: Draft) -> dict[str, Any]:
    _, role, usage, cell_usage = name.split("/")
    cell = draft.record(name)
    eui = str(cell.get("eui") or "")
    return {
        "role": int(role),
        "usage": usage,
        "cell_usage": int(cell_usage),
        "eui": hyphened(eui) if eui else None,
        "ski": cell.get("ski") or None,
        "has_certificate": bool(cell.get("der")),
    }
