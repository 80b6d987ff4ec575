"""A broker that is killed and comes back empty costs a repeat, never a message (promise I1, fault F3)."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from dccemu_contracts.wan import DeviceCommand
from dccemu_runtime.bus import Message
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.groupcommit import Unit
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.testing import Eventually, Opener

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(240)]
AT = datetime(2026, 3, 2, tzinfo=UTC)


def command(number: int) -> DeviceCommand:
    return DeviceCommand(id=f"command-{number}", at=AT, device=f"device {number % 5}", payload="df")


@pytest.mark.parametrize("share", ["group", "1/1"])
async def test_every_message_arrives_though_the_broker_is_killed_between(
    share: str, local_broker: LocalBroker, open_database: Opener, eventually: Eventually
) -> None:
    database = await open_database()
    bus = KafkaBus(local_broker.address, "test", fetch_max_wait_ms=5, share=share)
    await bus.start()
    outbox = Outbox(database, bus)
    await outbox.start()
    seen: list[str] = []

    async def take(batch: Sequence[Message]) -> None:
        seen.extend(message.id for message in batch)

    await bus.subscribe([DeviceCommand.topic.name], "sm-wan", take)
    await send(database.group.commit, outbox, range(50))
    await eventually(lambda: len(set(seen)) == 50, within=30)

    # What is published now sits in the broker's memory only, because nobody takes it.
    await asyncio.gather(send(database.group.commit, outbox, range(50, 100)), local_broker.kill())
    await send(database.group.commit, outbox, range(100, 150))
    await local_broker.start()
    await send(database.group.commit, outbox, range(150, 200))

    await eventually(lambda: len(set(seen)) == 200, within=40)
    await eventually(outbox.drained, within=20)
    for device in range(5):
        firsts = list(dict.fromkeys(name for name in seen if int(name.split("-")[1]) % 5 == device))
        assert firsts == [f"command-{number}" for number in range(200) if number % 5 == device]
    await outbox.stop()
    await bus.stop()


async def test_what_was_published_and_not_yet_consumed_survives_the_broker(
    local_broker: LocalBroker, open_database: Opener, eventually: Eventually
) -> None:
    database = await open_database()
    bus = KafkaBus(local_broker.address, "test", fetch_max_wait_ms=5)
    await bus.start()
    outbox = Outbox(database, bus)
    await outbox.start()
    await send(database.group.commit, outbox, range(20))
    await eventually(lambda: unsent(outbox, 0), within=20)

    await local_broker.kill()
    await local_broker.start()
    seen: list[str] = []

    async def take(batch: Sequence[Message]) -> None:
        seen.extend(message.id for message in batch)

    await bus.subscribe([DeviceCommand.topic.name], "sm-wan", take)

    await eventually(lambda: len(set(seen)) == 20, within=30)
    await outbox.stop()
    await bus.stop()


class Untold(dict[str, int]):
    """Sizes of topics that are given away only when they are ``told``."""

    asked = 0
    told = False

    def get(self, key: str, default: Any = None) -> Any:
        self.asked += 1
        return super().get(key, default) if self.told else default


@pytest.mark.parametrize("replay", [False, True])
async def test_a_subscription_waits_until_the_broker_has_said_what_it_holds(
    replay: bool, local_broker: LocalBroker, open_database: Opener, eventually: Eventually
) -> None:
    """A broker names a topic before its partitions; a consumer opened in between is closed, not dropped."""
    database = await open_database()
    bus = KafkaBus(local_broker.address, "test", fetch_max_wait_ms=5, share="1/1")
    await bus.start()
    outbox = Outbox(database, bus)
    await outbox.start()
    await send(database.group.commit, outbox, range(20))
    await eventually(lambda: unsent(outbox, 0), within=20)
    seen: list[str] = []

    async def take(batch: Sequence[Message]) -> None:
        seen.extend(message.id for message in batch)

    bus._sizes = untold = Untold(bus._sizes)
    await bus.subscribe([DeviceCommand.topic.name], "sm-wan", take, replay=replay)
    await eventually(lambda: untold.asked > 1, within=20)
    gc.collect()
    assert not seen
    untold.told = True
    await eventually(lambda: len(set(seen)) == 20, within=30)
    await outbox.stop()
    await bus.stop()


async def send(commit: object, outbox: Outbox, numbers: range) -> None:
    assert callable(commit)
    for number in numbers:
        await commit(Unit(writes=[outbox.write(command(number))]))


async def unsent(outbox: Outbox, expected: int) -> bool:
    return (await outbox.counts())["unsent"] == expected


@pytest.mark.kafka
async def test_an_apache_kafka_that_is_killed_comes_back_with_what_it_took(
    own_apache_kafka: object, open_database: Opener, eventually: Eventually
) -> None:
    server: Any = own_apache_kafka
    database = await open_database()
    bus = KafkaBus(server.address, "test", share="1/1")
    await bus.start()
    outbox = Outbox(database, bus)
    await outbox.start()
    await send(database.group.commit, outbox, range(20))
    await eventually(lambda: unsent(outbox, 0), within=30)
    before = bus.incarnation

    await asyncio.to_thread(server.kill)
    await send(database.group.commit, outbox, range(20, 40))
    await asyncio.to_thread(server.start)
    seen: list[str] = []

    async def take(batch: Sequence[Message]) -> None:
        seen.extend(message.id for message in batch)

    await bus.subscribe([DeviceCommand.topic.name], "sm-wan", take)

    await eventually(lambda: len(set(seen)) == 40, within=60)
    await eventually(outbox.drained, within=30)
    assert bus.incarnation == before
    await outbox.stop()
    await bus.stop()
