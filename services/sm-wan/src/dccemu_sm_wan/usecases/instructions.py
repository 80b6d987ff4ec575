"""Future-dated instructions whose time has come: the Device carries them out and sends its Alerts."""

from __future__ import annotations

from dccemu_protocol.gbcs import respond

from ..domain.device import seal
from ..domain.findings import Finding
from .fleet import Fleet


class Instructions:
    """Fires pending instructions."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def fire(self, key: str) -> None:
        """Carry out the instruction that an appointment's key (``<EUI-64> <name>``) names, if it is still due.

        It happens once: the instruction leaves the Device's state in the commit that has its effects and Alerts.
        """
        eui, name = key.split(" ", 1)
        device = self._fleet.find(eui)
        if device is None:
            return
        async with self._fleet.working(eui):
            now = self._fleet.clock.now()
            draft = device.draft()
            orders = respond.fire(device.facts, draft, name)
            if not draft.changes:
                return
            findings: list[Finding] = []
            alerts = seal(device.facts, draft, orders, now, findings)
            await self._fleet.commit(device, draft, self._fleet.alerts(device, alerts, now))
