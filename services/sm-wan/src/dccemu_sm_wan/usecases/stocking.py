"""Devices of the scenario that are not on the SM WAN yet are made: facts, keys, cells, first log entries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from dccemu_contracts.scenario import TYPE_2, Scenario, ScenarioDevice
from dccemu_protocol.gbcs.respond import Value
from dccemu_runtime.groupcommit import AlreadyClaimed, Unit

from ..domain.device import SimulatedDevice
from ..domain.seeding import behaviour_of, facts_of, first_state, plain, state_of
from .fleet import Fleet


async def stock(fleet: Fleet, scenario: Scenario, *, dated: bool = True) -> list[SimulatedDevice]:
    """Make the missing Devices; those that are there keep what they have.

    ``dated`` false: they do not check the validity of certificates, because the published ones have run out.
    """
    entries = [
        entry
        for entry in scenario.devices
        if entry.simulated and entry.type not in TYPE_2 and fleet.find(plain(entry.device)) is None
    ]
    kept = await fleet.store.keys_of([plain(entry.device) for entry in entries])
    devices = [_new(fleet, scenario, entry, kept, dated=dated) for entry in entries]
    made = await asyncio.gather(*(_take_in(fleet, *one) for one in devices))
    return [device for device in made if device is not None]


_New: TypeAlias = tuple[SimulatedDevice, dict[str, Value]]


def _new(
    fleet: Fleet, scenario: Scenario, entry: ScenarioDevice, kept: Mapping[str, Mapping[str, Value]], *, dated: bool
) -> _New:
    facts = facts_of(scenario, entry, fleet.clock.now(), dated=dated)
    near, new_key = neighbours(scenario, entry), fleet.entropy.stream(entry.device).private_key
    values = first_state(facts, scenario.cells(entry), near, new_key, state_of(entry))
    return SimulatedDevice(facts, {}, behaviour_of(entry)), {**values, **kept.get(facts.eui, {})}


async def _take_in(fleet: Fleet, device: SimulatedDevice, values: dict[str, Value]) -> SimulatedDevice | None:
    claims, writes = [fleet.store.new(device)], fleet.store.changes(device.facts.eui, values)
    try:
        await fleet.database.group.commit(Unit(claims=claims, writes=writes))
    except AlreadyClaimed:
        return None
    device.keep(values)
    fleet.add(device)
    return device


def neighbours(scenario: Scenario, entry: ScenarioDevice) -> Sequence[ScenarioDevice]:
    """The Devices on the same hub, the hub left out."""
    hub = entry.device if entry.type == "CHF" else entry.hub
    return list(_on(scenario.devices, hub))


def _on(devices: Iterable[ScenarioDevice], hub: str | None) -> Iterable[ScenarioDevice]:
    return (device for device in devices if hub is not None and device.hub == hub)
