"""A Command arrives from the gateway: the hub delivers it, the Device answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import structlog

from dccemu_contracts.wan import DeviceCommand, DeviceMessage
from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.faults import Fault, Faults
from dccemu_runtime.groupcommit import AlreadyClaimed, Unit, Write
from dccemu_runtime.inbox import claim_message
from dccemu_runtime.journal import Entry, Journal

from ..domain.delivery import Delivery, Fate, deliver
from ..domain.device import Reaction, SimulatedDevice, react
from ..domain.seeding import hyphened, plain
from .fleet import Fleet

if TYPE_CHECKING:
    from dccemu_runtime.journal import Check

log = structlog.get_logger(__name__)

DELIVERY = "delivery"
_DELIVERED = "sm-wan delivery"


@dataclass(slots=True)
class _Queue:
    """Commands on their way to one Device: when the last of them is due, and how many there are."""

    last: datetime
    length: int = 0


class Receive:
    """Takes Commands to Devices and brings back what they say.

    ``wan`` faults hit the Command on its way (drop, silent, delay, refuse, corrupt), ``device`` faults the
    Response (drop, corrupt, duplicate).
    """

    def __init__(self, fleet: Fleet, journal: Journal, faults: Faults, *, whitelist_enforced: bool = False) -> None:
        self._fleet = fleet
        self._journal = journal
        self._faults = faults
        self._whitelist_enforced = whitelist_enforced
        self._on_their_way: dict[str, _Queue] = {}

    async def load(self) -> None:
        """Find the Commands that were on their way when the service stopped."""
        for command, due_at in await self._fleet.store.deliveries():
            self._joined(command, due_at)

    async def take(self, unit: OpenUnit, command: DeviceCommand) -> None:
        """Deliver a Command now, later or not at all: everything it causes is in ``unit``."""
        now = self._fleet.clock.now()
        device = self._fleet.find(plain(command.device))
        if device is None:
            self._undelivered(unit, command, now, "no such Device on the SM WAN")
            return
        fault = self._faults.at("wan", now, device=command.device, hub=hyphened(device.facts.hub))
        delivery = self._delivery(device, fault)
        if delivery.fate is Fate.UNDELIVERED:
            self._undelivered(unit, command, now, delivery.reason)
        elif delivery.fate is Fate.LOST:
            unit.write(self._entry(command, now, "lost", {"reason": delivery.reason}))
        elif delivery.delay or device.facts.eui in self._on_their_way:
            self._later(unit, command, now + delivery.delay)
        else:
            payload = _changed(bytes.fromhex(command.payload), fault)
            reaction = react(device, payload, now, self._fleet.new_key(device))
            unit.write(*self._fleet.writes(device, reaction.draft), *self._outcome(device, command, reaction, now))
            unit.after_commit(lambda: self._fleet.keep(device, reaction.draft))

    async def arrive(self, command_id: str) -> None:
        """A Command that was on its way has reached its Device."""
        command = await self._fleet.store.delivery(command_id)
        if command is None:
            return
        device = self._fleet.find(plain(command.device))
        if device is None:
            await self._fleet.database.group.commit(Unit(writes=[self._fleet.store.forget_delivery(command_id)]))
            return
        async with self._fleet.working(device.facts.eui):
            now = self._fleet.clock.now()
            reaction = react(device, bytes.fromhex(command.payload), now, self._fleet.new_key(device))
            writes = [*self._outcome(device, command, reaction, now), self._fleet.store.forget_delivery(command_id)]
            try:
                await self._fleet.commit(device, reaction.draft, writes, [claim_message(command_id, _DELIVERED)])
            except AlreadyClaimed:
                self._fleet.doubt(device.facts.eui)
                log.info("a Command was delivered before", device=command.device, id=command_id)
        self._left(device.facts.eui)

    async def take_locally(self, device: SimulatedDevice, payload: bytes) -> Reaction:
        """A Command that a technician brings with a hand held terminal: the Response goes back the same way."""
        async with self._fleet.working(device.facts.eui):
            now = self._fleet.clock.now()
            reaction = react(device, payload, now, self._fleet.new_key(device))
            command = DeviceCommand(
                id=f"local {self._fleet.entropy.uuid()}",
                at=now,
                device=hyphened(device.facts.eui),
                payload=payload.hex(),
            )
            writes = self._fleet.alerts(device, reaction.alerts, now)
            entry = self._entry(command, now, reaction.outcome.value, {"local": True}, reaction)
            await self._fleet.commit(device, reaction.draft, [*writes, entry])
        return reaction

    # -- the way ---------------------------------------------------------------------------------------------------

    def _delivery(self, device: SimulatedDevice, fault: Fault | None) -> Delivery:
        hub = self._fleet.hub_of(device)
        listed = True
        if self._whitelist_enforced and hub is not None and device.facts.type != "GPF":
            log_of_hub = hub.stored.get("hub/log")
            listed = isinstance(log_of_hub, dict) and device.facts.eui in log_of_hub
        if fault is not None and fault.effect in ("refuse", "error"):
            return Delivery(Fate.UNDELIVERED, reason=str(fault.parameters.get("reason", f"fault {fault.id}")))
        if fault is not None and fault.effect in ("drop", "silent"):
            return Delivery(Fate.LOST, reason=f"fault {fault.id}")
        behaviour, hub_behaviour = device.behaviour, None if hub is None else hub.behaviour
        is_random = (
            behaviour.loss or behaviour.jitter_ms or (hub_behaviour and (hub_behaviour.loss or hub_behaviour.jitter_ms))
        )
        draw, jitter = (self._fraction(device), self._fraction(device)) if is_random else (1.0, 0.0)
        found = deliver(behaviour, hub_behaviour, listed=listed, draw=draw, jitter=jitter)
        if fault is not None and fault.effect == "delay" and found.fate is Fate.DELIVERED:
            seconds = float(fault.parameters.get("seconds", 1.0))
            return Delivery(Fate.DELIVERED, found.delay + timedelta(seconds=seconds))
        return found

    def _fraction(self, device: SimulatedDevice) -> float:
        return self._fleet.entropy.stream(f"wan {device.facts.eui}").number(1_000_000) / 1_000_000

    def _later(self, unit: OpenUnit, command: DeviceCommand, due_at: datetime) -> None:
        """Put a Command on its way; those for one Device arrive in the order they were sent."""
        eui = plain(command.device)
        queue = self._on_their_way.get(eui)
        due = due_at if queue is None else max(due_at, queue.last + timedelta(microseconds=1))
        unit.claim(self._fleet.store.keep_delivery(command, due))
        unit.after_commit(lambda: self._joined(command, due))

    def _joined(self, command: DeviceCommand, due_at: datetime) -> None:
        queue = self._on_their_way.setdefault(plain(command.device), _Queue(due_at))
        queue.length += 1
        queue.last = max(queue.last, due_at)
        self._fleet.agenda.put(DELIVERY, command.id, due_at)

    def _left(self, eui: str) -> None:
        queue = self._on_their_way[eui]
        queue.length -= 1
        if queue.length == 0:
            del self._on_their_way[eui]

    # -- what comes back -------------------------------------------------------------------------------------------

    def _outcome(
        self, device: SimulatedDevice, command: DeviceCommand, reaction: Reaction, now: datetime
    ) -> list[Write]:
        writes = self._fleet.alerts(device, reaction.alerts, now)
        if reaction.response is not None:
            writes = [*self._responses(command, reaction.response, now), *writes]
        header, alerts = reaction.message, len(reaction.alerts)
        detail: dict[str, object] = {"message_code": None, "alerts": alerts}
        if header is not None:
            code, originator = f"{header.message_code:04x}", str(header.originator)
            detail = {"message_code": code, "alerts": alerts, "originator": originator, "counter": header.counter}
        return [*writes, self._entry(command, now, reaction.outcome.value, detail, reaction)]

    def _responses(self, command: DeviceCommand, response: bytes, now: datetime) -> list[Write]:
        fault = self._faults.at("device", now, device=command.device)
        if fault is not None and fault.effect in ("drop", "silent"):
            return []
        octets = _changed(response, fault)
        ids = [f"{command.id} response"]
        if fault is not None and fault.effect == "duplicate":
            ids.append(f"{command.id} response again")
        return [
            self._fleet.outbox.write(
                DeviceMessage(
                    id=identity,
                    at=now,
                    device=command.device,
                    kind="response",
                    payload=octets.hex(),
                    in_reply_to=command.id,
                )
            )
            for identity in ids
        ]

    def _undelivered(self, unit: OpenUnit, command: DeviceCommand, now: datetime, reason: str) -> None:
        message = DeviceMessage(
            id=f"{command.id} undelivered",
            at=now,
            device=command.device,
            kind="undelivered",
            in_reply_to=command.id,
            reason=reason,
        )
        unit.write(self._fleet.outbox.write(message), self._entry(command, now, "undelivered", {"reason": reason}))

    def _entry(
        self,
        command: DeviceCommand,
        now: datetime,
        outcome: str,
        detail: Mapping[str, object],
        reaction: Reaction | None = None,
    ) -> Write:
        """What the journal says: the checks of the Device and, as the message, what it answered."""
        return self._journal.write(
            Entry(
                id=self._fleet.entropy.uuid(),
                at=now,
                stage="device",
                outcome=outcome,
                request_id=command.request_id,
                device=command.device,
                checks=() if reaction is None else cast("list[Check]", reaction.findings),  # tuples of one form
                detail={"command": command.id, **detail},
                message=None if reaction is None else reaction.response,
            )
        )


def _changed(octets: bytes, fault: Fault | None) -> bytes:
    """A ``corrupt`` fault turns a bit of the last octet: of the MAC or the signature."""
    if fault is None or fault.effect != "corrupt" or not octets:
        return octets
    return octets[:-1] + bytes((octets[-1] ^ 1,))
