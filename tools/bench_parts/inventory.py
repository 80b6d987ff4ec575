"""The inventory at size: Read Inventory by Device, MPxN and postcode, and rebuilding a projection from its topic.

Ratios to what PostgreSQL alone does with the same rows in the same run: COPY in, read out.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.topics import INVENTORY_DEVICES
from dccemu_gateway.adapters.directory import FactsDirectory
from dccemu_gateway.usecases.non_device import inventory_content
from dccemu_inventory.adapters.records import Records
from dccemu_runtime import collector
from dccemu_runtime.bus import Bus
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.projections import Projection
from dccemu_runtime.snapshots import Owner

from . import homes

SAMPLE = 20_000
#: The broker keeps a topic in its memory, several times over: a part of the records tells the rate.
OVER_KAFKA = 200_000


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Records a second, and this process's seconds for each."""

    rate: float
    work: float


@asynccontextmanager
async def _server() -> AsyncIterator[LocalPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="dccemu-bench-"))
    server = LocalPostgres(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(immediate=True)
        shutil.rmtree(folder, ignore_errors=True)


async def measure(count: int) -> list[str]:
    """The rows of the report."""
    collector.begin()
    async with _server() as server:
        inventory = await Database.open(
            server.url, "bench_inventory", migrations_package="dccemu_inventory.adapters.migrations"
        )
        try:
            return [line async for line in _lines(count, server.url, inventory)]
        finally:
            await inventory.close()


async def _lines(count: int, url: str, inventory: Database) -> AsyncIterator[str]:
    copy_in = await homes.fill(inventory, count)
    read_out = await _read_out(inventory, count)
    yield f"| PostgreSQL alone: COPY in, read out | {copy_in:,.0f}, {read_out:,.0f} records/s |"
    directory = FactsDirectory()
    follower = await Database.open(url, "bench_follower")
    bus = MemoryBus()
    found = await _rebuild(count, inventory, bus, _follow(directory, follower, bus))
    yield _row("projection rebuilt from the topic, durable", found, read_out, copy_in)
    for kind in ("Device", "MPxN", "postcode"):
        median, last = _reads(directory, kind, count)
        yield f"| 8.2 by {kind}, found and written as XML content, median and p99 | {median:.2f} ms, {last:.2f} ms |"
    del directory
    again = FactsDirectory()
    found = await _restart(count, _follow(again, follower, MemoryBus()))
    yield _row("the same loaded from the follower's own table", found, read_out, copy_in)
    await follower.close()
    yield f"| memory of projection and index | {_octets() / 1024:.2f} KiB a Device |"
    yield await _over_kafka(min(count, OVER_KAFKA), url, inventory, read_out, copy_in)


def _row(what: str, found: Rebuilt, read_out: float, copy_in: float) -> str:
    ratios = f"{found.rate / read_out:.2f} of read out, {found.rate / copy_in:.2f} of COPY"
    return f"| {what} | {found.rate:,.0f} records/s, {ratios}; {found.work * 1e6:.0f} us of this process a record |"


async def _read_out(inventory: Database, count: int) -> float:
    began = perf_counter()
    async with inventory.pool.acquire() as connection, connection.transaction():
        cursor = await connection.cursor("SELECT body FROM devices")
        while await cursor.fetch(2000):
            pass
    return count / (perf_counter() - began)


def _follow(directory: FactsDirectory, follower: Database, bus: Bus) -> Projection[DeviceFact]:
    """The gateway's projection of Devices."""
    projection = Projection(
        DeviceFact, follower, bus, Clock(), Entropy("bench"), requester="bench", shelf=directory.devices
    )
    projection.on_change(directory.learn_device)
    return projection


async def _rebuild(count: int, inventory: Database, bus: Bus, projection: Projection[DeviceFact]) -> Rebuilt:
    """The owner says everything, the follower knows nothing: both in this process."""
    await bus.start()
    records = Records(inventory, Outbox(inventory, bus), Entropy("bench"))
    owner = Owner(bus, "inventory", {INVENTORY_DEVICES: lambda: _some(records, count)})

    async def begin() -> None:
        await owner.start()
        await projection.start()

    found = await _timed(count, projection, begin)
    await owner.stop()
    await projection.stop()
    await bus.stop()
    return found


async def _some(records: Records, count: int) -> AsyncIterator[DeviceFact]:
    number = 0
    async for fact in records.all_devices():
        yield fact  # type: ignore[misc]
        number += 1
        if number == count:
            return


async def _restart(count: int, projection: Projection[DeviceFact]) -> Rebuilt:
    found = await _timed(count, projection, projection.start)
    await projection.stop()
    return found


async def _timed(count: int, projection: Projection[DeviceFact], begin: Callable[[], object]) -> Rebuilt:
    began, worked = perf_counter(), process_time()
    await begin()  # type: ignore[misc]
    while len(projection) < count:
        await projection.changed()
    return Rebuilt(count / (perf_counter() - began), (process_time() - worked) / count)


async def _over_kafka(count: int, url: str, inventory: Database, read_out: float, copy_in: float) -> str:
    """Everything is on the topic of a Kafka-protocol broker; then a follower comes."""
    broker = LocalBroker()
    await broker.start()
    follower = await Database.open(url, "bench_kafka")
    bus = KafkaBus(broker.address, "bench")
    try:
        await bus.start()
        while bus.incarnation is None:  # noqa: ASYNC110 - the bus tells only by this property
            await asyncio.sleep(0.05)
        records = Records(inventory, Outbox(inventory, bus), Entropy("bench"))
        owner = Owner(bus, "inventory", {INVENTORY_DEVICES: lambda: _some(records, count)})
        await owner.publish(INVENTORY_DEVICES.name)
        found = await _restart(count, _follow(FactsDirectory(), follower, bus))
    finally:
        await bus.stop()
        await follower.close()
        await broker.stop()
    return _row(f"rebuilt over the Kafka protocol, {count:,} records", found, read_out, copy_in)


def _reads(directory: FactsDirectory, kind: str, count: int, samples: int = 5000) -> tuple[float, float]:
    """Median and 99th percentile of finding and describing what 8.2 answers, in milliseconds."""
    chance = random.Random(1)
    times = []
    for _ in range(samples):
        key = homes.key(kind, chance.randrange(count // len(homes.KINDS)))
        began = perf_counter()
        inventory_content(directory.read_inventory(key))
        times.append(1000 * (perf_counter() - began))
    times.sort()
    return times[samples // 2], times[samples * 99 // 100]


def _octets() -> float:
    """What a Device costs in memory, by the allocator's own count."""
    values = [fact.to_bytes() for fact in homes.facts(SAMPLE)]
    directory = FactsDirectory()
    tracemalloc.start()
    for number in range(SAMPLE):
        fact, parts = DeviceFact.read(bytes(bytearray(values[number])))
        directory.devices.put(fact, parts)
        directory.learn_device(None, fact)
    del fact, parts
    octets = tracemalloc.get_traced_memory()[0] / SAMPLE
    tracemalloc.stop()
    return octets


def report(count: int) -> Iterator[str]:
    """The figures as lines of a document."""
    yield f"## Inventory of {count:,} Devices\n"
    yield "| what | figure |\n| --- | --- |"
    yield from asyncio.run(measure(count))


if __name__ == "__main__":
    for line in report(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000):
        print(line)
