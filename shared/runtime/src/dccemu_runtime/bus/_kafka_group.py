"""The member of a group that a process is: it shares the partitions, and positions are remembered for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from typing_extensions import override

from ._kafka_reading import Connection, Positions, Reader

log = structlog.get_logger(__name__)

_COMMIT_SECONDS = 5.0
# Positions are committed so often, in seconds: what is read again after a crash meets the inbox.
_COMMIT_EVERY = 0.2


class GroupReader(Reader):
    """One consumer for all subscriptions of a group."""

    def __init__(self, connection: Connection, sizes: Mapping[str, int], group: str) -> None:
        super().__init__(connection, sizes)
        self._group = group
        self._uncommitted: dict[TopicPartition, int] = {}
        self._next_commit = 0.0
        self._committing: asyncio.Timeout | None = None

    @override
    def renew(self, incarnation: str) -> None:
        if self._committing is not None:
            # The broker that was asked may be gone: what it would have remembered is asked of nobody any more.
            self._committing.reschedule(asyncio.get_running_loop().time())
        super().renew(incarnation)

    @override
    def _consumer(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._connection.address,
            client_id=self._connection.client,
            group_id=self._connection.group_id(self._group, self._incarnation),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=1000,
            rebalance_timeout_ms=6000,
            fetch_max_wait_ms=self._wait_ms,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            request_timeout_ms=10_000,
            retry_backoff_ms=50,
            metadata_max_age_ms=10_000,
        )
        if self._connection.share == "group":
            consumer.subscribe(self.topics)
        return consumer

    @override
    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        self._uncommitted = {}
        if self._connection.share != "group":
            own = self._connection.own
            consumer.assign(
                [TopicPartition(name, number) for name in self.topics for number in own(self._partitions(name))]
            )
        self.caught_up.set()

    @override
    async def _note(self, consumer: AIOKafkaConsumer, handled: Positions) -> None:
        if self._renewal.is_set():
            return  # a handler that left or came had not the whole of it: it is read again
        self._uncommitted.update(handled)
        now = asyncio.get_running_loop().time()
        if not self._uncommitted or now < self._next_commit:
            return
        self._next_commit = now + _COMMIT_EVERY
        try:
            async with asyncio.timeout(_COMMIT_SECONDS) as self._committing:
                await self._finish(consumer)
        except TimeoutError:
            if not self._renewal.is_set():
                raise
        finally:
            self._committing = None

    @override
    async def _finish(self, consumer: AIOKafkaConsumer) -> None:
        positions, self._uncommitted = self._uncommitted, {}
        assigned = consumer.assignment()
        kept = {place: offset for place, offset in positions.items() if place in assigned}
        try:
            if kept:
                await consumer.commit(kept)
        except (CommitFailedError, IllegalStateError) as error:
            # The group was rebalanced meanwhile: another member sees these messages again, and its inbox knows them.
            log.info("positions not committed", group=self._group, error=repr(error))
