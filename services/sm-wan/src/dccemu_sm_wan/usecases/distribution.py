"""The CSP brings firmware to Devices: over the SM WAN to the hub, over the HAN to the Device, on the Clock.

Each step is one commit of what it changes: the Devices' values, their Alerts, the report, the row of the distribution.
A step that was cut off is made again from the row; a distribution without a row has ended.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.firmware import FirmwareDistribution, FirmwarePiece
from dccemu_runtime.faults import Faults
from dccemu_runtime.journal import Journal

from ..adapters.distributions import Distribution, DistributionStore
from ..domain import distribution as domain
from ..domain.device import SimulatedDevice
from ..domain.distribution import Stage, Upgrade
from ..domain.seeding import hyphened, plain
from .fleet import Fleet
from .progress import Progress, Step

FIRMWARE = "firmware"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the two ways take, and how often and after what pause each is tried again."""

    wan: timedelta
    han: timedelta
    retry: timedelta
    attempts: int


class DistributeFirmware:
    """Takes images and orders, and carries the orders out."""

    def __init__(self, fleet: Fleet, store: DistributionStore, journal: Journal, faults: Faults, pace: Pace) -> None:
        self._fleet = fleet
        self._store = store
        self._progress = Progress(fleet, store, journal)
        self._faults = faults
        self._pace = pace
        self._newest: tuple[str, str, Upgrade] | None = None

    async def load(self) -> None:
        """Take up the distributions that were open when the service stopped."""
        for one in await self._store.all():
            self._fleet.agenda.put(FIRMWARE, one.id, one.due_at)

    async def take_piece(self, connection: PoolConnectionProxy, piece: FirmwarePiece) -> None:
        """A piece of an image came over the bus."""
        now = self._fleet.clock.now()
        due_at = now + self._pace.wan
        for begun in await self._store.take_piece(connection, piece, now, due_at):
            self._put_after_commit(connection, begun, due_at)

    async def take_order(self, connection: PoolConnectionProxy, order: FirmwareDistribution) -> None:
        """An order for a Device came over the bus."""
        now = self._fleet.clock.now()
        due_at = await self._store.take_order(connection, order, now, now + self._pace.wan)
        self._put_after_commit(connection, order.id, due_at)

    def _put_after_commit(self, connection: PoolConnectionProxy, name: str, due_at: datetime) -> None:
        agenda = self._fleet.agenda
        self._fleet.database.after_commit(connection, lambda: agenda.put(FIRMWARE, name, due_at))

    async def step(self, name: str) -> None:
        """The next step of a distribution is due."""
        one = await self._store.find(name)
        if one is None:
            return
        device = self._fleet.find(plain(one.device))
        hub = None if device is None else self._fleet.hub_of(device)
        if device is None or (hub is None and device.facts.type != "CHF"):
            await self._progress.commit(
                self._progress.ended(one, "", "delivered", False, "no such Device on a hub of the SM WAN")
            )
            return
        served = hub or device
        held = {served.facts.eui, device.facts.eui, *self._twin(device)}
        async with AsyncExitStack() as locks:
            for eui in sorted(held):
                await locks.enter_async_context(self._fleet.working(eui))
            await self._take_step(one, served, device)

    def _twin(self, device: SimulatedDevice) -> list[str]:
        """The Gas Proxy Function in the box of a hub: it runs the same firmware."""
        if device.facts.type != "CHF":
            return []
        mine = [other for other in self._fleet if other.facts.type == "GPF" and other.facts.hub == device.facts.eui]
        return [other.facts.eui for other in mine]

    async def _take_step(self, one: Distribution, hub: SimulatedDevice, device: SimulatedDevice) -> None:
        eui = hyphened(hub.facts.eui)
        if one.stage is Stage.WAITING:
            await self._progress.commit(self._progress.ended(one, eui, "delivered", False, "the image did not come"))
        elif one.stage is Stage.TO_HUB:
            await self._to_hub(one, hub, device)
        else:
            await self._to_device(one, hub, device)

    async def _to_hub(self, one: Distribution, hub: SimulatedDevice, device: SimulatedDevice) -> None:
        eui, unreachable = hyphened(hub.facts.eui), self._unreachable(hub, device.facts.eui)
        if unreachable and one.attempts + 1 < self._pace.attempts:
            await self._again(one)
        elif unreachable:
            await self._progress.commit(self._progress.ended(one, eui, "delivered", False, unreachable))
        elif hub is device:
            await self._activate_hub(one, hub)
        else:
            due_at = self._fleet.clock.now() + self._pace.han
            report = self._progress.report(one, eui, "delivered", True, "")
            await self._progress.commit(Step(writes=[report, self._store.move(one, Stage.TO_DEVICE, due_at)]))
            self._fleet.agenda.put(FIRMWARE, one.id, due_at)

    async def _to_device(self, one: Distribution, hub: SimulatedDevice, device: SimulatedDevice) -> None:
        unreachable = self._unreachable(device, device.facts.eui) or self._unreachable(hub, "")
        if unreachable and one.attempts + 1 < self._pace.attempts:
            await self._again(one)
            return
        upgrade, now, step = await self._upgrade(one, device), self._fleet.clock.now(), Step()
        result = domain.TRANSFER_FAILED if unreachable else 0
        if not unreachable and not domain.fits(device.facts, upgrade):
            result = domain.HARDWARE_MISMATCH
        told = hub.draft()
        version, target = upgrade.version, device.facts.eui
        alert = domain.transfer_alert(hub.facts, told, target, version, result, now)
        self._progress.speak(step, hub, told, alert, now)
        outcome = f"8F89 {result}" if result else "8F8A"
        if not result:
            draft = device.draft()
            receipt = domain.receive(device.facts, draft, upgrade, now)
            self._progress.speak(step, device, draft, receipt, now)
            outcome += f" {receipt.code:04X}"
        step.writes += [self._store.close(one), self._progress.entry(one, outcome, unreachable or upgrade.fault)]
        await self._progress.commit(step)

    async def _activate_hub(self, one: Distribution, hub: SimulatedDevice) -> None:
        """CS05a: the hub runs what the DCC sent it; its Gas Proxy Function is in the same box."""
        upgrade = await self._upgrade(one, hub)
        eui = hyphened(hub.facts.eui)
        if upgrade.parts is None or not domain.fits(hub.facts, upgrade):
            reason = upgrade.fault or "the image is for other hardware"
            await self._progress.commit(self._progress.ended(one, eui, "activated", False, reason))
            return
        step = self._progress.ended(one, eui, "activated", True, "", upgrade.parts.version)
        for eui_of_half in (hub.facts.eui, *self._twin(hub)):
            half = self._fleet.find(eui_of_half)
            if half is not None:
                draft = half.draft()
                draft.put("firmware/version", upgrade.version)
                step.drafts.append((half, draft))
        await self._progress.commit(step)

    # -- in common -------------------------------------------------------------------------------------------------

    def _unreachable(self, device: SimulatedDevice, target: str) -> str:
        """Why an image cannot come to a hub or Device now; empty if it can."""
        eui = hyphened(device.facts.eui)
        fault = self._faults.at("wan", self._fleet.clock.now(), device=hyphened(target) if target else eui, hub=eui)
        if fault is not None and fault.effect in ("refuse", "error", "drop", "silent"):
            return f"fault {fault.id}"
        behaviour = device.behaviour
        return "" if behaviour.reachable and behaviour.powered else f"{eui} is not reachable"

    async def _again(self, one: Distribution) -> None:
        due_at = self._fleet.clock.now() + self._pace.retry
        await self._progress.commit(Step(writes=[self._store.move(one, one.stage, due_at, one.attempts + 1)]))
        self._fleet.agenda.put(FIRMWARE, one.id, due_at)

    async def _upgrade(self, one: Distribution, device: SimulatedDevice) -> Upgrade:
        """The image in its parts; the newest is kept, because a request sends one image to many Devices."""
        kind = device.facts.type
        if self._newest is None or self._newest[:2] != (one.image, kind):
            await self._store.tidy(self._fleet.clock.now())
            octets = await self._store.octets(one.image)
            self._newest = (one.image, kind, domain.read_upgrade(octets or b"", kind))
        return self._newest[2]
