"""Devices that the inventory learns of come to life: a Device that is pre-notified exists, with keys of its own.

The inventory also says which hub serves a Device; the SM WAN follows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.scenario import TYPE_2, DccIdentifiers, Product, Scenario, ScenarioDevice
from dccemu_contracts.trust_anchors import PARTY_NAMES
from dccemu_runtime.groupcommit import Unit
from dccemu_runtime.projections import Projection

from ..domain.seeding import plain
from .enrolment import Enrolment
from .fleet import Fleet
from .stocking import stock

log = structlog.get_logger(__name__)
_ROLE_NAMES = {role: name for name, role in PARTY_NAMES.items()}
_AT_ONCE = 100
_SUPPLIED = frozenset(("ESME", "GSME", "HCALCS", "SAPC"))


class Notified:
    """A component that makes the Devices of new inventory records."""

    def __init__(
        self,
        fleet: Fleet,
        enrolment: Enrolment,
        facts: Projection[DeviceFact],
        dcc: DccIdentifiers,
        *,
        dated: bool,
    ) -> None:
        self._fleet = fleet
        self._enrolment = enrolment
        self._dcc = dcc
        self._dated = dated
        self._news: list[DeviceFact] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        facts.on_change(self._learn)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sm-wan notified Devices")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _learn(self, _: DeviceFact | None, fact: DeviceFact) -> None:
        if not fact.removed and fact.type not in TYPE_2:
            self._news.append(fact)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            news, self._news = self._news, []
            for start in range(0, len(news), _AT_ONCE):
                await self._take_or_divide(news[start : start + _AT_ONCE])

    async def _take_or_divide(self, facts: Sequence[DeviceFact]) -> None:
        """Take Devices together; when that fails, half of them, so that one that cannot be made stops no other."""
        try:
            await self._take(facts)
        except Exception:
            if len(facts) == 1:
                log.exception("a notified Device was not made", device=facts[0].device)
                return
            middle = len(facts) // 2
            await self._take_or_divide(facts[:middle])
            await self._take_or_divide(facts[middle:])

    async def _take(self, facts: Sequence[DeviceFact]) -> None:
        missing = {fact.device: fact for fact in facts if self._fleet.find(plain(fact.device)) is None}
        if missing:
            made = await stock(self._fleet, self._scenario_of(list(missing.values())), dated=self._dated)
            for one in made:
                self._enrolment.add(one)
            await self._enrolment.request(made)
        newest = {fact.device: fact for fact in facts}
        await asyncio.gather(*(self._follow_hub(fact) for fact in newest.values()))

    async def _follow_hub(self, fact: DeviceFact) -> None:
        device, hub = self._fleet.find(plain(fact.device)), plain(fact.hub or "")
        if device is not None and fact.type != "CHF" and device.facts.hub != hub:
            async with self._fleet.working(device.facts.eui):
                device.facts = replace(device.facts, hub=hub)
                await self._fleet.database.group.commit(Unit(writes=[self._fleet.store.put(device)]))

    def _scenario_of(self, facts: Sequence[DeviceFact]) -> Scenario:
        """Devices as a scenario would have them."""
        known = [self._entry_of(fact) for fact in facts]
        products, devices = [product for product, _ in known], [entry for _, entry in known]
        return Scenario.model_construct(name="notified", dcc=self._dcc, products=products, devices=devices)

    def _entry_of(self, fact: DeviceFact) -> tuple[Product, ScenarioDevice]:
        """One Device with a product of its own; its Supplier cells hold those of who notified it."""
        held = {_ROLE_NAMES[cell.role]: cell.eui for cell in fact.cells if cell.role in _ROLE_NAMES and cell.eui}
        if fact.notified_by is not None and fact.type in _SUPPLIED:
            held.setdefault("supplier", fact.notified_by)
            if fact.type == "ESME":
                held.setdefault("network_operator", fact.notified_by)
        product = Product.model_construct(
            id=fact.device,
            type=fact.type,
            manufacturer=fact.manufacturer,
            model=fact.model,
            firmware_version=fact.firmware_version,
            gbcs_version=fact.gbcs_version,
        )
        entry = ScenarioDevice(
            device=fact.device,
            type=fact.type,
            product=fact.device,
            status=None,
            recorded=False,
            gpf=fact.gpf,
            meters=list(fact.meters),
            esme_variant=fact.esme_variant,
            commissioned_on=fact.commissioned_on,
            credentials=held,
        )
        return product, entry
