"""Reading for the Kafka adapter: a consumer and the task that feeds handlers from it.

A process has one consumer for each group (``_kafka_group``) and one for all replays (``_kafka_replay``).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, UnknownTopicOrPartitionError

from dccemu_protocol.errors import EmulatorError

from . import Handler, Message
from ._kafka_lookout import Lookout
from ._kafka_pace import QUIET_SECONDS, Pace
from ._kafka_parts import FAREWELL, stop_quietly, whole

log = structlog.get_logger(__name__)

#: The largest number of messages that handlers get at once.
BATCH = 500

#: A partition and the offset before which all is handled.
Positions = Mapping[TopicPartition, int]


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

    _batch = BATCH

    def __init__(self, connection: Connection, sizes: Mapping[str, int]) -> None:
        self.caught_up = asyncio.Event()
        self._connection = connection
        self._sizes = sizes
        self._handlers: list[tuple[frozenset[str], Handler]] = []
        self._incarnation = ""
        self._renewal = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._busy: list[tuple[Handler, asyncio.Task[None]]] = []
        self._reading: AIOKafkaConsumer | None = None

    @property
    def _wait_ms(self) -> int:
        """How long a fetch may be held, or the next put off, while there is traffic, in milliseconds."""
        return self._connection.fetch_max_wait_ms

    @property
    def topics(self) -> list[str]:
        return sorted({name for topics, _ in self._handlers for name in topics})

    def add(self, topics: Sequence[str], handler: Handler) -> None:
        self._handlers.append((frozenset(topics), handler))

    async def leave(self, handler: Handler) -> bool:
        """Forget a handler, cutting off what it has in hand, which counts as not handled; True when none is left."""
        self._handlers = [entry for entry in self._handlers if entry[1] != handler]
        if not self._handlers:
            self._renewal.set()
        elif self._task is not None:
            self.narrow()
        cut_off = [task for busy, task in self._busy if busy == handler]
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        return not self._handlers

    async def up_to_date(self, topics: Collection[str]) -> None:
        """Wait until all that is on some topics now has been handled; BusUnavailable when the broker is away."""
        raise EmulatorError("only a replay can say that it is up to date")

    def narrow(self) -> None:
        """Go on with fewer topics: some handler has left and others have not."""
        self.renew(self._incarnation)

    def renew(self, incarnation: str) -> None:
        """Begin anew: another incarnation, or other topics."""
        self._incarnation = incarnation
        self._renewal.set()
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
    async def _note(self, consumer: AIOKafkaConsumer, handled: Positions) -> None:
        """Take note of what was handled; called after each look, also when nothing was found."""

    async def _finish(self, consumer: AIOKafkaConsumer) -> None:  # noqa: B027 - most have nothing left to do
        """Do what is left to do before the consumer is let go, while its logs are there; raises as it does."""

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
            consumer = self._reading = await self._open()
        try:
            pace, lookout = Pace(consumer, self._wait_ms), Lookout(consumer, QUIET_SECONDS)
            while not self._renewal.is_set():
                records = await consumer.getmany(timeout_ms=100, max_records=self._batch)
                pace.follow(bool(records), hurried=not self.caught_up.is_set())
                if self._renewal.is_set():
                    break  # what was found is read again by the next consumer
                if pace.can_be_too_short and await lookout.has_seen_too_little(records, self._batch):
                    log.info("the broker needs longer to find what is new", topics=self.topics, ms=pace.lengthen())
                if records:
                    await self._hand_over([record for part in records.values() for record in part])
                await self._note(consumer, {place: part[-1].offset + 1 for place, part in records.items() if part})
        finally:
            self._reading = None
            parting = asyncio.create_task(self._part(consumer, incarnation))
            self._stopping.add(parting)
            parting.add_done_callback(self._stopping.discard)
            # Saying goodbye to a broker that is gone takes its time: the next consumer does not wait for it.
            if incarnation == self._incarnation:
                await asyncio.shield(parting)

    async def _part(self, consumer: AIOKafkaConsumer, incarnation: str) -> None:
        try:
            if incarnation == self._incarnation:
                async with asyncio.timeout(FAREWELL):
                    await self._finish(consumer)
        except (KafkaError, OSError, TimeoutError, IllegalStateError) as error:
            log.info("bus reader does not finish", topics=self.topics, error=repr(error))
        finally:
            await stop_quietly(consumer)

    async def _hand_over(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        """Give each handler its share of the batch; a handler that raises gets it again, unless it has left."""
        pending = []
        for topics, handler in self._handlers:
            batch = [_message(record) for record in records if record.topic in topics]
            if batch:
                pending.append((handler, batch))
        delay = 0.01
        while pending:
            self._busy = [(handler, asyncio.ensure_future(handler(batch))) for handler, batch in pending]
            results = await asyncio.gather(*(task for _, task in self._busy), return_exceptions=True)
            failed = [item for item, error in zip(pending, results, strict=True) if error is not None]
            for error in results:
                if isinstance(error, Exception):
                    log.warning("bus handler failed, batch is handed over again", exc_info=error)
            pending = [item for item in failed if any(item[0] == handler for _, handler in self._handlers)]
            if pending:
                await asyncio.sleep(delay)
                delay = min(delay * 2, 0.5)
        self._busy = []


def _message(record: ConsumerRecord[bytes, bytes]) -> Message:
    headers = {name: value.decode() for name, value in record.headers}
    identity = headers.pop("id", f"{record.topic}/{record.partition}/{record.offset}")
    return Message(record.topic, (record.key or b"").decode(), record.value or b"", identity, headers)
