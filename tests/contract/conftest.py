"""The implementations of the bus port that run the contract suite."""

from __future__ import annotations

import importlib.util
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio

from dccemu_runtime.bus import Bus
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.local.broker import LocalBroker

MakeBus = Callable[[], Awaitable[Bus]]


def _tool(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"dccemu_tool_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run() -> str:
    """What tells this test's keys, groups and messages from those of others."""
    return uuid.uuid4().hex[:8]


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Apache Kafka for the session; skipped, saying why, where it cannot be had."""
    kafka = _tool("kafka")
    reason = kafka.missing()
    if reason is not None:
        pytest.skip(reason)
    server = kafka.Kafka(tmp_path_factory.mktemp("kafka"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def own_apache_kafka(tmp_path: Path) -> Iterator[object]:
    """A real Apache Kafka of the test's own, to be killed; skipped, saying why, where it cannot be had."""
    kafka = _tool("kafka")
    reason = kafka.missing()
    if reason is not None:
        pytest.skip(reason)
    server = kafka.Kafka(tmp_path / "kafka")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest_asyncio.fixture
async def local_broker() -> AsyncIterator[LocalBroker]:
    """The memory-only broker of a local run."""
    broker = LocalBroker()
    await broker.start()
    yield broker
    await broker.stop()


@pytest_asyncio.fixture(params=["memory", "local-broker", pytest.param("apache-kafka", marks=pytest.mark.kafka)])
async def make_bus(request: pytest.FixtureRequest) -> AsyncIterator[MakeBus]:
    """``await make_bus()``: a started bus; each call is another process on one broker (in memory: the same bus)."""
    made: list[Bus] = []
    stop: Callable[[], Awaitable[None]] | None = None
    if request.param == "memory":
        shared = MemoryBus()

        async def make() -> Bus:
            if not made:
                await shared.start()
                made.append(shared)
            return shared
    else:
        if request.param == "local-broker":
            broker = LocalBroker()
            address, stop = await broker.start(), broker.stop
        else:
            address = request.getfixturevalue("apache_kafka")
        wait = 5 if request.param == "local-broker" else 500

        async def make() -> Bus:
            bus = KafkaBus(address, "contract", fetch_max_wait_ms=wait, check_every=0.1)
            await bus.start()
            made.append(bus)
            return bus

    yield make
    for bus in made:
        await bus.stop()
    if stop is not None:
        await stop()
