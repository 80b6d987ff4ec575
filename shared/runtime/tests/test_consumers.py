"""Consumers: exactly once in effect, in the order of each key, and nothing is dropped without a trace."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.controls import ClockControl, FaultControl
from dccemu_contracts.topics import SM_WAN_COMMANDS
from dccemu_contracts.wan import DeviceCommand
from dccemu_runtime import deadletters, inbox
from dccemu_runtime.bus import Message
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.consumers import Consumer, OpenUnit, consume
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write, insert
from dccemu_runtime.outbox import message_of
from dccemu_runtime.testing import Eventually

pytestmark = pytest.mark.asyncio
AT = datetime(2026, 3, 2, tzinfo=UTC)
NOTE = insert("notes", {"text": "text"})


def command(number: int, device: str = "device") -> DeviceCommand:
    return DeviceCommand(id=f"command-{number}", at=AT, device=device, payload="df")


async def prepared(database: Database) -> Database:
    await database.pool.execute("CREATE TABLE notes (position int GENERATED ALWAYS AS IDENTITY, text text)")
    return database


async def notes(database: Database) -> list[str]:
    return [row[0] for row in await database.pool.fetch("SELECT text FROM notes ORDER BY position")]


async def transactional(connection: PoolConnectionProxy, message: DeviceCommand) -> None:
    await connection.execute("INSERT INTO notes (text) VALUES ($1)", message.id)


async def fast(unit: OpenUnit, message: DeviceCommand) -> None:
    unit.write(Write(NOTE, (message.id,)))


@pytest.mark.parametrize("handler", [transactional, fast])
async def test_a_message_delivered_twice_has_one_effect(
    handler: object, database: Database, memory_bus: MemoryBus
) -> None:
    await prepared(database)
    consumer = await consume(memory_bus, database, "sm-wan", {DeviceCommand: handler})  # type: ignore[dict-item]
    batch = [message_of(command(1)), message_of(command(2)), message_of(command(1))]

    await consumer.handle(batch)
    await consumer.handle(batch)

    assert await notes(database) == ["command-1", "command-2"]
    await consumer.stop()


@pytest.mark.parametrize("handler", [transactional, fast])
async def test_messages_of_a_key_are_handled_in_their_order(
    handler: object, database: Database, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    await prepared(database)
    consumer = await consume(memory_bus, database, "sm-wan", {DeviceCommand: handler})  # type: ignore[dict-item]

    await memory_bus.publish([message_of(command(number, f"device {number % 3}")) for number in range(30)])

    await eventually(lambda: counted(database, 30))
    taken = [int(name.split("-")[1]) for name in await notes(database)]
    for device in range(3):
        assert [number for number in taken if number % 3 == device] == list(range(device, 30, 3))
    await consumer.stop()


async def counted(database: Database, expected: int) -> bool:
    return len(await notes(database)) == expected


async def test_what_a_failing_handler_wrote_is_rolled_back_and_tried_again(
    database: Database, memory_bus: MemoryBus
) -> None:
    await prepared(database)
    attempts = 0

    async def failing_twice(connection: PoolConnectionProxy, message: DeviceCommand) -> None:
        nonlocal attempts
        attempts += 1
        await transactional(connection, message)
        if attempts < 3:
            raise RuntimeError("not yet")

    consumer = Consumer(memory_bus, database, "sm-wan", pause=0.001)
    consumer.on(DeviceCommand, failing_twice)

    await consumer.handle([message_of(command(1))])

    assert attempts == 3
    assert await notes(database) == ["command-1"]
    assert await deadletters.newest(database) == []


async def test_a_message_that_no_retry_helps_is_parked_with_the_reason_and_the_next_is_handled(
    database: Database, memory_bus: MemoryBus
) -> None:
    await prepared(database)

    async def poisoned(connection: PoolConnectionProxy, message: DeviceCommand) -> None:
        if message.id == "command-1":
            raise ValueError("this Device does not exist")
        await transactional(connection, message)

    consumer = Consumer(memory_bus, database, "sm-wan", attempts=3, pause=0.001)
    consumer.on(DeviceCommand, poisoned)

    await consumer.handle([message_of(command(1)), message_of(command(2))])

    [letter] = await deadletters.newest(database)
    assert (letter.message.id, letter.attempts, letter.consumer) == ("command-1", 3, "sm-wan")
    assert letter.reason == "ValueError: this Device does not exist"
    assert letter.message.value == command(1).to_bytes()
    assert await notes(database) == ["command-2"]


async def test_a_message_that_does_not_fit_its_contract_is_parked_at_once(
    database: Database, memory_bus: MemoryBus
) -> None:
    consumer = Consumer(memory_bus, database, "sm-wan")
    consumer.on(DeviceCommand, transactional)

    await consumer.handle([Message(SM_WAN_COMMANDS.name, "device", b'{"id": "x"}', "x", {})])

    [letter] = await deadletters.newest(database)
    assert letter.attempts == 0
    assert "payload" in letter.reason


async def test_a_dead_letter_can_be_sent_again(
    database: Database, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    await prepared(database)
    is_repaired = False

    async def repaired_later(connection: PoolConnectionProxy, message: DeviceCommand) -> None:
        if not is_repaired:
            raise ValueError("broken")
        await transactional(connection, message)

    consumer = Consumer(memory_bus, database, "sm-wan", attempts=1)
    consumer.on(DeviceCommand, repaired_later)
    await consumer.start()
    await memory_bus.publish([message_of(command(1))])
    await eventually(lambda: parked(database))
    is_repaired = True

    [letter] = await deadletters.newest(database)
    assert await deadletters.send_again(database, memory_bus, letter.position)

    await eventually(lambda: counted(database, 1))
    assert await deadletters.newest(database) == []
    await consumer.stop()


async def parked(database: Database) -> bool:
    return bool(await deadletters.newest(database))


async def test_models_that_share_a_topic_are_told_apart_by_their_type(
    database: Database, memory_bus: MemoryBus
) -> None:
    seen: list[str] = []

    async def on_clock(connection: PoolConnectionProxy, message: ClockControl) -> None:
        seen.append(f"clock {message.frozen}")

    async def on_faults(connection: PoolConnectionProxy, message: FaultControl) -> None:
        seen.append(f"faults {len(message.faults)}")

    consumer = Consumer(memory_bus, database, "gateway")
    consumer.on(ClockControl, on_clock)
    consumer.on(FaultControl, on_faults)

    await consumer.handle(
        [message_of(ClockControl(id="1", at=AT, frozen=True)), message_of(FaultControl(id="2", at=AT, faults=({},)))]
    )

    assert sorted(seen) == ["clock True", "faults 1"]


async def test_what_follows_a_commit_runs_for_a_handled_message_and_not_for_a_repeat(
    database: Database, memory_bus: MemoryBus
) -> None:
    await prepared(database)
    told: list[str] = []

    async def telling(unit: OpenUnit, message: DeviceCommand) -> None:
        unit.write(Write(NOTE, (message.id,)))
        unit.after_commit(lambda: told.append(message.id))

    consumer = Consumer(memory_bus, database, "sm-wan")
    consumer.on_fast(DeviceCommand, telling)

    await consumer.handle([message_of(command(1)), message_of(command(1))])

    assert told == ["command-1"]


async def test_the_inbox_forgets_what_is_older_than_its_retention(database: Database) -> None:
    async with database.transaction() as connection:
        await inbox.accept(connection, "old", "sm-wan")
        await inbox.accept(connection, "new", "sm-wan")
        await connection.execute("UPDATE inbox SET received_at = now() - interval '2 days' WHERE id = 'old'")

    await inbox.forget(database)

    async with database.transaction() as connection:
        assert await inbox.accept(connection, "old", "sm-wan")
        assert not await inbox.accept(connection, "new", "sm-wan")


async def test_after_a_start_what_was_taken_before_does_not_reach_the_handler(
    database: Database, memory_bus: MemoryBus
) -> None:
    await prepared(database)
    batch = [message_of(command(number)) for number in range(3)]
    before = await consume(memory_bus, database, "sm-wan", {DeviceCommand: fast})
    await before.handle(batch)
    await before.stop()
    handled: list[str] = []

    async def noting(unit: OpenUnit, message: DeviceCommand) -> None:
        handled.append(message.id)

    again = await consume(memory_bus, database, "sm-wan", {DeviceCommand: noting})
    await again.handle([*batch, message_of(command(3))])
    await again.stop()

    assert handled == ["command-3"]
