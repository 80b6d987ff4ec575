"""Fixtures for component tests: a real PostgreSQL with a schema for each test, the in-process bus, a frozen Clock.

The repository's top ``conftest.py`` names this module as a plugin, so every test can ask for the fixtures by name.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from ..bus.memory import MemoryBus
from ..clock import Clock
from ..database import Database
from ..entropy import Entropy
from ..faults import Faults
from ..local.postgres import LocalPostgres
from ..roles import drop
from ..service import Runtime

#: Where the frozen Clock of the fixtures starts.
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

Opener = Callable[..., Awaitable[Database]]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for the session: ``DCCEMU_TEST_DATABASE_URL``, or a local one that is thrown away."""
    if given := os.environ.get("DCCEMU_TEST_DATABASE_URL"):
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="dccemu-pg-"))
    server = LocalPostgres(folder, volatile=True)
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop(immediate=True))
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def open_database(postgres_url: str) -> AsyncIterator[Opener]:
    """``await open_database("smki", migrations_package=...)``: a database with a fresh schema, gone after the test.

    The same ``share`` opens the same schema again: a second worker, or the service after a restart.
    """
    opened: list[Database] = []
    schemas: dict[str, str] = {}

    async def open_one(
        name: str = "service", *, migrations_package: str | None = None, share: str | None = None, **options: int
    ) -> Database:
        schema = schemas.get(share or "") or f"t_{uuid.uuid4().hex[:10]}_{name.replace('-', '_')}"
        schemas[share or schema] = schema
        database = await Database.open(postgres_url, schema, migrations_package=migrations_package, **options)
        opened.append(database)
        return database

    yield open_one
    for database in opened:
        await database.close()
    for schema in set(schemas.values()):
        await drop(postgres_url, schema)


@pytest_asyncio.fixture
async def database(open_database: Opener) -> Database:
    """A database with the runtime's tables in a fresh schema."""
    return await open_database()


@pytest_asyncio.fixture
async def memory_bus() -> AsyncIterator[MemoryBus]:
    """The in-process bus, started."""
    bus = MemoryBus()
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
def frozen_clock() -> Clock:
    """A Clock that stands at ``START`` until the test moves it."""
    return Clock(START)


@pytest.fixture
def seeded_entropy() -> Entropy:
    """The same octets in every run."""
    return Entropy("tests")


@pytest.fixture
def runtime(frozen_clock: Clock, seeded_entropy: Entropy, memory_bus: MemoryBus) -> Runtime:
    """A Runtime of frozen Clock, seeded entropy and in-process bus (started)."""
    return Runtime(frozen_clock, seeded_entropy, memory_bus, Faults(seeded_entropy.child("faults")))


Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """``await eventually(lambda: len(taken) == 3, within=5)``: wait for a condition (plain or awaitable), or fail."""

    async def wait(condition: Callable[[], object], within: float = 10.0) -> None:
        deadline = time.monotonic() + within
        while True:
            met = condition()
            if isinstance(met, Awaitable):
                met = await met
            if met:
                return
            if time.monotonic() > deadline:
                pytest.fail(f"the condition was not met within {within} s")
            await asyncio.sleep(0.005)

    return wait
