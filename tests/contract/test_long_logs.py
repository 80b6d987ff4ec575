"""A broker that needs longer to find what is new than it is asked to wait is asked to wait longer (local broker)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from dccemu_contracts.topics import SM_WAN_COMMANDS
from dccemu_runtime.bus import BusUnavailable, Message
from dccemu_runtime.bus._kafka_lookout import Lookout
from dccemu_runtime.bus._kafka_pace import Pace
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.testing import Eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

# The broker walks through these to the newest in more than 25 ms, the wait of a quiet reader.
BATCHES = 60_000
PRODUCERS = 6
PLACE = TopicPartition("topic", 0)


async def fill(address: str) -> None:
    """Make the log long: each message is a batch of its own, as in slow traffic."""

    async def some() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=address, acks=1)
        await producer.start()
        try:
            for _ in range(BATCHES // PRODUCERS):
                batch = producer.create_batch()
                batch.append(key=b"device", value=b"", timestamp=None)
                batch.close()
                await (await producer.send_batch(batch, SM_WAN_COMMANDS.name, partition=0))
        finally:
            await producer.stop()

    await asyncio.gather(*(some() for _ in range(PRODUCERS)))


async def test_a_reader_of_a_long_log_does_not_stand_still(local_broker: LocalBroker, eventually: Eventually) -> None:
    bus = KafkaBus(local_broker.address, "long", fetch_max_wait_ms=5, share="1/1", partitions=1)
    await bus.start()
    seen = 0

    async def take(batch: Sequence[Message]) -> None:
        nonlocal seen
        seen += len(batch)

    async def published() -> bool:
        try:
            await bus.publish([Message(SM_WAN_COMMANDS.name, "device", b"", "last", {})])
        except BusUnavailable:
            return False
        return True

    try:
        await eventually(published, within=60)
        await fill(local_broker.address)
        await bus.subscribe([SM_WAN_COMMANDS.name], "sm-wan", take)
        await eventually(lambda: seen == BATCHES + 1, within=60)

        await eventually(published, within=60)
        await eventually(lambda: seen == BATCHES + 2, within=60)
    finally:
        await bus.stop()


class Told:
    """What a consumer of one partition has been told: where its log ends."""

    def __init__(self, end: int) -> None:
        self._end = end

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def highwater(self, place: TopicPartition) -> int:
        return self._end


def found(count: int, octets: int = 1, until: int = 1000) -> dict[TopicPartition, list[SimpleNamespace]]:
    return {PLACE: [SimpleNamespace(offset=offset, value=bytes(octets)) for offset in range(until - count, until)]}


@pytest.mark.parametrize(
    ("finds", "end", "is_too_little"),
    [
        pytest.param([found(1)] * 3, 60_000, True, id="one of many, three times"),
        pytest.param([found(1)] * 2, 60_000, False, id="one of many, twice"),
        pytest.param([found(1), found(1), found(500), found(1)], 60_000, False, id="a full one in between"),
        pytest.param([found(1)] * 9, 1_090, False, id="what may have come meanwhile"),
        pytest.param([found(400)] * 9, 4_000, False, id="a good part of what is there"),
        pytest.param([found(1, 2**20)] * 9, 60_000, False, id="as many octets as were asked for"),
    ],
)
async def test_a_trickle_is_little_of_much_again_and_again(
    finds: list[dict[TopicPartition, list[SimpleNamespace]]], end: int, is_too_little: bool
) -> None:
    lookout = Lookout(Told(end), quiet=1.5)

    seen = [await lookout.has_seen_too_little(part, 500) for part in finds]

    assert any(seen) is is_too_little


async def test_waits_grow_past_those_of_a_broker_that_wakes_its_readers() -> None:
    """However long a log gets, a reader comes to a wait that is enough for it, within the time-out of a request."""
    fetcher = SimpleNamespace(_fetch_max_wait_ms=5)
    pace = Pace(SimpleNamespace(_fetcher=fetcher), 5)

    grown = [pace.lengthen() for _ in range(6)]

    assert grown == [25, 125, 625, 3125, 5000, 5000]
    assert fetcher._fetch_max_wait_ms == 5000
    assert pace.can_be_too_short
