"""A process for each service over a Kafka-protocol broker: `dccemu up --isolated`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import httpx

from dccemu_runtime.http.controls import JournalSource, JsonEntry
from dccemu_runtime.journal import Filter
from dccemu_runtime.local.ports import lasting_port

from .one_process import module_of
from .options import PORTS, SERVICES, Options, environment, service_settings
from .supervisor import Child, Supervisor, python_module


class RemoteJournal:
    """The journal of a service in another process, read over its admin port."""

    def __init__(self, client: httpx.AsyncClient, service: str, house: Isolated) -> None:
        self._client = client
        self._service = service
        self._house = house

    async def find(self, wanted: Filter, limit: int) -> Sequence[JsonEntry]:
        names = ("user", "device", "srv", "request_id", "stage", "outcome")
        query = {name: value for name in names if (value := getattr(wanted, name)) is not None}
        if wanted.since is not None:
            query["since"] = wanted.since.isoformat()
        answer = await self._get("/admin/journal", {**query, "limit": str(limit)})
        return [] if answer is None else list(answer["entries"])

    async def get(self, entry_id: str) -> JsonEntry | None:
        return await self._get(f"/admin/journal/{entry_id}", {})

    async def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        base = self._house.admin_url(self._service)
        if base is None:
            return None
        try:
            response = await self._client.get(base + path, params=query)
        except httpx.TransportError:
            return None
        return response.json() if response.status_code == 200 else None


_ON_THE_WAY = frozenset({"gateway", "sm-wan"})

# Each partition with something new costs the local broker a walk through all it holds of it, and each batch for it a
# write: one worker a service reads them all anyway.
LOCAL_PARTITIONS = 1


class Isolated:
    """The house as supervised processes. A process that dies comes back on the ports it had."""

    def __init__(self, options: Options, database_url: str, broker: str, *, local_broker: bool) -> None:
        self._settings = service_settings(options, database_url=database_url, bus=broker)
        for name, settings in self._settings.items():
            # One process for each service: it takes all its partitions at once, where joining a group takes seconds.
            settings["bus_share"] = "1/1"
            if local_broker:
                settings["bus_partitions"] = str(LOCAL_PARTITIONS)
                # The local broker does not wake a waiting fetch: a short wait keeps the round trip short, and costs
                # both ends a fetch each time it is over. Services off the way of a Command wait longer.
                settings["bus_fetch_max_wait_ms"] = "5" if name in _ON_THE_WAY else "25"
        self._choose_ports(options.host)
        self.supervisor = Supervisor()
        self._events: dict[str, dict[str, Any]] = {}
        self._readers: list[asyncio.Task[None]] = []
        self.client = httpx.AsyncClient(timeout=5.0, trust_env=False)

    def _choose_ports(self, host: str) -> None:
        """Where any free port will do, choose one that a process gets back when it is started again."""
        taken = {int(port) for port in self._fixed_ports()}
        places = [(port.service, port.setting) for port in PORTS.values()]
        for service, setting in (*places, *((name, "admin_port") for name in SERVICES)):
            settings = self._settings[service]
            if settings.get(setting, "0" if setting == "admin_port" else "") == "0":
                found = lasting_port(host, taken)
                taken.add(found)
                settings[setting] = str(found)

    def _fixed_ports(self) -> list[str]:
        return [self._settings[port.service].get(port.setting, "0") for port in PORTS.values()]

    async def start(self) -> None:
        """Start every process; ``unready`` tells when they have come up."""
        for name in SERVICES:
            child = Child(
                name,
                python_module(module_of(name)),
                environment(name, self._settings[name]),
                on_line=partial(self._heard, name),
            )
            await self.supervisor.start(child)

    def _heard(self, name: str, line: bytes) -> None:
        try:
            event = json.loads(line)
            urls = event["urls"]
        except (ValueError, KeyError, TypeError):
            return
        self._events[name] = event
        if event["event"] == "alive":
            return
        fixed = {"admin_port": urls["admin"]}
        fixed |= {p.setting: urls[p.listener] for p in PORTS.values() if p.service == name and p.listener in urls}
        ports = {setting: url.rsplit(":", 1)[1] for setting, url in fixed.items()}
        child = self.supervisor.children[name]
        child.came_up = event["event"] == "ready"
        child.environment = {**child.environment, **environment(name, ports)}

    def unready(self) -> list[str]:
        """What is missing, over all processes, as far as they have told."""
        missing = []
        for name in SERVICES:
            child = self.supervisor.children.get(name)
            event = self._events.get(name)
            pid = child.process.pid if child is not None and child.process is not None else None
            if event is None or event["event"] != "ready" or event["pid"] != pid:
                missing.append(f"{name} is starting")
        return missing

    def admin_url(self, service: str) -> str | None:
        """The admin address of a service's process."""
        event = self._events.get(service)
        return None if event is None else event["urls"].get("admin")

    def urls(self) -> dict[str, str]:
        """The address of every port by its name in the state file."""
        urls = {}
        for name, port in PORTS.items():
            url = self._events.get(port.service, {}).get("urls", {}).get(port.listener)
            if url is not None:
                urls[name] = url
        return urls

    def journals(self) -> Sequence[JournalSource]:
        """The journal of each service, over its admin port."""
        return [RemoteJournal(self.client, name, self) for name in SERVICES]

    async def stop(self) -> None:
        await self.supervisor.stop()
        await self.client.aclose()
