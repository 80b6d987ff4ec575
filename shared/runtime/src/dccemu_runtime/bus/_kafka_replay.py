"""Replays: everything from the oldest message kept, one consumer for all replays of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from typing_extensions import override

from . import REPLAY_BATCHES, BusUnavailable, Handler
from ._kafka_reading import BATCH, Connection, Positions, Reader

# A replay follows facts that change seldom: it may look less often than a consumer on the request path.
_WAIT_MS = 100


class Replay(Reader):
    """One consumer for all that a process follows: each look costs both ends far more than a topic more in it.

    A topic that somebody begins to follow is read from its beginning, also for those who follow it already; the
    others are read on from where they were, while the logs are the same. A follower that fails holds up the others:
    what makes one fail, its service's database being away, makes all of its process fail.
    """

    _batch = BATCH * REPLAY_BATCHES

    def __init__(self, connection: Connection, sizes: Mapping[str, int]) -> None:
        super().__init__(connection, sizes)
        self._handled: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._moved = asyncio.Event()

    @property
    @override
    def _wait_ms(self) -> int:
        return max(super()._wait_ms, _WAIT_MS)

    @override
    def add(self, topics: Sequence[str], handler: Handler) -> None:
        super().add(topics, handler)
        self._handled = {place: offset for place, offset in self._handled.items() if place.topic not in topics}
        self.caught_up.clear()

    @override
    def renew(self, incarnation: str) -> None:
        if incarnation != self._incarnation:
            self._handled = {}
        super().renew(incarnation)

    @override
    async def up_to_date(self, topics: Collection[str]) -> None:
        await self.caught_up.wait()
        consumer = self._reading
        if consumer is None:
            raise BusUnavailable("the broker is away")
        places = [TopicPartition(name, number) for name in topics for number in range(self._partitions(name))]
        try:
            async with asyncio.timeout(5):
                ends = await consumer.end_offsets(places)
        except (KafkaError, OSError, TimeoutError, IllegalStateError) as error:
            raise BusUnavailable(f"the broker does not say what there is: {error!r}") from error
        while any(self._handled.get(place, 0) < end for place, end in ends.items()):
            self._moved.clear()
            await self._moved.wait()

    @override
    def narrow(self) -> None:
        """What nobody follows any more is read past."""

    @override
    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._connection.address,
            client_id=self._connection.client,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self._wait_ms,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            request_timeout_ms=10_000,
            retry_backoff_ms=50,
            metadata_max_age_ms=10_000,
        )

    @override
    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        places = [TopicPartition(name, number) for name in self.topics for number in range(self._partitions(name))]
        consumer.assign(places)
        for place in places:
            if place in self._handled:
                consumer.seek(place, self._handled[place])
            else:
                await consumer.seek_to_beginning(place)
        async with asyncio.timeout(10):
            self._ends = dict(await consumer.end_offsets(places))
        if not self._renewal.is_set():
            self._note_progress()

    @override
    async def _note(self, consumer: AIOKafkaConsumer, handled: Positions) -> None:
        # One that came while the batch was in hand has not had it: then it is read again.
        if not self._renewal.is_set():
            self._handled.update(handled)
            self._note_progress()
            self._moved.set()

    def _note_progress(self) -> None:
        if not self.caught_up.is_set() and all(self._handled.get(place, 0) >= end for place, end in self._ends.items()):
            self.caught_up.set()
