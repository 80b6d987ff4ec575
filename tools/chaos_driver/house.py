"""The system under test: PostgreSQL, broker and `dccemu up --isolated`, all children of the driver.

Only processes that this driver started, or that its own `dccemu up` started, are ever signalled, by their ids.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg

from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_sdk.stack import Stack, State

from . import scenario

SERVICES: Mapping[str, str] = {
    "gateway": "dccemu_gateway",
    "sm-wan": "dccemu_sm_wan",
    "inventory": "dccemu_inventory",
    "smki": "dccemu_smki",
    "cos-party": "dccemu_cos_party",
}


class House:
    """A running isolated topology over a broker and a database that can be killed.

    Parameters
    ----------
    homes
        Homes of the scenario that is made for it.
    plan
        A scenario file instead.
    """

    def __init__(self, folder: Path, *, homes: int = 12, plan: Path | None = None) -> None:
        self.folder = folder
        self.meters = [scenario.meter(home) for home in range(1, homes + 1)]
        self._homes = homes
        self._plan = plan
        self.broker = LocalBroker(log=folder / "broker.log")
        self.postgres = LocalPostgres(folder / "db")
        self._stack: Stack | None = None
        self._state: State | None = None

    @property
    def state(self) -> State:
        assert self._state is not None, "the house is not started"
        return self._state

    async def start(self) -> State:
        """Start everything; returns where it listens."""
        url = await self.postgres.start()
        address = await self.broker.start()
        plan = self._plan or self.folder / "chaos.yaml"
        if self._plan is None:
            plan.write_text(scenario.text(self._homes), encoding="utf-8")
        # With a broker that is named, the stack assumes one that wakes waiting fetches; this one does not.
        for name in SERVICES:
            prefix = f"DCCEMU_{name.replace('-', '_').upper()}"
            os.environ[f"{prefix}_BUS_FETCH_MAX_WAIT_MS"] = "5" if name in {"gateway", "sm-wan"} else "25"
        self._stack = Stack(
            [
                "--log-level",
                "info",
                "--kafka",
                address,
                "--database",
                url,
                "--data",
                str(self.folder / "data"),
                "--scenario",
                str(plan),
            ],
            folder=self.folder,
            timeout=120,
        )
        self._state = await asyncio.to_thread(self._stack.start)
        return self._state

    async def stop(self) -> None:
        """End everything that was started."""
        if self._stack is not None:
            await asyncio.to_thread(self._stack.stop)
        await self.broker.stop()
        await self.postgres.stop()

    def pids(self) -> dict[str, int]:
        """The process of the moment of each service: children of our `dccemu up`, known by their module."""
        found = {}
        for pid in children(self.state.pid):
            command = _command_line(pid)
            for name, module in SERVICES.items():
                if module.encode() in command:
                    found[name] = pid
        return found

    def kill(self, service: str) -> int | None:
        """``kill -9`` a service's process; its id, or None when it is not running just now."""
        pid = self.pids().get(service)
        if pid is None:
            return None
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return pid

    def processes(self, part: str) -> list[int]:
        """The processes of a part: a service, the broker, or PostgreSQL with its sessions."""
        if part == "broker":
            return [self.broker.pid]
        if part == "PostgreSQL":
            return [self.postgres.pid, *children(self.postgres.pid)]
        pid = self.pids().get(part)
        return [] if pid is None else [pid]

    async def stall(self, part: str, seconds: float) -> bool:
        """``SIGSTOP``, and ``SIGCONT`` after a while: the part is there, and silent. False when it is not running."""
        stopped = self.processes(part)
        _signal(stopped, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            _signal(stopped, signal.SIGCONT)
        return bool(stopped)

    async def lose_broker(self, away: float) -> None:
        """``kill -9`` the broker and start it, empty, on the same port."""
        await self.broker.kill()
        await asyncio.sleep(away)
        await self.broker.start()

    async def crash_database(self, away: float) -> None:
        """Immediate shutdown of PostgreSQL, as after a crash, and a new start over the same folder."""
        await self.postgres.stop(immediate=True)
        await asyncio.sleep(away)
        await self.postgres.start()

    async def query(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Ask the database directly: the records of the services, past their own interfaces."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    def log(self, length: int = 6000) -> str:
        """The end of the suite's log."""
        return "" if self._stack is None else self._stack.tail(length)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def children(pid: int) -> list[int]:
    """The child processes of a process, over all its threads."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
