"""A service: what it listens on, what it runs, when it is ready; and how a process runs one by itself.

``build(settings, runtime)`` in a service's ``bootstrap.py`` makes a ``Service``. The one-command stack builds all of
them on one ``Runtime``; in the isolated topology ``run`` is the process entry of one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
import uvloop
from fastapi import APIRouter
from prometheus_client import REGISTRY
from pydantic import ValidationError
from starlette.types import ASGIApp

from dccemu_contracts.controls import ClockControl, FaultControl
from dccemu_contracts.topics import RUNTIME_CONTROLS

from . import collector, logs
from .bus import Bus, Message, Subscription
from .bus.connect import connect
from .clock import Clock
from .database import Database
from .entropy import Entropy
from .faults import Faults
from .http import app as applications
from .http import controls
from .http.insides import inside_routes
from .http.server import Bounds, Server
from .http.starting import Starting
from .journal import Journal
from .outbox import Outbox, message_of
from .settings import ServiceSettings

log = structlog.get_logger(__name__)


class Component(Protocol):
    """A part of a service with a life: consumer, projection, relay, timers, database."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class Runtime:
    """What all services of a process share."""

    clock: Clock
    entropy: Entropy
    bus: Bus
    faults: Faults
    _controls: Subscription | None = None

    @classmethod
    def create(cls, settings: ServiceSettings, name: str) -> Runtime:
        """The runtime of a process of its own, as its settings say."""
        entropy = Entropy(settings.seed)
        bus = connect(
            settings.bus,
            name,
            fetch_max_wait_ms=settings.bus_fetch_max_wait_ms,
            partitions=settings.bus_partitions,
            share=settings.bus_share,
        )
        return cls(Clock(settings.clock), entropy, bus, Faults(entropy.child("faults")))

    def entropy_of(self, name: str, database: Database) -> Entropy:
        """What a service draws from; ``database`` knows how often it has been started."""
        return self.entropy.child(name).after(database.starts)

    async def start(self) -> None:
        """Start the bus and follow the controls: clock and faults reach every process."""
        await self.bus.start()
        self._controls = await self.bus.subscribe([RUNTIME_CONTROLS.name], "runtime", self._control, replay=True)

    async def stop(self) -> None:
        if self._controls is not None:
            await self._controls.stop()
            self._controls = None
        await self.bus.stop()

    async def announce_clock(self) -> None:
        """Tell the other processes what the Clock shows."""
        await self.bus.publish([message_of(self.clock.control(self.entropy.uuid()))])

    async def announce_faults(self) -> None:
        """Tell the other processes which faults are in force."""
        await self.bus.publish([message_of(self.faults.control(self.entropy.uuid(), self.clock.now()))])

    async def _control(self, batch: Sequence[Message]) -> None:
        for message in batch:
            try:
                kind = json.loads(message.value).get("kind")
                if kind == "clock":
                    self.clock.apply(ClockControl.from_bytes(message.value))
                elif kind == "faults":
                    self.faults.apply(FaultControl.from_bytes(message.value))
            except (ValidationError, ValueError) as error:
                log.warning("control ignored", error=str(error))


@dataclass(slots=True)
class Listener:
    """A port: ``tls`` is a server-side context, or a function that makes one when the service has started."""

    name: str
    app: ASGIApp
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(slots=True)
class Service:
    """A built service.

    ``components`` are started in order and stopped in reverse. Each of ``conditions`` returns what is unmet, or None.
    """

    name: str
    listeners: Sequence[Listener] = ()
    admin: APIRouter | None = None
    journal: Journal | None = None
    components: Sequence[Component] = ()
    conditions: Sequence[Callable[[], str | None]] = ()
    _running: list[Component] = field(default_factory=list)
    _is_started: bool = False

    def __post_init__(self) -> None:
        outbox = next((component for component in self.components if isinstance(component, Outbox)), None)
        if outbox is not None:
            # The service's own routes come first and win; a router of its own may have a prefix, so both go into one.
            both = APIRouter()
            if self.admin is not None:
                both.include_router(self.admin)
            both.include_router(inside_routes(self.name, outbox))
            self.admin = both

    async def start(self) -> None:
        """Start the components."""
        for component in self.components:
            self._running.append(component)
            await component.start()
        self._is_started = True

    async def stop(self) -> None:
        """Stop what was started, last first; one that fails does not keep the others running."""
        self._is_started = False
        while self._running:
            component = self._running.pop()
            try:
                await component.stop()
            except Exception:
                log.exception("a component did not stop cleanly", service=self.name, component=type(component).__name__)

    @property
    def is_started(self) -> bool:
        """Whether every component runs; it may still be waiting for something until it is ready."""
        return self._is_started

    def unready(self) -> list[str]:
        """What is missing until the service can do its work: empty when ready."""
        if not self._is_started:
            return [f"{self.name} is starting"]
        return [unmet for condition in self.conditions if (unmet := condition()) is not None]


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Build = Callable[[SettingsT, Runtime], Awaitable[Service]]


async def listen(listener: Listener) -> Server:
    """Open one port of a started service."""
    tls = listener.tls() if callable(listener.tls) else listener.tls
    server = Server(listener.app, host=listener.host, port=listener.port, tls=tls, bounds=listener.bounds)
    await server.start()
    return server


def run(name: str, settings_type: type[SettingsT], build: Build[SettingsT]) -> None:
    """Run one service in this process until SIGTERM or SIGINT (isolated topology)."""
    settings = settings_type()
    logs.configure(settings.log_format, settings.log_level, service=name)
    sys.exit(uvloop.run(_run(name, settings, build)))


async def _run(name: str, settings: SettingsT, build: Build[SettingsT]) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    process = _Process(name, settings)
    working = asyncio.create_task(process.bring_up(build), name=f"bring up {name}")
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    failed = False
    if working.done() and working.exception() is not None:
        log.error("the service did not start", service=name, exc_info=working.exception())
        failed = True
    elif working.done():
        await waiting
    waiting.cancel()
    working.cancel()
    await asyncio.gather(working, waiting, return_exceptions=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(4.5):
            await process.take_down()
    return 1 if failed else 0


class _Process:
    """The servers and the service of one process."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self._name = name
        self._settings = settings
        self._servers: dict[str, Server] = {}
        self._runtime: Runtime | None = None
        self._service: Service | None = None

    async def bring_up(self, build: Build[SettingsT]) -> None:
        collector.begin()
        settings = self._settings
        admin = applications.create(
            f"dccemu {self._name}: admin",
            unready=self._unready,
            metrics=REGISTRY,
            max_body_bytes=settings.max_body_bytes,
        )
        gated = Starting(admin, self._is_started, name=self._name)
        self._servers["admin"] = Server(gated, host=settings.host, port=settings.admin_port)
        await self._servers["admin"].start()
        self._announce("alive")
        self._runtime = Runtime.create(settings, self._name)
        await self._runtime.start()
        self._service = await build(settings, self._runtime)  # type: ignore[arg-type]
        admin.include_router(controls.clock_routes(self._runtime.clock, self._runtime.announce_clock))
        admin.include_router(controls.fault_routes(self._runtime.faults, self._runtime.announce_faults))
        if self._service.journal is not None:
            journals = [controls.LocalJournal(self._name, self._service.journal)]
            admin.include_router(controls.journal_routes(lambda: journals))
        if self._service.admin is not None:
            admin.include_router(self._service.admin)
        await self._service.start()
        for listener in self._service.listeners:
            self._servers[listener.name] = await listen(listener)
        self._announce("listening")
        while self._unready():  # noqa: ASYNC110 - conditions are plain functions without an event of their own
            await asyncio.sleep(0.05)
        collector.settle()
        self._announce("ready")

    async def take_down(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers.values()), return_exceptions=True)
        if self._service is not None:
            await self._service.stop()
        if self._runtime is not None:
            await self._runtime.stop()

    def _is_started(self) -> bool:
        return self._service is not None and self._service.is_started

    def _unready(self) -> list[str]:
        return [f"{self._name} is starting"] if self._service is None else self._service.unready()

    def _announce(self, event: str) -> None:
        urls = {name: server.url for name, server in self._servers.items()}
        line = json.dumps({"event": event, "service": self._name, "pid": os.getpid(), "urls": urls})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if self._settings.state_file is not None and event == "ready":
            _write_whole(self._settings.state_file, line)


def _write_whole(path: Path, text: str) -> None:
    """A reader sees the whole file or none."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
