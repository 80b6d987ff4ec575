"""`dccemu up` from the first step to the last: database, broker, services, demonstration Users, admin port, banner."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import structlog

from dccemu_runtime import collector
from dccemu_runtime.bus import PARTITIONS
from dccemu_runtime.bus.connect import connect
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Faults
from dccemu_runtime.http.controls import JournalSource
from dccemu_runtime.http.server import Server
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.local.postgres import LocalPostgres
from dccemu_runtime.service import Runtime

from ..admin import app as admin
from ..admin.switch import Switch
from . import demonstration
from .banner import print_banner
from .forget import forget
from .isolated import LOCAL_PARTITIONS, Isolated
from .one_process import OneProcess
from .options import Options
from .state import write_state

log = structlog.get_logger("dccemu.up")

READY_SECONDS = 120.0
STOP_SECONDS = 4.8


class Suite:
    """Everything that `dccemu up` runs. ``users`` are the demonstration Users, once they have their certificates."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._outer = contextlib.AsyncExitStack()
        self._inner = contextlib.AsyncExitStack()
        self._house: OneProcess | Isolated | None = None
        self._admin_app = Switch()
        self._admin = Server(self._admin_app, host=options.host, port=options.admin_port)
        self._database_url = ""
        self._resetting = asyncio.Lock()
        self.users: demonstration.Users | None = None

    async def start(self) -> None:
        """Bring everything up; returns when every service is ready."""
        collector.begin()
        self._database_url = self._options.database or await self._local_database()
        await self._bring_up()
        collector.settle()

    async def _local_database(self) -> str:
        server = LocalPostgres(self._options.data / "database")
        self._outer.push_async_callback(server.stop)
        return await server.start()

    async def _bring_up(self) -> None:
        if self._options.isolated:
            await self._start_processes()
        else:
            await self._start_one_process()
        if not self._admin.is_running:
            await self._admin.start()
            self._outer.push_async_callback(self._admin.stop)
        await self._until(lambda: not [line for line in self.unready() if line.startswith("smki")], "the SMKI")
        self.users = await demonstration.prepare(self._options, self._admin.url)
        await self._until(lambda: not self.unready(), "the services")
        self._options = replace(self._options, ports={name: _port(url) for name, url in self.urls().items()})

    async def _start_one_process(self) -> None:
        house = self._house = OneProcess(self._options, self._database_url)
        self._inner.push_async_callback(house.stop)
        await house.start()
        application = admin.create(self, house.runtime, self.reset)
        for router in house.admin_routers():
            application.include_router(router)
        self._admin_app.target = application

    async def _start_processes(self) -> None:
        options = self._options
        broker = options.kafka
        partitions = PARTITIONS
        if broker is None:
            partitions = LOCAL_PARTITIONS
            local = LocalBroker()
            self._inner.push_async_callback(local.stop)
            broker = await local.start()
        house = self._house = Isolated(options, self._database_url, broker, local_broker=options.kafka is None)
        self._inner.push_async_callback(house.stop)
        await house.start()
        entropy = Entropy(options.seed)
        bus = connect(broker, "dccemu", partitions=partitions)
        runtime = Runtime(Clock(options.clock), entropy, bus, Faults(entropy.child("faults")))
        self._inner.push_async_callback(runtime.stop)
        await runtime.start()
        application = admin.create(self, runtime, self.reset)
        admin.proxy(application, house.client, house.admin_url)
        self._admin_app.target = application

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not get ready: {'; '.join(self.unready())}")
            await asyncio.sleep(0.02)

    def unready(self) -> list[str]:
        """What is missing until the suite can work."""
        return ["the suite is starting"] if self._house is None else self._house.unready()

    def journals(self) -> Sequence[JournalSource]:
        """Every service's journal."""
        return [] if self._house is None else self._house.journals()

    def urls(self) -> dict[str, str]:
        """The address of every port by its name in the state file."""
        urls = {} if self._house is None else self._house.urls()
        return {**urls, "admin": self._admin.url}

    def introduction(self) -> dict[str, str]:
        """Where a client finds the Users' keys: part of the state file and of ``GET /admin/users``."""
        if self.users is None:
            return {}
        found = {"keystore": self.users.keystore, "supplier": self.users.supplier, "tls_folder": self.users.tls_folder}
        return {name: str(value) for name, value in found.items() if value is not None}

    async def reset(self) -> None:
        """Forget everything but keys and certificates, and begin again from the scenario, on the same ports.

        Raises
        ------
        ResetRefused
            With a broker that is not ours: its topics would bring the past back.
        """
        if self._options.kafka is not None:
            raise admin.ResetRefused("the broker is not the suite's own; start again with an empty one instead")
        async with self._resetting:
            self._house = None
            await self._inner.aclose()
            await forget(self._database_url)
            await self._bring_up()

    async def stop(self) -> None:
        """End everything, what was started last first."""
        await self._inner.aclose()
        await self._outer.aclose()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None, url
    return port


async def run(options: Options, began: float) -> int:
    """Run the suite until SIGTERM or SIGINT; the exit status."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    suite = Suite(options)
    starting = asyncio.create_task(suite.start())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            print_banner(options, suite.urls(), suite.users, time.monotonic() - began)
            if options.state is not None:
                write_state(options.state, suite.urls(), suite.introduction())
            await waiting
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
    finally:
        waiting.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await suite.stop()
    return 0
