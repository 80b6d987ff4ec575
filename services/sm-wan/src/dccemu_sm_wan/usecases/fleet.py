"""The Devices on the SM WAN: in memory as the database has them, one at a time each.

A Device is worked on under its own lock, from the making of a draft to the commit of its changes, so that what is in
memory is what is durable. One worker of the service owns a Device; the bus gives all Commands for a Device to the same
worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.wan import DeviceMessage
from dccemu_protocol.gbcs import times
from dccemu_protocol.gbcs.respond import Draft, Value
from dccemu_protocol.gbcs.respond.activation import PREFIX
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.groupcommit import Claim, Unit, Write
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.stepping import first_step

from ..adapters.store import Store
from ..domain.device import SimulatedDevice
from ..domain.seeding import hyphened
from .agenda import Agenda

INSTRUCTION = "instruction"


class Fleet:
    """Every simulated Device, by EUI-64 in hexadecimal."""

    def __init__(
        self, database: Database, store: Store, outbox: Outbox, agenda: Agenda, clock: Clock, entropy: Entropy
    ) -> None:
        self.database = database
        self.store = store
        self.outbox = outbox
        self.agenda = agenda
        self.clock = clock
        self.entropy = entropy
        self._devices: dict[str, SimulatedDevice] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._doubtful: set[str] = set()
        self._callbacks: list[Callable[[SimulatedDevice, Mapping[str, Value]], None]] = []

    async def load(self) -> None:
        """Read all Devices."""
        self._devices = await self.store.load()
        for device in self:
            self._schedule(device, device.stored)

    def __iter__(self) -> Iterator[SimulatedDevice]:
        return iter(self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def find(self, eui: str) -> SimulatedDevice | None:
        """The Device of an EUI-64 (hexadecimal)."""
        return self._devices.get(eui)

    def add(self, device: SimulatedDevice) -> None:
        """Take a Device in after its rows are durable."""
        self._devices[device.facts.eui] = device

    def hub_of(self, device: SimulatedDevice) -> SimulatedDevice | None:
        """The hub that serves a Device, ``None`` for a hub."""
        return self._devices.get(device.facts.hub) if device.facts.hub else None

    def working(self, eui: str) -> _Working:
        """Hold a Device while it is worked on.

        When the work fails, what was committed is not known: the Device is read again before it is next worked on.
        """
        lock = self._locks.get(eui)
        if lock is None:
            lock = self._locks[eui] = asyncio.Lock()
        return _Working(self, eui, lock)

    def hold(self, eui: str) -> bool:
        """Hold a Device until ``let_go``, if nobody holds it and there is no doubt about it."""
        if eui in self._doubtful:
            return False
        lock = self._locks.get(eui)
        if lock is None:
            lock = self._locks[eui] = asyncio.Lock()
        acquiring = lock.acquire()
        if first_step(acquiring) is None:
            return True
        acquiring.close()
        return False

    def let_go(self, eui: str, *, is_known: bool) -> None:
        """What ``hold`` held; read it again before it is next worked on unless what was committed ``is_known``."""
        if not is_known:
            self.doubt(eui)
        self._locks[eui].release()

    def doubt(self, eui: str) -> None:
        """What is in memory may not be what is durable."""
        self._doubtful.add(eui)

    async def settle(self, eui: str) -> None:
        """Read a doubtful Device again; call it with the Device's lock held."""
        if eui not in self._doubtful:
            return
        device, durable = self._devices.get(eui), await self.store.load_one(eui)
        self._doubtful.discard(eui)
        if device is None or durable is None:
            return
        gone: dict[str, Value] = dict.fromkeys(set(device.stored) - set(durable.stored))
        device.facts, device.stored, device.behaviour = durable.facts, durable.stored, durable.behaviour
        self._schedule(device, {**gone, **durable.stored})

    def new_key(self, device: SimulatedDevice) -> Callable[[], ec.EllipticCurvePrivateKey]:
        """What draws the private keys of a Device: other ones at other times, also after a start with the same seed."""
        return lambda: self.entropy.stream(f"{device.facts.eui} {self.clock.now()}").private_key()

    def writes(self, device: SimulatedDevice, draft: Draft) -> list[Write]:
        """The rows of a draft."""
        return self.store.changes(device.facts.eui, draft.changes)

    def keep(self, device: SimulatedDevice, draft: Draft) -> None:
        """A draft is durable: make it the Device's own."""
        device.keep(draft.changes)
        self._schedule(device, draft.changes)
        for callback in self._callbacks:
            callback(device, draft.changes)

    def on_change(self, callback: Callable[[SimulatedDevice, Mapping[str, Value]], None]) -> None:
        """Call ``callback`` with a Device and what changed, each time a draft became durable."""
        self._callbacks.append(callback)

    async def commit(
        self, device: SimulatedDevice, draft: Draft, writes: Sequence[Write], claims: Sequence[Claim] = ()
    ) -> None:
        """Make a draft durable with further rows, then the Device's own. Call it with the Device's lock held."""
        await self.database.group.commit(Unit(claims=claims, writes=[*self.writes(device, draft), *writes]))
        self.keep(device, draft)

    def _schedule(self, device: SimulatedDevice, values: Mapping[str, Value]) -> None:
        """Make, move or cancel the appointments of pending instructions among these values."""
        for name, value in values.items():
            if not name.startswith(PREFIX):
                continue
            key = f"{device.facts.eui} {name}"
            due = value.get("due") if isinstance(value, dict) else None
            if isinstance(due, int):
                self.agenda.put(INSTRUCTION, key, times.from_seconds(due))
            else:
                self.agenda.drop(INSTRUCTION, key)

    def alerts(self, device: SimulatedDevice, payloads: Sequence[bytes], at: datetime) -> list[Write]:
        """The outbox rows of Alerts; a Device that cannot be reached cannot make itself heard either: none."""
        if not payloads:
            return []
        hub = self.hub_of(device)
        if not device.behaviour.reachable or (hub is not None and not hub.behaviour.reachable):
            return []
        return [self._alert(device, payload, at) for payload in payloads]

    def _alert(self, device: SimulatedDevice, payload: bytes, at: datetime) -> Write:
        return self.outbox.write(
            DeviceMessage(
                id=self.entropy.uuid(),
                at=at,
                device=hyphened(device.facts.eui),
                kind="alert",
                payload=payload.hex(),
            )
        )


class _Working:
    """The time a Device is held: its lock, and doubt when the work fails."""

    __slots__ = ("_eui", "_fleet", "_lock")

    def __init__(self, fleet: Fleet, eui: str, lock: asyncio.Lock) -> None:
        self._fleet = fleet
        self._eui = eui
        self._lock = lock

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            await self._fleet.settle(self._eui)
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None:
            self._fleet.doubt(self._eui)
        self._lock.release()
