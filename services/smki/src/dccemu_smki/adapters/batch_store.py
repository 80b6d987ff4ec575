"""Batches in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ..domain.codes import BatchStatus, ItemStatus, Outcome

_COLUMNS = "id, party, source, name, status, size, done, error_code, error_text, submitted_at, completed_at, polled_at"
_ADD = """
INSERT INTO batches (party, source, name, status, content, content_digest, size, submitted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id"""
_GET = f"SELECT {_COLUMNS} FROM batches "  # noqa: S608
# Reading does not wait for the night.
_OPEN = """
SELECT id FROM batches WHERE status IN ('PARSING', 'QUEUED', 'PROCESSING', 'PAUSED')
ORDER BY status <> 'PARSING', id LIMIT 1"""
_CONTENT = "SELECT content, content_digest FROM batches WHERE id = $1"
_STATUS = """
UPDATE batches SET status = $2, error_code = $3, error_text = $4,
    completed_at = CASE WHEN $5::timestamptz IS NULL THEN completed_at ELSE $5 END,
    content = CASE WHEN $2 IN ('PENDING', 'PARSING') THEN content ELSE NULL END
WHERE id = $1"""
_FORGET = "DELETE FROM batches WHERE completed_at < $1"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch without its content."""

    id: int
    party: str
    source: str
    name: str
    status: BatchStatus
    size: int
    done: int
    error: Outcome | None
    submitted_at: datetime
    completed_at: datetime | None
    polled_at: datetime | None


class BatchStore:
    """Statements about batches; writes take the connection of the transaction."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(
        self,
        connection: PoolConnectionProxy,
        *,
        party: str,
        source: str,
        name: str,
        status: BatchStatus,
        content: bytes,
        digest: bytes,
        size: int,
        at: datetime,
    ) -> int:
        number: int = await connection.fetchval(_ADD, party, source, name, status.value, content, digest, size, at)
        return number

    async def find(self, batch: int) -> Batch | None:
        row = await self._pool.fetchrow(_GET + "WHERE id = $1", batch) if 0 < batch < 2**63 else None
        return None if row is None else _batch(row)

    async def lock(self, connection: PoolConnectionProxy, batch: int) -> Batch | None:
        row = await connection.fetchrow(_GET + "WHERE id = $1 FOR UPDATE", batch) if 0 < batch < 2**63 else None
        return None if row is None else _batch(row)

    async def all(self, party: str | None, limit: int = 100) -> list[Batch]:
        rows = await self._pool.fetch(
            _GET + "WHERE ($1::text IS NULL OR party = $1) ORDER BY id DESC LIMIT $2", party, limit
        )
        return [_batch(row) for row in rows]

    async def next_open(self) -> int | None:
        number: int | None = await self._pool.fetchval(_OPEN)
        return number

    async def content(self, batch: int) -> tuple[bytes, bytes]:
        """What was uploaded, and its digest of that moment."""
        row = await self._pool.fetchrow(_CONTENT, batch)
        return (b"", b"") if row is None else (row["content"] or b"", row["content_digest"])

    async def set_status(
        self,
        connection: PoolConnectionProxy,
        batch: int,
        status: BatchStatus,
        *,
        error: Outcome | None = None,
        completed_at: datetime | None = None,
    ) -> None:
        code, text = (error.code, error.text) if error else (None, None)
        await connection.execute(_STATUS, batch, status.value, code, text, completed_at)

    async def polled(self, connection: PoolConnectionProxy, batch: int, at: datetime) -> None:
        await connection.execute("UPDATE batches SET polled_at = $2 WHERE id = $1", batch, at)

    async def forget(self, connection: PoolConnectionProxy, before: datetime) -> None:
        await connection.execute(_FORGET, before)


def _batch(row: asyncpg.Record) -> Batch:
    error = None
    if row["error_code"]:
        error = Outcome(ItemStatus.FORMAT_ERROR, row["error_code"], row["error_text"])
    return Batch(
        id=row["id"],
        party=row["party"],
        source=row["source"],
        name=row["name"],
        status=BatchStatus(row["status"]),
        size=row["size"],
        done=row["done"],
        error=error,
        submitted_at=row["submitted_at"],
        completed_at=row["completed_at"],
        polled_at=row["polled_at"],
    )
