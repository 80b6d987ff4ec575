"""What a step of a distribution writes: Devices' values and Alerts, the report of the CSP, the journal's entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dccemu_contracts.firmware import FirmwareReport
from dccemu_protocol.gbcs.respond import AlertOrder, Draft
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.journal import Entry, Journal

from ..adapters.distributions import Distribution, DistributionStore
from ..domain.device import SimulatedDevice, seal
from ..domain.findings import Finding
from .fleet import Fleet

Reached = Literal["delivered", "activated"]


@dataclass(slots=True)
class Step:
    """Drafts of Devices, and rows."""

    drafts: list[tuple[SimulatedDevice, Draft]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)


class Progress:
    """Makes and commits steps."""

    def __init__(self, fleet: Fleet, store: DistributionStore, journal: Journal) -> None:
        self._fleet = fleet
        self._store = store
        self._journal = journal

    def speak(self, step: Step, device: SimulatedDevice, draft: Draft, order: AlertOrder, now: datetime) -> None:
        """Add a Device's draft and the Alert it sends."""
        findings: list[Finding] = []
        sealed = seal(device.facts, draft, [order], now, findings)
        step.drafts.append((device, draft))
        step.writes += self._fleet.alerts(device, sealed, now)

    def ended(
        self, one: Distribution, hub: str, reached: Reached, success: bool, reason: str, version: str = ""
    ) -> Step:
        """The distribution has ended with a report."""
        report = self.report(one, hub, reached, success, reason, version)
        outcome = reached if success else f"not {reached}"
        return Step(writes=[report, self._store.close(one), self.entry(one, outcome, reason)])

    def report(
        self, one: Distribution, hub: str, reached: Reached, success: bool, reason: str, version: str = ""
    ) -> Write:
        """The outbox row of a report."""
        return self._fleet.outbox.write(
            FirmwareReport(
                id=f"{one.id} {reached}",
                at=self._fleet.clock.now(),
                device=one.device,
                hub=hub,
                stage=reached,
                success=success,
                version=version or one.version,
                request_id=one.request_id,
                user=one.user,
                reason=reason,
            )
        )

    def entry(self, one: Distribution, outcome: str, reason: str) -> Write:
        """The journal's row."""
        return self._journal.write(
            Entry(
                id=self._fleet.entropy.uuid(),
                at=self._fleet.clock.now(),
                stage="firmware",
                outcome=outcome,
                request_id=one.request_id,
                user=one.user,
                device=one.device,
                detail={"image": one.image, "version": one.version, "reason": reason},
            )
        )

    async def commit(self, step: Step) -> None:
        """Make a step durable, then the Devices' own. Call it with the Devices' locks held."""
        rows = [row for device, draft in step.drafts for row in self._fleet.writes(device, draft)]
        await self._fleet.database.group.commit(Unit(writes=[*rows, *step.writes]))
        for device, draft in step.drafts:
            self._fleet.keep(device, draft)
