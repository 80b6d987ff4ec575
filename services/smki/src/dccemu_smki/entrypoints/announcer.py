"""Announces the certificates of batches: facts by the ten thousand, durable before they are said.

A batch's certificates are rows of the repository when their chunk has committed, and the snapshot owner publishes every
row of the repository at each start. So an announcement needs no outbox row of its own: what a crash keeps from being
said, the next start says. Everything that is changed by hand goes through the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from dccemu_contracts.smki import CertificateFact
from dccemu_runtime.bus import Bus, BusUnavailable, Message

from ..adapters.device_facts import DeviceFacts
from ..usecases.context import Announcement, Smki

log = structlog.get_logger(__name__)
_TOPIC = CertificateFact.topic.name
_HEADERS = {"type": CertificateFact.__name__}
_WAITING_CHUNKS = 4
_PORTION = 500


class Announcer:
    """Publishes in the background; callers wait when too much is waiting."""

    def __init__(self, bus: Bus, smki: Smki) -> None:
        self._bus = bus
        self._smki = smki
        self._waiting: asyncio.Queue[Announcement] = asyncio.Queue(_WAITING_CHUNKS)
        self._task: asyncio.Task[None] | None = None
        smki.announce = self._waiting.put

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="smki announcements")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            lot, made = await self._waiting.get()
            facts = DeviceFacts(lot, self._smki.now())
            for place in range(0, len(made), _PORTION):
                said = map(facts.fact, made[place : place + _PORTION])
                await self._publish(
                    [Message(_TOPIC, key, octets, identity, _HEADERS) for identity, key, octets in said]
                )

    async def _publish(self, messages: Sequence[Message]) -> None:
        while True:
            try:
                await self._bus.publish(messages)
                return
            except BusUnavailable as error:
                log.info("announcements wait", error=str(error))
                await asyncio.sleep(0.5)
