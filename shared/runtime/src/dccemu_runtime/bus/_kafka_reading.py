"""Reading for the Kafka adapter: one consumer for each group of a process, one for each replay."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, UnknownTopicOrPartitionError
from typing_extensions import override

from . import REPLAY_BATCHES, Handler, Message
from ._kafka_pace import Pace
from ._kafka_parts import stop_quietly, whole

log = structlog.get_logger(__name__)

_BATCH = 500
_COMMIT_SECONDS = 5.0
# A replay follows facts that change seldom: it may look less often than a consumer on the request path.
_REPLAY_WAIT_MS = 100


@dataclass(frozen=True, slots=True)
class Connection:
    """How this process reaches the broker."""

    address: str
    client: str
    fetch_max_wait_ms: int
    share: str

    def group_id(self, group: str, incarnation: str) -> str:
        """Positions in the logs of one incarnation mean nothing in those of another."""
        return f"dccemu.{group}.{incarnation[:12]}"

    def own(self, partitions: int) -> list[int]:
        """The partitions of this worker when the share is fixed."""
        worker, workers = (int(part) for part in self.share.split("/"))
        return [number for number in range(partitions) if number % workers == worker - 1]


class Reader(ABC):
    """A consumer and the task that feeds handlers from it; ``renew`` makes both anew."""

    _batch = _BATCH

    def __init__(self, connection: Connection, sizes: Mapping[str, int]) -> None:
        self.caught_up = asyncio.Event()
        self._connection = connection
        self._sizes = sizes
        self._handlers: list[tuple[frozenset[str], Handler]] = []
        self._incarnation = ""
        self._renewal = asyncio.Event()
        self._committing: asyncio.Timeout | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    @property
    def _wait_ms(self) -> int:
        """How long a fetch may be held, or the next put off, while there is traffic, in milliseconds."""
        return self._connection.fetch_max_wait_ms

    @property
    def topics(self) -> list[str]:
        return sorted({name for topics, _ in self._handlers for name in topics})

    def add(self, topics: Sequence[str], handler: Handler) -> None:
        self._handlers.append((frozenset(topics), handler))

    def remove(self, handler: Handler) -> bool:
        """Forget a handler; True when none is left."""
        self._handlers = [entry for entry in self._handlers if entry[1] != handler]
        return not self._handlers

    def renew(self, incarnation: str) -> None:
        """Begin anew: another incarnation, or other topics."""
        self._incarnation = incarnation
        self._renewal.set()
        if self._committing is not None:
            # The broker that was asked may be gone: what it would have remembered is asked of nobody any more.
            self._committing.reschedule(asyncio.get_running_loop().time())
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"bus {self._connection.client}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await asyncio.gather(*self._stopping, return_exceptions=True)
            self._task = None

    @abstractmethod
    def _consumer(self) -> AIOKafkaConsumer:
        """A consumer that is not started."""

    @abstractmethod
    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        """Position a started consumer where reading goes on."""

    def _partitions(self, topic: str) -> int:
        """How many partitions a topic has; KafkaError while the broker has not said it."""
        size = self._sizes.get(topic)
        if size is None:
            raise UnknownTopicOrPartitionError(topic)
        return size

    async def _open(self) -> AIOKafkaConsumer:
        """A started and positioned consumer: what fails in between is not left behind open."""
        consumer = self._consumer()
        whole(consumer, consumer._client)
        try:
            await consumer.start()
            await self._place(consumer)
        except BaseException:
            await stop_quietly(consumer)
            raise
        return consumer

    @abstractmethod
    async def _commit(self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
        """Remember what was handled."""

    async def _run(self) -> None:
        while True:
            # Services subscribe one after another at start: let them, then open one consumer for all.
            self._renewal.clear()
            await asyncio.sleep(0.02)
            if self._renewal.is_set():
                continue
            try:
                await self._read()
            except (KafkaError, OSError, TimeoutError, IllegalStateError) as error:
                log.warning("bus reader begins anew", topics=self.topics, error=repr(error))
                await asyncio.sleep(0.2)
            except Exception:
                log.exception("bus reader failed", topics=self.topics)
                await asyncio.sleep(0.5)

    async def _read(self) -> None:
        incarnation = self._incarnation
        async with asyncio.timeout(30):
            consumer = await self._open()
        try:
            targets = await _ends(consumer)
            handled: dict[TopicPartition, int] = {}
            pace = Pace(consumer, self._wait_ms)
            while not self._renewal.is_set():
                self._note_progress(targets, handled)
                records = await consumer.getmany(timeout_ms=100, max_records=self._batch)
                pace.follow(bool(records))
                if not records:
                    continue
                await self._hand_over([record for part in records.values() for record in part])
                positions = {place: part[-1].offset + 1 for place, part in records.items() if part}
                handled.update(positions)
                await self._commit_in_time(consumer, positions)
        finally:
            stopping = asyncio.create_task(stop_quietly(consumer))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
            # Saying goodbye to a broker that is gone takes its time: the next consumer does not wait for it.
            if incarnation == self._incarnation:
                await asyncio.shield(stopping)

    async def _commit_in_time(self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
        try:
            async with asyncio.timeout(_COMMIT_SECONDS) as self._committing:
                await self._commit(consumer, positions)
        except TimeoutError:
            if not self._renewal.is_set():
                raise
        finally:
            self._committing = None

    async def _hand_over(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        """Give each handler its share of the batch; a handler that raises gets it again."""
        pending = []
        for topics, handler in self._handlers:
            batch = [_message(record) for record in records if record.topic in topics]
            if batch:
                pending.append((handler, batch))
        delay = 0.01
        while pending:
            results = await asyncio.gather(*(handler(batch) for handler, batch in pending), return_exceptions=True)
            failed = [(item, result) for item, result in zip(pending, results, strict=True) if result is not None]
            for _item, error in failed:
                assert isinstance(error, BaseException)
                log.warning("bus handler failed, batch is handed over again", exc_info=error)
            pending = [item for item, _ in failed]
            if pending:
                await asyncio.sleep(delay)
                delay = min(delay * 2, 0.5)

    def _note_progress(self, targets: Mapping[TopicPartition, int], handled: Mapping[TopicPartition, int]) -> None:
        if not self.caught_up.is_set() and all(handled.get(place, 0) >= end for place, end in targets.items()):
            self.caught_up.set()


class GroupReader(Reader):
    """The member of a group that this process is."""

    def __init__(self, connection: Connection, sizes: Mapping[str, int], group: str) -> None:
        super().__init__(connection, sizes)
        self._group = group

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
        if self._connection.share != "group":
            own = self._connection.own
            consumer.assign(
                [TopicPartition(name, number) for name in self.topics for number in own(self._partitions(name))]
            )

    @override
    async def _commit(self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
        assigned = consumer.assignment()
        kept = {place: offset for place, offset in positions.items() if place in assigned}
        try:
            if kept:
                await consumer.commit(kept)
        except (CommitFailedError, IllegalStateError) as error:
            # The group was rebalanced meanwhile: another member sees these messages again, and its inbox knows them.
            log.info("positions not committed", group=self._group, error=repr(error))

    @override
    def _note_progress(self, targets: Mapping[TopicPartition, int], handled: Mapping[TopicPartition, int]) -> None:
        self.caught_up.set()


class Replay(Reader):
    """A reader of everything, from the oldest message kept."""

    _batch = _BATCH * REPLAY_BATCHES

    def __init__(self, connection: Connection, sizes: Mapping[str, int], topics: list[str], handler: Handler) -> None:
        super().__init__(connection, sizes)
        self.add(topics, handler)

    @property
    @override
    def _wait_ms(self) -> int:
        return max(super()._wait_ms, _REPLAY_WAIT_MS)

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
        consumer.assign(
            [TopicPartition(name, number) for name in self.topics for number in range(self._partitions(name))]
        )
        await consumer.seek_to_beginning()

    @override
    async def _commit(self, consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
        """A replay begins at the oldest message each time: there is nothing to remember."""


async def _ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    async with asyncio.timeout(10):
        return dict(await consumer.end_offsets(list(consumer.assignment())))


def _message(record: ConsumerRecord[bytes, bytes]) -> Message:
    headers = {name: value.decode() for name, value in record.headers}
    identity = headers.pop("id", f"{record.topic}/{record.partition}/{record.offset}")
    return Message(record.topic, (record.key or b"").decode(), record.value or b"", identity, headers)
