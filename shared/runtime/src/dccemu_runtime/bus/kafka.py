"""The bus over the Kafka protocol: Apache Kafka, or the memory-only broker of a local run.

Delivery is at least once: offsets are committed after the handler returned. No transactions and no idempotent
producer: the outbox and the inbox do that work. What a broker may lose is found by its *incarnation*: the first record
of a topic of its own, written by whoever finds the topic empty. A broker that comes back without its contents has
another first record; then the producer and all consumers are made anew, under group names that contain the
incarnation, so that a position from the lost logs is never taken for one in the new ones.
"""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from dccemu_contracts.topics import ALL

from . import PARTITIONS, BusUnavailable, Handler, Message, Receipt
from ._kafka_group import GroupReader
from ._kafka_parts import start_or_stop, stop_quietly, whole
from ._kafka_publishing import MAX_MESSAGE_BYTES, Producer, Record
from ._kafka_reading import Connection, Reader
from ._kafka_replay import Replay

log = structlog.get_logger(__name__)

INCARNATIONS = "runtime.incarnations.v1"
_ID = "id"
# The reader of all replays, beside those of the groups.
_REPLAYS = ""


class KafkaBus:
    """The Kafka adapter of the bus port.

    Parameters
    ----------
    address
        ``HOST:PORT``, several separated by commas.
    client
        Names this process to the broker.
    fetch_max_wait_ms
        How long the broker may hold a fetch: 5 for the local broker, which does not wake a waiting fetch; the default
        500 for Apache Kafka, which does.
    partitions
        Partitions of topics that do not exist yet.
    share
        ``group``: the members of a group share partitions by the group protocol. ``i/n``: this process is worker *i*
        of *n* and takes its partitions at once, without the seconds that joining a group takes.
    check_every
        Seconds between looks at the incarnation.
    """

    def __init__(
        self,
        address: str,
        client: str,
        *,
        fetch_max_wait_ms: int = 500,
        partitions: int = PARTITIONS,
        share: str = "group",
        check_every: float = 1.0,
    ) -> None:
        self._connection = Connection(address, client, fetch_max_wait_ms, share)
        self._partitions = partitions
        self._check_every = check_every
        self._incarnation: str | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._producer: Producer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._sizes: dict[str, int] = {}
        self._readers: dict[str, Reader] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def incarnation(self) -> str | None:
        return self._incarnation

    def on_incarnation(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self._incarnation is not None:
            callback()

    async def start(self) -> None:
        """Connect in the background: a broker that is away is waited for, and ``incarnation`` is None until then."""
        self._watching = asyncio.create_task(self._watch(), name="bus incarnation")

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        self._incarnation = None
        await asyncio.gather(*(reader.close() for reader in self._readers.values()))
        await self._disconnect()

    async def publish(self, messages: Sequence[Message]) -> Sequence[Receipt]:
        producer = self._producer
        if producer is None:
            raise BusUnavailable(f"the broker {self._connection.address} is away")
        return await producer.publish([self._record(message) for message in messages])

    def _record(self, message: Message) -> Record:
        key = message.key.encode()
        headers = [(_ID, message.id.encode()), *((name, value.encode()) for name, value in message.headers.items())]
        partition = zlib.crc32(key) % self._sizes.get(message.topic, self._partitions)
        return (message.topic, partition, key, message.value, headers)

    async def subscribe(
        self, topics: Sequence[str], group: str, handler: Handler, *, replay: bool = False
    ) -> Subscription:
        name = _REPLAYS if replay else group
        reader = self._readers.get(name)
        if reader is None:
            connection, sizes = self._connection, self._sizes
            reader = Replay(connection, sizes) if replay else GroupReader(connection, sizes, group)
            self._readers[name] = reader
        reader.add(topics, handler)
        if self._incarnation is not None:
            reader.renew(self._incarnation)
        return Subscription(self, reader, topics, handler)

    async def leave(self, reader: Reader, handler: Handler) -> None:
        """End one subscription."""
        if await reader.leave(handler):
            await reader.close()
            self._readers = {name: other for name, other in self._readers.items() if other is not reader}

    async def confirmed(self, topic: str, group: str) -> Mapping[int, int]:
        admin, incarnation = self._admin, self._incarnation
        if admin is None or incarnation is None:
            raise BusUnavailable(f"the broker {self._connection.address} is away")
        partitions = [TopicPartition(topic, number) for number in range(self._sizes.get(topic, self._partitions))]
        try:
            async with asyncio.timeout(5):
                found = await admin.list_consumer_group_offsets(
                    self._connection.group_id(group, incarnation), partitions=partitions
                )
        except (KafkaError, OSError, TimeoutError) as error:
            raise BusUnavailable(f"the broker does not say what {group} has handled: {error!r}") from error
        return {place.partition: committed.offset for place, committed in found.items() if committed.offset >= 0}

    async def _watch(self) -> None:
        """Connect, follow the incarnation, connect again when the broker fails."""
        failures = 0
        while True:
            try:
                producer = await self._connect()
                failures = 0
                try:
                    await self._follow(producer)
                finally:
                    self._producer = None
                    await stop_quietly(producer)
            except (KafkaError, OSError, TimeoutError, BusUnavailable) as error:
                failures += 1
                if failures in {1, 10} or failures % 100 == 0:
                    log.warning("the broker is away", address=self._connection.address, error=repr(error))
            except Exception:
                log.exception("the broker connection failed")
            await self._disconnect()
            await asyncio.sleep(0.2)

    async def _connect(self) -> Producer:
        """Make the topics, then a producer: never the other way round."""
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._connection.address, client_id=self._connection.client, request_timeout_ms=5000
        )
        self._admin = whole(admin, admin._client)
        async with asyncio.timeout(10):
            await admin.start()
        async with asyncio.timeout(20):
            await self._make_topics(admin)
            producer = Producer(self._connection.address, self._connection.client)
            await start_or_stop(producer)
        return producer

    async def _make_topics(self, admin: AIOKafkaAdminClient) -> None:
        wanted = [NewTopic(INCARNATIONS, 1, 1, topic_configs={"retention.ms": "-1"})]
        for topic in ALL:
            kept = {"cleanup.policy": "compact"} if topic.compacted else {"retention.ms": str(7 * 86_400_000)}
            configs = {**kept, "max.message.bytes": str(MAX_MESSAGE_BYTES)}
            wanted.append(NewTopic(topic.name, self._partitions, 1, topic_configs=configs))
        existing = set(await admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in existing]
        if missing:
            # Another service may make them at the same moment: that a topic exists is no error.
            await admin.create_topics(missing)
        names = {topic.name for topic in wanted}
        while names:
            # A topic just made is told to the whole of Apache Kafka a little later: until then it has no partitions.
            described = await admin.describe_topics(sorted(names))
            self._sizes.update({topic["topic"]: len(topic["partitions"]) for topic in described if topic["partitions"]})
            names = {name for name in names if name not in self._sizes}
            if names:
                await asyncio.sleep(0.05)

    async def _follow(self, producer: Producer) -> None:
        """Announce the incarnation and return when the connection is lost or another incarnation is found."""
        place = TopicPartition(INCARNATIONS, 0)
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._connection.address,
            client_id=self._connection.client,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=min(self._connection.fetch_max_wait_ms, 100),
            request_timeout_ms=5000,
            retry_backoff_ms=50,
        )
        async with asyncio.timeout(10):
            await start_or_stop(whole(reader, reader._client))
        try:
            reader.assign([place])
            found = await self._read_first(reader, place)
            if found is None:
                await producer.publish([(INCARNATIONS, 0, b"", uuid.uuid4().hex.encode(), [])])
                found = await self._read_first(reader, place)
            if found is None:
                raise BusUnavailable("the broker does not give back what it took")
            self._producer = producer
            if found != self._incarnation:
                self._changed(found)
            while not producer.lost.is_set() and await self._read_first(reader, place) == found:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._check_every):
                        await producer.lost.wait()
        finally:
            await stop_quietly(reader)

    async def _read_first(self, reader: AIOKafkaConsumer, place: TopicPartition) -> str | None:
        """The first record of the incarnations topic, None when it is empty."""
        async with asyncio.timeout(5):
            if (await reader.end_offsets([place]))[place] == 0:
                return None
            reader.seek(place, 0)
            reader.resume(place)
            try:
                while True:
                    for records in (await reader.getmany(place, timeout_ms=1000, max_records=1)).values():
                        if records and records[0].offset == 0:
                            return str(records[0].value.decode())
            finally:
                # Between the looks nothing is fetched: behind the first record there is nothing to wait for.
                reader.pause(place)

    def _changed(self, incarnation: str) -> None:
        log.info("the bus is there", address=self._connection.address, incarnation=incarnation)
        self._incarnation = incarnation
        for reader in self._readers.values():
            reader.renew(incarnation)
        for callback in list(self._callbacks):
            callback()

    async def _disconnect(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await admin.close()


class Subscription:
    """One handler's subscription."""

    def __init__(self, bus: KafkaBus, reader: Reader, topics: Sequence[str], handler: Handler) -> None:
        self._bus = bus
        self._reader = reader
        self._topics = topics
        self._handler = handler

    async def caught_up(self) -> None:
        await self._reader.caught_up.wait()

    async def up_to_date(self) -> None:
        await self._reader.up_to_date(self._topics)

    async def stop(self) -> None:
        await self._bus.leave(self._reader, self._handler)
