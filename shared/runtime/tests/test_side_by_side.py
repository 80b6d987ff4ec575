"""Messages of different keys side by side: none holds up another, and each is still tried and committed for itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from dccemu_contracts.wan import DeviceCommand
from dccemu_runtime import deadletters
from dccemu_runtime.bus import Message
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.consumers import Consumer, OpenUnit
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write, insert
from dccemu_runtime.outbox import message_of
from dccemu_runtime.testing import Eventually

pytestmark = pytest.mark.asyncio
AT = datetime(2026, 3, 2, tzinfo=UTC)
NOTE = insert("notes", {"text": "text", "amount": "int"})


@pytest_asyncio.fixture
async def store(database: Database) -> Database:
    await database.pool.execute(
        "CREATE TABLE notes (position int GENERATED ALWAYS AS IDENTITY, text text, amount int CHECK (amount >= 0))"
    )
    return database


def batch(*names: str) -> list[Message]:
    """Messages ``device/number``, the key before the number."""
    return [message_of(DeviceCommand(id=name, at=AT, device=name.split("/")[0], payload="df")) for name in names]


async def notes(store: Database) -> list[str]:
    return [row[0] for row in await store.pool.fetch("SELECT text FROM notes ORDER BY position")]


async def note(unit: OpenUnit, message: DeviceCommand) -> None:
    unit.write(Write(NOTE, (message.id, 1)))


async def test_a_handler_that_waits_holds_up_its_own_key_only(
    store: Database, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    may_go_on = asyncio.Event()

    async def waiting(unit: OpenUnit, message: DeviceCommand) -> None:
        if message.id == "one/1":
            async with asyncio.timeout(10):
                await may_go_on.wait()
        await note(unit, message)

    consumer = Consumer(memory_bus, store, "sm-wan", pause=0.001)
    consumer.on_fast(DeviceCommand, waiting)
    handling = asyncio.create_task(consumer.handle(batch("one/1", "two/1", "one/2", "two/2")))

    async def the_others_are_through() -> bool:
        return await notes(store) == ["two/1", "two/2"]

    await eventually(the_others_are_through)
    may_go_on.set()
    await handling

    assert await notes(store) == ["two/1", "two/2", "one/1", "one/2"]
    assert await deadletters.newest(store) == []


async def test_a_handler_that_waited_and_then_fails_is_tried_again(store: Database, memory_bus: MemoryBus) -> None:
    tried: list[str] = []

    async def failing(unit: OpenUnit, message: DeviceCommand) -> None:
        tried.append(message.id)
        await asyncio.sleep(0)
        await note(unit, message)
        if tried.count("one/1") == 1 and message.id == "one/1":
            raise RuntimeError("not yet")

    consumer = Consumer(memory_bus, store, "sm-wan", pause=0.001)
    consumer.on_fast(DeviceCommand, failing)

    await consumer.handle(batch("one/1", "two/1"))

    assert sorted(tried) == ["one/1", "one/1", "two/1"]
    assert sorted(await notes(store)) == ["one/1", "two/1"]


async def test_a_handler_that_fails_is_tried_as_often_as_is_said_and_the_others_are_handled(
    store: Database, memory_bus: MemoryBus
) -> None:
    tried: list[str] = []

    async def failing(unit: OpenUnit, message: DeviceCommand) -> None:
        tried.append(message.id)
        if message.id == "two/1":
            raise ValueError("this Device does not exist")
        await note(unit, message)

    consumer = Consumer(memory_bus, store, "sm-wan", attempts=3, pause=0.001)
    consumer.on_fast(DeviceCommand, failing)

    await consumer.handle(batch("one/1", "two/1", "three/1", "two/2"))

    [letter] = await deadletters.newest(store)
    assert (letter.message.id, letter.attempts) == ("two/1", 3)
    assert tried.count("two/1") == 3
    assert sorted(await notes(store)) == ["one/1", "three/1", "two/2"]


async def test_a_unit_that_the_database_refuses_is_parked_without_its_neighbours(
    store: Database, memory_bus: MemoryBus
) -> None:
    async def noting(unit: OpenUnit, message: DeviceCommand) -> None:
        unit.write(Write(NOTE, (message.id, -1 if message.id == "two/1" else 1)))

    consumer = Consumer(memory_bus, store, "sm-wan", attempts=2, pause=0.001)
    consumer.on_fast(DeviceCommand, noting)

    await consumer.handle(batch("one/1", "two/1", "three/1"))

    [letter] = await deadletters.newest(store)
    assert (letter.message.id, letter.attempts) == ("two/1", 2)
    assert sorted(await notes(store)) == ["one/1", "three/1"]


async def test_a_repeat_among_others_has_no_effect(store: Database, memory_bus: MemoryBus) -> None:
    told: list[str] = []

    async def telling(unit: OpenUnit, message: DeviceCommand) -> None:
        await note(unit, message)
        unit.after_commit(lambda: told.append(message.id))

    consumer = Consumer(memory_bus, store, "sm-wan")
    consumer.on_fast(DeviceCommand, telling)
    await consumer.handle(batch("one/1", "two/1"))  # after a start the inbox is asked; then claims tell

    await consumer.handle(batch("one/1", "two/2", "three/1"))

    assert sorted(told) == ["one/1", "three/1", "two/1", "two/2"]
    assert sorted(await notes(store)) == sorted(told)


class Held(Consumer):
    """Notes what is held, and for which outcome it was let go."""

    held: list[str]
    outcomes: list[tuple[str, str]]

    def hold(self, contract: object) -> bool:
        assert isinstance(contract, DeviceCommand)
        if contract.device == "taken":
            return False
        self.held.append(contract.id)
        return True

    def let_go(self, contract: object, outcome: str) -> None:
        assert isinstance(contract, DeviceCommand)
        self.held.remove(contract.id)
        self.outcomes.append((contract.id, outcome))


async def test_what_is_held_is_let_go_with_what_became_of_it(store: Database, memory_bus: MemoryBus) -> None:
    async def noting(unit: OpenUnit, message: DeviceCommand) -> None:
        if message.id == "three/1":
            raise ValueError
        if message.id == "four/1":
            await asyncio.sleep(0)
        await note(unit, message)

    consumer = Held(memory_bus, store, "sm-wan", attempts=1)
    consumer.held, consumer.outcomes = [], []
    consumer.on_fast(DeviceCommand, noting)

    await consumer.handle(batch("one/1", "taken/1", "three/1", "four/1"))

    assert consumer.held == []
    assert dict(consumer.outcomes) == {"one/1": "handled", "three/1": "", "four/1": "handled"}
    assert sorted(await notes(store)) == ["four/1", "one/1", "taken/1"]


async def test_what_is_held_is_let_go_when_the_handling_is_cut_off(store: Database, memory_bus: MemoryBus) -> None:
    begun: asyncio.Queue[str] = asyncio.Queue()

    async def waiting(unit: OpenUnit, message: DeviceCommand) -> None:
        begun.put_nowait(message.id)
        await asyncio.Event().wait()

    consumer = Held(memory_bus, store, "sm-wan")
    consumer.held, consumer.outcomes = [], []
    consumer.on_fast(DeviceCommand, waiting)
    handling = asyncio.create_task(consumer.handle(batch("one/1", "two/1")))
    await begun.get()
    await begun.get()

    handling.cancel()
    await asyncio.gather(handling, return_exceptions=True)

    assert consumer.held == []
    assert dict(consumer.outcomes) == {"one/1": "", "two/1": ""}


async def test_a_step_that_only_a_task_can_make_is_no_failed_attempt(store: Database, memory_bus: MemoryBus) -> None:
    """Such as a new database connection, which has a time-out."""

    async def timed(unit: OpenUnit, message: DeviceCommand) -> None:
        async with asyncio.timeout(10):
            await note(unit, message)

    consumer = Consumer(memory_bus, store, "sm-wan", attempts=1)
    consumer.on_fast(DeviceCommand, timed)

    await consumer.handle(batch("one/1", "two/1", "one/2"))

    assert sorted(await notes(store)) == ["one/1", "one/2", "two/1"]
    assert await deadletters.newest(store) == []
