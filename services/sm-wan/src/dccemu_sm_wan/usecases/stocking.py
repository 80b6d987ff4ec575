"""Devices of the scenario that are not on the SM WAN yet are made: facts, keys, cells, first log entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dccemu_contracts.scenario import TYPE_2, Scenario, ScenarioDevice
from dccemu_protocol.gbcs.respond import Value
from dccemu_runtime.groupcommit import AlreadyClaimed, Unit

from ..domain.device import SimulatedDevice
from ..domain.seeding import behaviour_of, facts_of, first_state, plain
from .fleet import Fleet


async def stock(fleet: Fleet, scenario: Scenario, *, dated: bool = True) -> list[SimulatedDevice]:
    """Make the missing Devices; those that are there keep what they have.

    ``dated`` false: they do not check the validity of certificates, because the published ones have run out.
    """
    made = []
    for entry in scenario.devices:
        if not entry.simulated or entry.type in TYPE_2 or fleet.find(plain(entry.device)) is not None:
            continue
        device = await _make(fleet, scenario, entry, dated=dated)
        if device is not None:
            made.append(device)
    return made


async def _make(fleet: Fleet, scenario: Scenario, entry: ScenarioDevice, *, dated: bool) -> SimulatedDevice | None:
    facts = facts_of(scenario, entry, fleet.clock.now(), dated=dated)
    kept = await fleet.store.keys_of(facts.eui)
    values = first_state(facts, scenario.cells(entry), neighbours(scenario, entry), fleet.entropy.private_key)
    new: dict[str, Value] = {**values, **kept}
    device = SimulatedDevice(facts, {}, behaviour_of(entry))
    claims, writes = [fleet.store.new(device)], fleet.store.changes(facts.eui, new)
    try:
        await fleet.database.group.commit(Unit(claims=claims, writes=writes))
    except AlreadyClaimed:
        return None
    device.keep(new)
    fleet.add(device)
    return device


def neighbours(scenario: Scenario, entry: ScenarioDevice) -> Sequence[ScenarioDevice]:
    """The Devices on the same hub, the hub left out."""
    hub = entry.device if entry.type == "CHF" else entry.hub
    return list(_on(scenario.devices, hub))


def _on(devices: Iterable[ScenarioDevice], hub: str | None) -> Iterable[ScenarioDevice]:
    return (device for device in devices if hub is not None and device.hub == hub)
