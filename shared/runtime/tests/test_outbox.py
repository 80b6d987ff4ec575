"""The outbox: nothing that was committed is lost, whatever happens to the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dccemu_contracts.wan import DeviceCommand
from dccemu_runtime.bus import BusUnavailable, Message, Receipt
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Unit
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.testing import Eventually, Opener

AT = datetime(2026, 3, 2, tzinfo=UTC)
pytestmark = pytest.mark.asyncio


def command(number: int, device: str = "00-00-00-00-00-00-00-01") -> DeviceCommand:
    return DeviceCommand(id=f"command-{number}", at=AT, device=device, payload="df")


@pytest.fixture(params=[False, True], ids=["workers", "sole"])
def sole(request: pytest.FixtureRequest) -> bool:
    """Whether workers take turns, or one process relays alone and from memory."""
    return bool(request.param)


async def counted(outbox: Outbox, **expected: int) -> bool:
    return await outbox.counts() == expected


class Collector:
    """A consumer that remembers what it was given."""

    def __init__(self) -> None:
        self.taken: list[Message] = []

    async def __call__(self, batch: Sequence[Message]) -> None:
        self.taken += batch

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.taken]


async def test_rows_of_a_transaction_reach_the_bus_after_its_commit(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually, sole: bool
) -> None:
    database = await open_database()
    outbox = Outbox(database, memory_bus, sole=sole)
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)
    await outbox.start()

    async with database.transaction() as connection:
        await outbox.add(connection, command(1), command(2))
    await database.group.commit(Unit(writes=[outbox.write(command(3))]))
    await eventually(lambda: len(collector.taken) == 3)

    assert collector.ids == ["command-1", "command-2", "command-3"]
    await eventually(outbox.drained)
    await outbox.stop()


async def test_a_rolled_back_transaction_sends_nothing(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually, sole: bool
) -> None:
    database = await open_database()
    outbox = Outbox(database, memory_bus, sole=sole)
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)

    async def change_its_mind() -> None:
        async with database.transaction() as connection:
            await outbox.add(connection, command(1))
            raise RuntimeError("changed its mind")

    with pytest.raises(RuntimeError, match="changed its mind"):
        await change_its_mind()
    await outbox.relay_once()

    assert collector.taken == []


async def test_rows_stay_until_their_consumer_has_confirmed_them(
    open_database: Opener, memory_bus: MemoryBus, sole: bool
) -> None:
    database = await open_database()
    outbox = Outbox(database, memory_bus, sole=sole)
    await database.group.commit(Unit(writes=[outbox.write(command(1))]))

    await outbox.relay_once()
    await outbox.confirm_once()

    assert await outbox.counts() == {"unsent": 0, "unconfirmed": 1}


async def test_a_broker_that_comes_back_empty_costs_a_repeat_and_no_message(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually, sole: bool
) -> None:
    database = await open_database()
    outbox = Outbox(database, memory_bus, sole=sole)
    await outbox.start()
    await database.group.commit(Unit(writes=[outbox.write(command(number)) for number in range(5)]))
    await eventually(lambda: counted(outbox, unsent=0, unconfirmed=5))

    memory_bus.lose_everything()
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)

    await eventually(lambda: len(collector.taken) == 5)
    assert collector.ids == [f"command-{number}" for number in range(5)]
    await eventually(outbox.drained)
    await outbox.stop()


class FailingBus(MemoryBus):
    """Takes messages only when ``works``."""

    works = False

    async def publish(self, messages: Sequence[Message]) -> Sequence[Receipt]:
        if not self.works:
            raise BusUnavailable("the broker is away")
        return await super().publish(messages)


async def test_rows_wait_while_the_bus_is_away(open_database: Opener, eventually: Eventually, sole: bool) -> None:
    database = await open_database()
    bus = FailingBus()
    await bus.start()
    outbox = Outbox(database, bus, sole=sole)
    collector = Collector()
    await bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)
    await outbox.start()
    await database.group.commit(Unit(writes=[outbox.write(command(1))]))
    await eventually(lambda: counted(outbox, unsent=1, unconfirmed=0))

    bus.works = True

    await eventually(lambda: collector.ids == ["command-1"])
    await outbox.stop()
    await bus.stop()


async def test_concurrent_relays_keep_the_order_of_a_key_and_send_each_row_once(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    workers = [await open_database("gateway", share="gateway") for _ in range(3)]
    outboxes = [Outbox(database, memory_bus, batch_size=7) for database in workers]
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)
    for outbox in outboxes:
        await outbox.start()

    for number in range(120):
        worker = number % 3
        await workers[worker].group.commit(Unit(writes=[outboxes[worker].write(command(number))]))
    await eventually(lambda: len(collector.taken) >= 120)

    assert collector.ids == [f"command-{number}" for number in range(120)]
    await asyncio.gather(*(outbox.stop() for outbox in outboxes))


async def test_what_another_process_left_behind_goes_out_before_anything_newer(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    before, now = [await open_database("gateway", share="gateway") for _ in range(2)]
    left = Outbox(before, memory_bus)
    for number in range(3):
        await before.group.commit(Unit(writes=[left.write(command(number))]))
    outbox = Outbox(now, memory_bus, sole=True)
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)

    await now.group.commit(Unit(writes=[outbox.write(command(3))]))
    await outbox.start()
    await eventually(lambda: len(collector.taken) >= 4)

    assert collector.ids == [f"command-{number}" for number in range(4)]
    await eventually(outbox.drained)
    await outbox.stop()


async def test_messages_of_units_and_of_transactions_keep_the_order_of_commitment(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    database = await open_database()
    outbox = Outbox(database, memory_bus, sole=True, batch_size=4)
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)
    await outbox.start()

    for number in range(0, 60, 3):
        await database.group.commit(Unit(writes=[outbox.write(command(number))]))
        async with database.transaction() as connection:
            await outbox.add(connection, command(number + 1))
        await database.group.commit(Unit(writes=[outbox.write(command(number + 2))]))
    await eventually(lambda: len(set(collector.ids)) == 60)

    assert list(dict.fromkeys(collector.ids)) == [f"command-{number}" for number in range(60)]
    await outbox.stop()


async def test_a_sole_relay_that_stops_says_where_it_put_what_is_not_confirmed(
    open_database: Opener, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    database = await open_database()
    outbox = Outbox(database, memory_bus, sole=True)
    await outbox.start()
    await database.group.commit(Unit(writes=[outbox.write(command(1))]))
    await eventually(lambda: counted(outbox, unsent=0, unconfirmed=1))

    await outbox.stop()

    row = await database.pool.fetchrow("SELECT sent_in, offset_ FROM outbox")
    assert tuple(row) == (memory_bus.incarnation, 0)


async def test_rows_that_are_being_forgotten_are_not_sent_again(
    database: Database, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    outbox = Outbox(database, memory_bus, sole=True)
    collector = Collector()
    await memory_bus.subscribe([DeviceCommand.topic.name], "sm-wan", collector)
    await database.group.commit(Unit(writes=[outbox.write(command(1))]))
    await outbox.relay_once()
    await eventually(lambda: collector.ids == ["command-1"])

    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM outbox FOR UPDATE")
        forgetting = asyncio.create_task(outbox.confirm_once())

        async def is_held_up() -> bool:
            return bool(await database.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await eventually(is_held_up)
        assert await outbox.relay_once() == 0
    await forgetting

    assert collector.ids == ["command-1"]
    assert await outbox.drained()
