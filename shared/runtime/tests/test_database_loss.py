"""The database server crashes and comes back: nothing that was acknowledged is lost (fault F5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from dccemu_contracts.wan import DeviceCommand
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.consumers import Consumer, OpenUnit
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE, StoreUnavailable, Unit, Write, insert
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.testing import Eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
NOTE = insert("notes", {"text": "text"})


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[LocalPostgres]:
    """A durable server of the test's own."""
    made = LocalPostgres(tmp_path)
    await made.start()
    yield made
    await made.stop(immediate=True)


def command(number: int) -> DeviceCommand:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return DeviceCommand(id=f"command-{number}", at=at, device=f"device {number % 3}", payload="df")


async def test_acknowledged_units_survive_a_crash_and_their_messages_are_handled_once(
    server: LocalPostgres, memory_bus: MemoryBus, eventually: Eventually
) -> None:
    database = await Database.open(server.url, "gateway")
    await database.pool.execute("CREATE TABLE notes (text text)")
    outbox = Outbox(database, memory_bus)
    await outbox.start()

    async def note(unit: OpenUnit, message: DeviceCommand) -> None:
        unit.write(Write(NOTE, (message.id,)))

    consumer = Consumer(memory_bus, database, "sm-wan")
    consumer.on_fast(DeviceCommand, note)
    await consumer.start()
    acknowledged: set[str] = set()
    refused = 0

    async def submit(number: int) -> None:
        nonlocal refused
        try:
            await database.group.commit(Unit(writes=[outbox.write(command(number))]))
            acknowledged.add(f"command-{number}")
        except StoreUnavailable:
            refused += 1

    for start in range(0, 200, 20):
        if start == 100:
            await asyncio.gather(*(submit(number) for number in range(start, start + 10)), server.stop(immediate=True))
            await submit(start + 10)
            await server.start()
        else:
            await asyncio.gather(*(submit(number) for number in range(start, start + 20)))

    async def all_noted() -> bool:
        noted = [row[0] for row in await database.pool.fetch("SELECT text FROM notes")]
        return acknowledged <= set(noted) and len(noted) == len(set(noted))

    assert refused >= 1
    assert len(acknowledged) >= 180
    await eventually(all_noted, within=20)
    await consumer.stop()
    await outbox.stop()
    await database.close()


async def test_the_data_folder_of_a_killed_server_can_be_started_again(server: LocalPostgres, tmp_path: Path) -> None:
    database = await Database.open(server.url, "gateway")
    await database.pool.execute("CREATE TABLE notes (text text)")
    await database.close()

    successor = LocalPostgres(tmp_path)
    await successor.start()

    again = await Database.open(successor.url, "gateway")
    assert await again.pool.fetchval("SELECT count(*) FROM notes") == 0
    await again.close()
    await successor.stop()


async def test_a_service_that_starts_before_the_server_waits_for_it(server: LocalPostgres) -> None:
    url = server.url
    await server.stop(immediate=True)
    opening = asyncio.create_task(Database.open(url, "gateway"))
    await asyncio.wait({opening}, timeout=0.3)
    assert not opening.done()

    await server.start()

    database = await opening
    assert await database.pool.fetchval("SELECT count(*) FROM outbox") == 0
    await database.close()


async def test_a_server_that_stays_away_is_told_in_time(server: LocalPostgres) -> None:
    url = server.url
    await server.stop(immediate=True)

    with pytest.raises(CONNECTION_TROUBLE):
        await Database.open(url, "gateway", patience=0.3)
