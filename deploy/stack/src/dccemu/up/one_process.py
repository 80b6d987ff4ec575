"""All five services in this process, on the in-process bus: `dccemu up`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter

from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Faults
from dccemu_runtime.http.controls import JournalSource, LocalJournal
from dccemu_runtime.http.server import Server
from dccemu_runtime.service import Runtime, Service, listen

from .options import PORTS, SERVICES, Options, service_settings


def module_of(service: str) -> str:
    """The import package of a service."""
    return f"dccemu_{service.replace('-', '_')}"


class OneProcess:
    """The house in one process."""

    def __init__(self, options: Options, database_url: str) -> None:
        self._settings = service_settings(options, database_url=database_url, bus="memory")
        entropy = Entropy(options.seed)
        self.runtime = Runtime(Clock(options.clock), entropy, MemoryBus(), Faults(entropy.child("faults")))
        self._services: dict[str, Service] = {}
        self._servers: dict[str, dict[str, Server]] = {}

    async def start(self) -> None:
        """Build, start and open every service; certificates first, the front door last."""
        await self.runtime.start()
        for name in SERVICES:
            self._services[name] = await self._build(name, self._settings[name])
        # A service may wait for facts of another while it starts, so they start together.
        await asyncio.gather(*(service.start() for service in self._services.values()))
        for name, service in self._services.items():
            self._servers[name] = {listener.name: await listen(listener) for listener in service.listeners}

    async def _build(self, name: str, settings: Mapping[str, str]) -> Service:
        package = module_of(name)
        settings_type: Any = importlib.import_module(f"{package}.settings").Settings
        build: Any = importlib.import_module(f"{package}.bootstrap").build
        service: Service = await build(settings_type(**settings), self.runtime)
        return service

    def unready(self) -> list[str]:
        """What is missing, over all services."""
        if len(self._servers) < len(SERVICES):
            return ["the services are starting"]
        return [unmet for service in self._services.values() for unmet in service.unready()]

    def urls(self) -> dict[str, str]:
        """The address of every port by its name in the state file."""
        urls = {}
        for name, port in PORTS.items():
            server = self._servers.get(port.service, {}).get(port.listener)
            if server is not None:
                urls[name] = server.url
        return urls

    def journals(self) -> Sequence[JournalSource]:
        """The journal of each service that keeps one."""
        return [LocalJournal(name, service.journal) for name, service in self._services.items() if service.journal]

    def admin_routers(self) -> list[APIRouter]:
        """The admin routes that each service brings."""
        return [service.admin for service in self._services.values() if service.admin is not None]

    async def stop(self) -> None:
        """Close the ports, then the services, the front door first."""
        servers = [server for group in self._servers.values() for server in group.values()]
        await asyncio.gather(*(server.stop() for server in servers), return_exceptions=True)
        self._servers.clear()
        for name in reversed(SERVICES):
            service = self._services.pop(name, None)
            if service is not None:
                await service.stop()
        await self.runtime.stop()
