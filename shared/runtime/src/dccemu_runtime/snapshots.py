"""Snapshots: the owner of a compacted topic publishes all its facts at start, on request, and to an empty broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable

import structlog
from pydantic import ValidationError

from dccemu_contracts.controls import SnapshotRequest
from dccemu_contracts.envelope import Contract
from dccemu_contracts.topics import SNAPSHOT_REQUESTS, Topic

from .bus import Bus, BusUnavailable, Message, Subscription
from .outbox import message_of

log = structlog.get_logger(__name__)

Facts = Callable[[], AsyncIterable[Contract]]


class Owner:
    """Answers for one or more compacted topics.

    Snapshots go to the bus directly, not through the outbox: they say again what is durable already, and a projection
    ignores a version that is not newer than what it has.
    """

    def __init__(self, bus: Bus, service: str, facts: dict[Topic, Facts], *, batch_size: int = 500) -> None:
        self._bus = bus
        self._service = service
        self._facts = {topic.name: source for topic, source in facts.items()}
        self._batch_size = batch_size
        self._wanted: set[str] = set(self._facts)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        bus.on_incarnation(self._all_again)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"snapshots {self._service}")
        self._subscription = await self._bus.subscribe([SNAPSHOT_REQUESTS.name], self._service, self._asked)

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _all_again(self) -> None:
        self._wanted = set(self._facts)
        self._wake.set()

    async def _asked(self, batch: object) -> None:
        assert isinstance(batch, list | tuple)
        for message in batch:
            try:
                wanted = SnapshotRequest.from_bytes(message.value).wanted
            except ValidationError as error:
                log.warning("snapshot request ignored", error=str(error))
                continue
            if wanted in self._facts:
                self._wanted.add(wanted)
                self._wake.set()

    async def _run(self) -> None:
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted and self._bus.incarnation is not None:
                topic = self._wanted.pop()
                try:
                    await self.publish(topic)
                except BusUnavailable as error:
                    log.warning("snapshot waits", topic=topic, error=str(error))
                    self._wanted.add(topic)
                    await asyncio.sleep(0.5)
                except Exception:
                    log.exception("snapshot failed", topic=topic)
                    self._wanted.add(topic)
                    await asyncio.sleep(1)

    async def publish(self, topic: str) -> int:
        """Publish all facts of ``topic``; returns how many."""
        count = 0
        batch: list[Message] = []
        async for fact in self._facts[topic]():
            batch.append(message_of(fact))
            if len(batch) == self._batch_size:
                await self._send(batch)
                count += len(batch)
                batch = []
        if batch:
            await self._send(batch)
        return count + len(batch)

    async def _send(self, batch: list[Message]) -> None:
        """Publish a batch; a follower that is behind makes the snapshot wait where it is, not begin again."""
        while True:
            try:
                await self._bus.publish(batch)
                return
            except BusUnavailable as error:
                if self._bus.incarnation is None:
                    raise
                log.info("snapshot waits for its followers", service=self._service, error=str(error))
                await asyncio.sleep(0.2)
