"""A service as a process of its own: it announces itself, follows the controls, and ends cleanly when told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Fault, Faults
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.roles import drop
from dccemu_runtime.service import Runtime
from dccemu_runtime.testing import START, Eventually

pytestmark = pytest.mark.asyncio

PROGRAM = """
import sys
from fastapi import APIRouter
from dccemu_runtime.database import Database
from dccemu_runtime.http import app as applications
from dccemu_runtime.journal import Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.service import Listener, Runtime, Service, run
from dccemu_runtime.settings import ServiceSettings, prefix


class Settings(ServiceSettings):
    model_config = prefix("probe")


async def build(settings: Settings, runtime: Runtime) -> Service:
    database = await Database.open(settings.database_url, settings.database_schema)
    admin = APIRouter()

    @admin.get("/admin/probe/now")
    async def now() -> str:
        return runtime.clock.now().isoformat()

    @admin.get("/admin/probe/fault")
    async def fault() -> str:
        hit = runtime.faults.at("wan")
        return "none" if hit is None else hit.effect

    main = Listener("main", applications.create("probe"), settings.host)
    outbox = Outbox(database, runtime.bus)
    return Service("probe", [main], admin, Journal(database), [database, outbox])


run("probe", Settings, build)
"""

Start = Callable[..., Awaitable[tuple[asyncio.subprocess.Process, dict[str, str]]]]


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[LocalBroker]:
    made = LocalBroker()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def start(postgres_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    """``await start(bus=...)``: the process and its addresses when it is ready."""
    program = tmp_path / "probe.py"
    program.write_text(PROGRAM)
    schema = f"t_{os.getpid()}_{time.monotonic_ns()}_probe"
    processes: list[asyncio.subprocess.Process] = []

    async def begin(bus: str = "memory", **settings: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
        environment = {
            **os.environ,
            "DCCEMU_PROBE_DATABASE_URL": postgres_url,
            "DCCEMU_PROBE_DATABASE_SCHEMA": schema,
            "DCCEMU_PROBE_BUS": bus,
            "DCCEMU_PROBE_BUS_FETCH_MAX_WAIT_MS": "5",
            "DCCEMU_PROBE_STATE_FILE": str(tmp_path / "state.json"),
            **{f"DCCEMU_PROBE_{name.upper()}": value for name, value in settings.items()},
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), env=environment, stdout=asyncio.subprocess.PIPE
        )
        processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(60):
            while True:
                line = await process.stdout.readline()
                assert line, "the process ended before it was ready"
                announced = json.loads(line)
                if announced["event"] == "ready":
                    return process, announced["urls"]

    yield begin
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await drop(postgres_url, schema)


async def test_a_process_serves_and_ends_cleanly_at_sigterm(start: Start, tmp_path: Path) -> None:
    process, urls = await start()

    async with httpx.AsyncClient() as client:
        assert (await client.get(urls["admin"] + "/readyz")).status_code == 200
        assert (await client.get(urls["admin"] + "/admin/probe/now")).status_code == 200
        outbox = (await client.get(urls["admin"] + "/admin/probe/outbox")).json()
        assert (outbox["unsent"], outbox["messages"]) == (0, [])
        assert (await client.get(urls["admin"] + "/admin/probe/timers")).json() == {"timers": []}
        assert (await client.get(urls["admin"] + "/admin/probe/dead-letters")).json() == {"dead_letters": []}
        assert (await client.post(urls["admin"] + "/admin/probe/dead-letters/1/send")).status_code == 404
        assert "process_max_fds" in (await client.get(urls["admin"] + "/metrics")).text
        assert (await client.get(urls["main"] + "/docs")).status_code == 200
    assert json.loads((tmp_path / "state.json").read_text())["pid"] == process.pid

    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert time.monotonic() - before < 5


async def test_clock_and_faults_reach_every_process(start: Start, broker: LocalBroker, eventually: Eventually) -> None:
    _process, urls = await start(bus=broker.address)
    bus = KafkaBus(broker.address, "operator", fetch_max_wait_ms=5)
    runtime = Runtime(Clock(START), Entropy(), bus, Faults(Entropy()))
    await runtime.start()
    await eventually(lambda: bus.incarnation is not None)

    async with httpx.AsyncClient(base_url=urls["admin"]) as client:
        await runtime.announce_clock()
        await eventually(lambda: says(client, "now", START.isoformat()))
        runtime.clock.advance(timedelta(days=1))
        await runtime.announce_clock()
        await eventually(lambda: says(client, "now", (START + timedelta(days=1)).isoformat()))
        runtime.faults.put(Fault(id="1", point="wan", effect="drop"))
        await runtime.announce_faults()
        await eventually(lambda: says(client, "fault", "drop"))
    await runtime.stop()


async def says(client: httpx.AsyncClient, path: str, expected: str) -> bool:
    return (await client.get(f"/admin/probe/{path}")).json() == expected


async def test_a_process_that_waits_for_its_broker_is_ready_when_it_comes_and_ends_when_told(
    start: Start, broker: LocalBroker
) -> None:
    await broker.kill()
    process, urls = await start(bus=broker.address)

    async with httpx.AsyncClient() as client:
        assert (await client.get(urls["admin"] + "/livez")).status_code == 200
    process.send_signal(signal.SIGTERM)

    async with asyncio.timeout(6):
        assert await process.wait() == 0


async def test_the_clock_can_start_frozen(start: Start) -> None:
    _process, urls = await start(clock=START.isoformat())

    async with httpx.AsyncClient(base_url=urls["admin"]) as client:
        assert await says(client, "now", START.isoformat())


async def test_a_process_ends_in_time_though_its_broker_is_gone(
    start: Start, broker: LocalBroker, eventually: Eventually
) -> None:
    process, urls = await start(bus=broker.address)
    async with httpx.AsyncClient(base_url=urls["admin"]) as client:
        await eventually(lambda: has_bus(client), within=30)

    await broker.kill()
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)

    assert await process.wait() == 0
    assert time.monotonic() - before < 5


async def has_bus(client: httpx.AsyncClient) -> bool:
    return (await client.get("/admin/probe/outbox")).json()["incarnation"] is not None
