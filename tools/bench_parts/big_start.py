"""A full start with a big inventory, and Read Inventory (8.2) all the way: HTTPS, signatures, commit, answer.

The records are recorded Devices only: the SM WAN is told to simulate none of them (``SIMULATE_NOTIFIED``), because
making their keys and certificates goes on for many minutes beside the work.

Usage::

    python -m bench_parts.big_start [COUNT] [--isolated]
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from dccemu_runtime.database import Database
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_sdk.documents import address
from dccemu_sdk.stack import Stack, State

from . import homes
from .end_to_end import PARTY, USER
from .load import Load
from .user import NAMESPACE, Plan

FOLLOWERS = ("gateway", "cos_party", "smki")
DCC = "90-B3-D5-1F-30-00-00-02"
_COUNT = "SELECT count(*) FROM {}.projections WHERE topic = 'inventory.devices.v1'"


@contextmanager
def _running(folder: Path, database: str, topology: Sequence[str]) -> Iterator[tuple[State, float]]:
    """A suite on this database, and the seconds until every service was ready."""
    stack = Stack([*topology, "--database", database, "--data", str(folder / "data")], folder=folder, timeout=600)
    os.environ["DCCEMU_SM_WAN_SIMULATE_NOTIFIED"] = "false"
    began = time.perf_counter()
    try:
        yield stack.start(), time.perf_counter() - began
    finally:
        stack.stop()


async def _followed(database: str, count: int) -> float:
    """Seconds until every follower has every record in its own schema."""
    began = time.perf_counter()
    connection = await asyncpg.connect(database)
    try:
        for schema in FOLLOWERS:
            while await connection.fetchval(_COUNT.format(schema)) < count:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.1)
    finally:
        await connection.close()
    return time.perf_counter() - began


class Reader:
    """A Supplier that reads the inventory over one kept connection."""

    def __init__(self, state: State) -> None:
        assert state.duis_tls is not None
        self._load = Load(
            Plan(state.duis_tls, str(state.tls_folder), PARTY, str(state.keystore), USER, [], "read", 0, 1, 1)
        )
        self._counter = time.time_ns() // 1_000_000

    async def __aenter__(self) -> Reader:
        (self._connection,) = await self._load.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()

    async def read(self, kind: str, home: int) -> tuple[float, bytes]:
        """Read a home's inventory: seconds, and the answer."""
        self._counter += 1
        document = self._load.identity.sign_document(
            address(_document(kind, home), originator=self._load.identity.eui, counter=self._counter)
        )
        began = time.perf_counter()
        answer = await self._connection.post("/api/v1/serviceD", document)
        return time.perf_counter() - began, answer

    async def spread(self, kind: str, count: int, samples: int) -> tuple[float, float]:
        """Median and 99th percentile in milliseconds over homes drawn by chance."""
        chance, times = random.Random(1), []
        for _ in range(samples):
            seconds, answer = await self.read(kind, chance.randrange(count // len(homes.KINDS)))
            if answer.count(b"<sr:DeviceID>") + answer.count(b":DeviceID>") < len(homes.KINDS):
                raise RuntimeError(answer[-600:].decode())
            times.append(1000 * seconds)
        times.sort()
        return times[samples // 2], times[samples * 99 // 100]


def _document(kind: str, home: int) -> bytes:
    key = homes.key(kind, home)
    wanted = {
        "Device": f"<sr:DeviceID>{key.device}</sr:DeviceID>",
        "MPxN": f"<sr:MPxN>{key.mpxn}</sr:MPxN>",
        "postcode": f"<sr:PropertyFilter><sr:PostCode>{(key.post_code or '').upper()}</sr:PostCode>"
        f"<sr:AddressIdentifier>{key.address_identifier}</sr:AddressIdentifier></sr:PropertyFilter>",
    }[kind]
    return (
        f'<sr:Request xmlns:sr="{NAMESPACE}" schemaVersion="5.4"><sr:Header>'
        f"<sr:RequestID>{USER}:{DCC}:1</sr:RequestID><sr:CommandVariant>8</sr:CommandVariant>"
        "<sr:ServiceReference>8.2</sr:ServiceReference><sr:ServiceReferenceVariant>8.2</sr:ServiceReferenceVariant>"
        f"</sr:Header><sr:Body><sr:ReadInventory>{wanted}</sr:ReadInventory></sr:Body></sr:Request>"
    ).encode()


async def measure(count: int, topology: Sequence[str], samples: int) -> AsyncIterator[str]:
    """The rows of the report."""
    folder = Path(tempfile.mkdtemp(prefix="dccemu-big-", dir="/tmp"))
    server = LocalPostgres(folder / "server")
    await server.start()
    try:
        async for line in _measure(count, topology, samples, folder, server.url):
            yield line
    finally:
        await server.stop(immediate=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(count: int, topology: Sequence[str], samples: int, folder: Path, url: str) -> AsyncIterator[str]:
    with _running(folder, url, topology) as (_, seconds):
        yield f"| first start, demonstration homes only | {seconds:.1f} s until ready |"
    inventory = await Database.open(url, "inventory", migrations_package="dccemu_inventory.adapters.migrations")
    await homes.fill(inventory, count)
    await inventory.close()
    with _running(folder, url, topology) as (state, seconds):
        yield f"| start with an inventory that nobody has followed yet | {seconds:.1f} s until ready |"
        followed = await _followed(url, count)
        yield f"| every follower has every record | {followed:.1f} s later |"
        async with Reader(state) as reader:
            for kind in ("Device", "MPxN", "postcode"):
                median, last = await reader.spread(kind, count, samples)
                yield f"| 8.2 by {kind} over HTTPS, median and p99 | {median:.1f} ms, {last:.1f} ms |"
        yield f"| memory of the process afterwards | {_resident(state.pid) >> 20} MiB |"
    with _running(folder, url, topology) as (_, seconds):
        yield f"| start again | {seconds:.1f} s until ready |"


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def report(count: int, topology: Sequence[str] = (), *, samples: int = 500) -> Iterator[str]:
    """The figures as lines of a document."""
    yield f"## Start with {count:,} Devices, {'isolated' if topology else 'one process'}\n"
    yield "| what | figure |\n| --- | --- |"
    with asyncio.Runner() as runner:
        rows = aiter(measure(count, topology, samples))
        while (line := runner.run(anext(rows, None))) is not None:  # type: ignore[arg-type]
            yield line


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    for line in report(numbers[0] if numbers else 100_000, [word for word in sys.argv[1:] if word.startswith("--")]):
        print(line, flush=True)
