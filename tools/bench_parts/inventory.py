"""The inventory at size: Read Inventory by Device, MPxN and postcode, and rebuilding a projection from its topic.

Ratios to what PostgreSQL alone does with the same rows in the same run: COPY in, read out.
"""

from __future__ import annotations

import asyncio
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

from dccemu_contracts.device_index import DeviceIndex, InventoryKey
from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.topics import INVENTORY_DEVICES
from dccemu_contracts.trust_anchors import cells_of
from dccemu_inventory.adapters.records import Records
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.projections import Projection
from dccemu_runtime.snapshots import Owner

AT = datetime(2026, 1, 1, tzinfo=UTC)
HOLDERS = {
    1: "90-B3-D5-1F-30-00-00-01",
    2: "90-B3-D5-1F-30-01-00-00",
    3: "90-B3-D5-1F-30-02-00-00",
    4: "90-B3-D5-1F-30-00-00-02",
    5: "90-B3-D5-1F-30-00-00-04",
    6: "90-B3-D5-1F-30-00-00-07",
}
KINDS = ("CHF", "GPF", "ESME", "GSME", "PPMID")


@dataclass(frozen=True, slots=True)
class Measures:
    """Records a second, seconds and octets of one run."""

    records: int
    copy_in: float
    read_out: float
    rebuild: float
    work: float
    octets_each: float
    reads: dict[str, tuple[float, float]]


def facts(count: int) -> Iterator[DeviceFact]:
    """Homes of five Devices each."""
    cells = {kind: cells_of(kind, "4.3", HOLDERS) for kind in KINDS}
    for number in range(count):
        home, place = divmod(number, len(KINDS))
        kind = KINDS[place]
        hub = _eui(home * len(KINDS))
        yield DeviceFact(
            id=f"{number}",
            at=AT,
            version=number + 1,
            device=_eui(number),
            type=kind,  # type: ignore[arg-type]
            status="Commissioned",
            manufacturer="AB01",
            model="010A030B",
            firmware_version="0002012F",
            gbcs_version="4.3",
            hub=None if kind == "CHF" else hub,
            import_mpxn=f"{home:013d}" if kind == "ESME" else f"{home:010d}" if kind == "GSME" else None,
            uprn=f"{home}",
            post_code=f"AB{home // 15 % 100} {home // 1500}AA",
            address_identifier=f"{home % 15}",
            cells=cells[kind],
        )


def _eui(number: int) -> str:
    return number.to_bytes(8, "big").hex("-").upper()


async def measure(count: int) -> Measures:
    """Measure with ``count`` Devices."""
    folder = Path(tempfile.mkdtemp(prefix="dccemu-bench-"))
    server = LocalPostgres(folder, volatile=True)
    await server.start()
    try:
        inventory = await Database.open(
            server.url, "bench_inventory", migrations_package="dccemu_inventory.adapters.migrations"
        )
        follower = await Database.open(server.url, "bench_follower")
        try:
            return await _measure(count, inventory, follower)
        finally:
            await inventory.close()
            await follower.close()
    finally:
        await server.stop(immediate=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(count: int, inventory: Database, follower: Database) -> Measures:
    rows = [_row(fact) for fact in facts(count)]
    began = perf_counter()
    async with inventory.pool.acquire() as connection:
        await connection.copy_records_to_table("devices", records=rows, columns=_COLUMNS)
    copy_in = count / (perf_counter() - began)
    del rows
    began = perf_counter()
    async with inventory.pool.acquire() as connection, connection.transaction():
        async for _ in connection.cursor("SELECT body FROM devices", prefetch=1000):
            pass
    read_out = count / (perf_counter() - began)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    index = DeviceIndex()
    rebuild, work = await _rebuild(count, inventory, follower, index)
    octets = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / count
    return Measures(count, copy_in, read_out, rebuild, work, octets, _reads(index, count))


async def _rebuild(count: int, inventory: Database, follower: Database, index: DeviceIndex) -> tuple[float, float]:
    """Rebuild a projection with its index from nothing: records a second, and this process's seconds for each."""

    bus, entropy = MemoryBus(), Entropy("bench")
    await bus.start()
    records = Records(inventory, Outbox(inventory, bus), entropy)
    projection: Projection[DeviceFact] = Projection(DeviceFact, follower, bus, Clock(), entropy, requester="bench")
    projection.on_change(lambda _old, new: index.put(new))
    owner = Owner(bus, "inventory", {INVENTORY_DEVICES: records.all_devices})
    began, worked = perf_counter(), process_time()
    await owner.start()
    await projection.start()
    while len(projection) < count:
        await projection.changed()
    seconds, work = perf_counter() - began, process_time() - worked
    await owner.stop()
    await projection.stop()
    await bus.stop()
    return count / seconds, work / count


def _reads(index: DeviceIndex, count: int, samples: int = 5000) -> dict[str, tuple[float, float]]:
    """Median and 99th percentile of Read Inventory, in seconds, by kind of key."""
    chance = random.Random(1)
    found: dict[str, tuple[float, float]] = {}
    for name in ("Device", "MPxN", "postcode"):
        times = []
        for _ in range(samples):
            home = chance.randrange(count // len(KINDS))
            key = {
                "Device": InventoryKey(device=_eui(home * len(KINDS) + 2)),
                "MPxN": InventoryKey(mpxn=f"{home:013d}"),
                "postcode": InventoryKey(
                    post_code=f"ab{home // 15 % 100}{home // 1500}aa", address_identifier=f"{home % 15}"
                ),
            }[name]
            began = perf_counter()
            index.read(key)
            times.append(perf_counter() - began)
        times.sort()
        found[name] = (times[samples // 2], times[samples * 99 // 100])
    return found


_COLUMNS = ("device", "version", "removed", "type", "status", "manufacturer", "model", "meters", "mpxns", "hub", "body")


def _row(fact: DeviceFact) -> tuple[object, ...]:
    mpxns = [fact.import_mpxn] if fact.import_mpxn else []
    body = fact.to_bytes().decode()
    head = (fact.device, fact.version, False, fact.type, fact.status, fact.manufacturer, fact.model)
    return (*head, list(fact.meters), mpxns, fact.hub, body)


def report(count: int) -> Iterator[str]:
    """The figures as lines of a document."""
    found = asyncio.run(measure(count))
    yield f"## Inventory of {found.records:,} Devices\n"
    yield "| what | figure |\n| --- | --- |"
    yield f"| PostgreSQL alone: COPY in, read out | {found.copy_in:,.0f}, {found.read_out:,.0f} records/s |"
    yield (
        f"| projection rebuilt from the topic, durable | {found.rebuild:,.0f} records/s,"
        f" {found.rebuild / found.read_out:.2f} of read out, {found.rebuild / found.copy_in:.2f} of COPY |"
    )
    yield f"| processor time of it, both ends in one process | {found.work * 1e6:.0f} us a record |"
    yield f"| memory of the projection | {found.octets_each / 1024:.1f} KiB a Device |"
    for name, (median, last) in found.reads.items():
        yield f"| 8.2 by {name}, median and p99 | {median * 1e6:.0f} us, {last * 1e6:.0f} us |"


if __name__ == "__main__":
    for line in report(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000):
        print(line)
