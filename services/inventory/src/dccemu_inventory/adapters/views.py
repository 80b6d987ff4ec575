"""Read-only views of the inventory's tables for the admin port and the documents sent out."""

from __future__ import annotations

import json
from typing import Any

from dccemu_contracts.inventory import RegistrationFact
from dccemu_runtime.database import Database

_DEVICES = """
SELECT body FROM devices
WHERE NOT removed AND device > $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR type = $3)
  AND ($4::text IS NULL OR hub = $4) AND ($5::text IS NULL OR mpxns @> ARRAY[$5::text])
ORDER BY device LIMIT $6"""
_DEVICE = "SELECT body FROM devices WHERE device = $1 AND NOT removed"
_HISTORY = """
SELECT old, new, at, event, cause, request_id, user_ AS user FROM device_history WHERE device = $1 ORDER BY position"""
_DUTIES = """
SELECT device, duty, opened_at, due_at, done_at, note FROM duties
WHERE ($1::text IS NULL OR device = $1) AND (NOT $2::boolean OR (done_at IS NULL AND due_at < $3))
ORDER BY due_at, device, duty LIMIT $4"""
_POINTS = """
SELECT body FROM meter_points
WHERE NOT removed AND mpxn > $1 AND ($2::text IS NULL OR fuel = $2) ORDER BY mpxn LIMIT $3"""
_POINT = "SELECT body FROM meter_points WHERE mpxn = $1 AND NOT removed"

Json = dict[str, Any]


class Views:
    """Queries."""

    def __init__(self, database: Database) -> None:
        self._pool = database.pool

    async def devices(
        self, *, status: str | None, kind: str | None, hub: str | None, mpxn: str | None, limit: int, after: str
    ) -> list[Json]:
        """List records in order of their identifiers."""
        rows = await self._pool.fetch(_DEVICES, after, status, kind, hub and hub.upper(), mpxn, limit)
        return [json.loads(row[0]) for row in rows]

    async def device(self, eui: str) -> Json | None:
        """Give one record with history and duties."""
        row = await self._pool.fetchrow(_DEVICE, eui)
        if row is None:
            return None
        history = [_plain(entry) for entry in await self._pool.fetch(_HISTORY, eui)]
        return {**json.loads(row[0]), "history": history, "duties": await self.duties(device=eui)}

    async def history(self, eui: str) -> list[Json]:
        """List the changes of status of a Device, also of one that is gone."""
        return [_plain(entry) for entry in await self._pool.fetch(_HISTORY, eui)]

    async def duties(self, *, device: str | None = None, overdue_at: object = None, limit: int = 1000) -> list[Json]:
        """List post-commissioning duties; with ``overdue_at`` only those past their term."""
        rows = await self._pool.fetch(_DUTIES, device, overdue_at is not None, overdue_at, limit)
        return [_plain(row) for row in rows]

    async def points(self, *, fuel: str | None, limit: int, after: str) -> list[Json]:
        """List meter points."""
        return [json.loads(row[0]) for row in await self._pool.fetch(_POINTS, after, fuel, limit)]

    async def point(self, mpxn: str) -> RegistrationFact | None:
        """Give one meter point."""
        row = await self._pool.fetchrow(_POINT, mpxn)
        return None if row is None else RegistrationFact.from_bytes(row[0].encode())

    async def parties(self) -> list[Json]:
        """List Parties."""
        rows = await self._pool.fetch("SELECT body FROM parties WHERE NOT removed ORDER BY party")
        return [json.loads(row[0]) for row in rows]

    async def entry_elements(self, user: str, role: str) -> list[Json]:
        """List the elements of the User Entry Process that are done."""
        query = "SELECT element, done_at, proven_by FROM entry_elements WHERE user_ = $1 AND role = $2 ORDER BY done_at"
        return [_plain(row) for row in await self._pool.fetch(query, user, role)]

    async def identifiers(self) -> list[Json]:
        """List the EUI-64s given out."""
        rows = await self._pool.fetch("SELECT eui, party, purpose, given_at FROM identifiers ORDER BY eui")
        return [_plain(row) for row in rows]

    async def suspensions(self) -> list[Json]:
        """List suspensions of rights."""
        rows = await self._pool.fetch(
            'SELECT id, party, right_ AS "right", services, state, requested_at, approved_at, lifted_at, detail'
            " FROM suspensions ORDER BY requested_at"
        )
        return [{**_plain(row), "detail": json.loads(row["detail"])} for row in rows]

    async def providers(self) -> list[Json]:
        """List Registration Data Providers."""
        return [dict(row) for row in await self._pool.fetch("SELECT provider, networks FROM providers ORDER BY 1")]

    async def feeds(self, provider: str | None) -> list[Json]:
        """List registration files, newest first."""
        rows = await self._pool.fetch(
            "SELECT provider, generation, kind, fuel, received_at, status, accepted, rejected, response FROM feeds"
            " WHERE $1::text IS NULL OR provider = $1 ORDER BY received_at DESC, generation DESC LIMIT 1000",
            provider,
        )
        return [_plain(row) for row in rows]

    async def incidents(self) -> list[Json]:
        """List Incidents."""
        rows = await self._pool.fetch("SELECT id, at, kind, subject, detail, closed_at FROM incidents ORDER BY at DESC")
        return [_plain(row) for row in rows]


def _plain(row: Any) -> Json:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
