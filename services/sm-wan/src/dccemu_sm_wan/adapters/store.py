"""Devices in PostgreSQL: all read at start, written as rows of the units that change them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg
from pydantic_core import to_json

from dccemu_contracts.wan import DeviceCommand
from dccemu_protocol.gbcs.respond import DeviceFacts, Value
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Claim, Write, claim, delete, upsert

from ..domain.device import Behaviour, SimulatedDevice

_READ_AT_ONCE = 5000
_KEY_NAMES = ("key/", "new-key/", "certificate/")
_VALUE = {"device": "text", "name": "text", "value": "text"}
_PUT_VALUE = upsert("device_values", _VALUE, ("device", "name"))
_DROP_VALUE = delete("device_values", {"device": "text", "name": "text"})
_PUT_KEY = upsert("device_keys", _VALUE, ("device", "name"))
_DROP_KEY = delete("device_keys", {"device": "text", "name": "text"})
_PUT_DEVICE = upsert("devices", {"device": "text", "facts": "text", "behaviour": "text"}, ("device",))
_NEW_DEVICE = claim("devices", {"device": "text", "facts": "text", "behaviour": "text"}, ("device",))
_KEEP = claim("deliveries", {"id": "text", "device": "text", "due_at": "timestamptz", "command": "text"}, ("id",))
_FORGET = delete("deliveries", {"id": "text"})


class Store:
    """Reads and rows of the Devices' tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[str, SimulatedDevice]:
        """Every Device with all that it remembers, by EUI-64."""
        found = {
            row[0]: SimulatedDevice(DeviceFacts(**json.loads(row[1])), {}, Behaviour(**json.loads(row[2])))
            async for row in self._rows("SELECT device, facts, behaviour FROM devices")
        }
        for table in ("device_values", "device_keys"):
            async for row in self._rows(f"SELECT device, name, value FROM {table}"):  # noqa: S608 - a constant
                if row[0] in found:
                    found[row[0]].stored[row[1]] = json.loads(row[2])
        return found

    async def _rows(self, query: str) -> AsyncIterator[asyncpg.Record]:
        """All rows of a table that may have millions, some thousands at a time."""
        async with self._database.transaction() as connection:
            rows = await connection.cursor(query)
            while part := await rows.fetch(_READ_AT_ONCE):
                for row in part:
                    yield row

    async def load_one(self, eui: str) -> SimulatedDevice | None:
        """One Device with all that it remembers."""
        pool = self._database.pool
        row = await pool.fetchrow("SELECT facts, behaviour FROM devices WHERE device = $1", eui)
        if row is None:
            return None
        found = SimulatedDevice(DeviceFacts(**json.loads(row[0])), {}, Behaviour(**json.loads(row[1])))
        for table in ("device_values", "device_keys"):
            sql = f"SELECT name, value FROM {table} WHERE device = $1"  # noqa: S608 - a constant
            for name, value in await pool.fetch(sql, eui):
                found.stored[name] = json.loads(value)
        return found

    async def keys_of(self, euis: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Keys and certificates that Devices of these EUI-64s had before a reset."""
        sql = "SELECT device, name, value FROM device_keys WHERE device = ANY($1::text[])"
        found: dict[str, dict[str, Value]] = {}
        for row in await self._database.pool.fetch(sql, list(euis)):
            found.setdefault(row[0], {})[row[1]] = json.loads(row[2])
        return found

    async def deliveries(self) -> list[tuple[DeviceCommand, datetime]]:
        """Commands on their way, in the order of their due times."""
        rows = await self._database.pool.fetch("SELECT command, due_at FROM deliveries ORDER BY due_at, id")
        return [(DeviceCommand.from_bytes(row[0].encode()), row[1]) for row in rows]

    async def delivery(self, command_id: str) -> DeviceCommand | None:
        """The Command on its way with this id."""
        text = await self._database.pool.fetchval("SELECT command FROM deliveries WHERE id = $1", command_id)
        return None if text is None else DeviceCommand.from_bytes(text.encode())

    def new(self, device: SimulatedDevice) -> Claim:
        """The row of a Device that is not there yet."""
        return Claim(_NEW_DEVICE, _row(device))

    def put(self, device: SimulatedDevice) -> Write:
        """The row of a Device whose behaviour changed."""
        return Write(_PUT_DEVICE, _row(device))

    def changes(self, eui: str, changes: Mapping[str, Value]) -> list[Write]:
        """The rows of what a draft changed."""
        return [_change(eui, name, value) for name, value in changes.items()]

    def keep_delivery(self, command: DeviceCommand, due_at: datetime) -> Claim:
        """The row of a Command on its way."""
        return Claim(_KEEP, (command.id, command.device, due_at, command.to_bytes().decode()))

    def forget_delivery(self, command_id: str) -> Write:
        """Take a Command off the way."""
        return Write(_FORGET, (command_id,))


def _row(device: SimulatedDevice) -> tuple[str, str, str]:
    facts = {**asdict(device.facts), "registers": dict(device.facts.registers)}
    return device.facts.eui, json.dumps(facts), json.dumps(asdict(device.behaviour))


def _change(eui: str, name: str, value: Value) -> Write:
    is_key = name.startswith(_KEY_NAMES)
    if value is None:
        return Write(_DROP_KEY if is_key else _DROP_VALUE, (eui, name))
    return Write(_PUT_KEY if is_key else _PUT_VALUE, (eui, name, to_json(value).decode()))
