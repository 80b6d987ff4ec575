"""A Device that its hub's device log admits joins the HAN: the hub then holds a link key and says so (CS14)."""

from __future__ import annotations

from dccemu_protocol.gbcs.respond import Value
from dccemu_protocol.gbcs.respond.hub import LOG, link_key_hash

from ..domain import on_demand
from ..domain.device import SimulatedDevice, seal
from ..domain.findings import Finding
from .fleet import Fleet

JOIN = "join"
_LOG_CHANGED = 0x8F12


class Joining:
    """Lets Devices join their hubs."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def load(self) -> None:
        """Take up the joins that were open when the service stopped."""
        for hub in self._fleet:
            self.look(hub)

    def look(self, hub: SimulatedDevice) -> None:
        """Let those join that the log admits and that are there; call it after the log changed."""
        if hub.facts.type == "CHF" and self._candidates(hub):
            self._fleet.agenda.put(JOIN, hub.facts.eui, self._fleet.clock.now())

    async def join(self, eui: str) -> None:
        """Establish the link keys of a hub's new Devices."""
        hub = self._fleet.find(eui)
        if hub is None:
            return
        async with self._fleet.working(eui):
            found = self._candidates(hub)
            if not found:
                return
            draft, at = hub.draft(), self._fleet.clock.now()
            keys: dict[str, Value] = {one: link_key_hash(hub.facts.octets, bytes.fromhex(one)).hex() for one in found}
            draft.put(LOG, {**draft.record(LOG), **keys})
            order = on_demand.order(hub.facts, draft, on_demand.Asked(_LOG_CHANGED), at)
            findings: list[Finding] = []
            alerts = seal(hub.facts, draft, [order], at, findings)
            await self._fleet.commit(hub, draft, self._fleet.alerts(hub, alerts, at))

    def _candidates(self, hub: SimulatedDevice) -> list[str]:
        log = hub.stored.get(LOG)
        if not isinstance(log, dict) or not hub.behaviour.powered:
            return []
        waiting = [eui for eui, key in log.items() if not key]
        return [eui for eui in waiting if (one := self._fleet.find(eui)) is not None and one.behaviour.powered]
