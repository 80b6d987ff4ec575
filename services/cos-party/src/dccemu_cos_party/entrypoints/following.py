"""Parts of the service with a life: when consuming begins, and what registration changes do to held requests."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from dccemu_contracts.inventory import RegistrationFact
from dccemu_runtime.consumers import Consumer
from dccemu_runtime.database import Database

from ..adapters.facts import Facts
from ..adapters.signing_key import SigningKey
from ..usecases.decide import Decisions

log = structlog.get_logger(__name__)
_LOOKS_FOR_FACTS = 8
_HELD = "SELECT request_id FROM requests WHERE state = 'held' AND mpxn = ANY($1::text[])"


class ConsumeWhenReady:
    """Requests wait in the bus until the CoS Party has a certificate and has heard of Parties and registrations."""

    def __init__(self, consumer: Consumer, facts: Facts, key: SigningKey) -> None:
        self._consumer = consumer
        self._facts = facts
        self._key = key
        self._task: asyncio.Task[None] | None = None
        self._consuming = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cos-party waits for facts")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._consuming:
            await self._consumer.stop()

    def unmet(self) -> str | None:
        """What is missing."""
        return None if self._consuming else "requests are not taken yet"

    async def _run(self) -> None:
        while self._key.unmet():
            await self._facts.changed(1.0)
        # Parties come with every scenario; an inventory that holds nothing publishes nothing to wait for.
        for _ in range(_LOOKS_FOR_FACTS):
            if len(self._facts.party_facts) and len(self._facts.registrations):
                break
            await self._facts.changed(0.25)
        await self._consumer.start()
        self._consuming = True


class FollowRegistrations:
    """A change of registration before the date of a held request may end it (cos-party.md section 3, C)."""

    def __init__(self, database: Database, facts: Facts, decisions: Decisions) -> None:
        self._database = database
        self._decisions = decisions
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        facts.registrations.on_change(self._note)

    def _note(self, old: RegistrationFact | None, new: RegistrationFact) -> None:
        if old is not None:
            self._changed.add(new.mpxn)
            self._wake.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cos-party follows registrations")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            try:
                for row in await self._database.pool.fetch(_HELD, sorted(changed)):
                    async with self._database.transaction() as connection:
                        await self._decisions.registration_changed(connection, row[0])
            except Exception:
                log.exception("held requests could not be looked at again")
                self._changed |= changed
                self._wake.set()
                await asyncio.sleep(1)
