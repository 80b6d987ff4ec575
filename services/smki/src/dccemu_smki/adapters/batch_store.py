"""Batches and their items in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage

from ..domain.codes import BatchStatus, ItemStatus, Outcome
from ..domain.messages import ItemResult
from ..domain.records import DeviceWish

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
_NEXT = """
SELECT position, eui, usage, point, hardware_type FROM batch_items
WHERE batch = $1 AND position > $2 AND status IS NULL ORDER BY position LIMIT $3"""
_STILL_OPEN = """
SELECT count(*) FROM batch_items WHERE batch = $1 AND position BETWEEN $2 AND $3 AND status IS NULL"""
_REFUSED = """
UPDATE batch_items i SET status = n.status, error_code = n.code, error_text = n.text
FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) AS n(position, status, code, text)
WHERE i.batch = $1 AND i.position = n.position"""
_ISSUED = """
UPDATE batch_items i SET status = 'SUCCESS', issuer = $2, serial = n.serial
FROM unnest($3::int[], $4::bytea[]) AS n(position, serial)
WHERE i.batch = $1 AND i.position = n.position"""
_COUNT = "UPDATE batches SET done = done + $2 WHERE id = $1"
_RESULTS = """
SELECT i.item, i.status, i.error_code, i.error_text, c.der FROM batch_items i
LEFT JOIN certificates c ON c.issuer = i.issuer AND c.serial = i.serial
WHERE i.batch = $1 ORDER BY i.position"""
_ITEM_COLUMNS = (
    "batch",
    "position",
    "item",
    "eui",
    "usage",
    "point",
    "hardware_type",
    "status",
    "error_code",
    "error_text",
)
_USAGES = {usage.value: usage for usage in Usage}
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


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """One item as it leaves the parsing stage: a wish, or why there is none."""

    id: str
    wish: DeviceWish | None
    refused: Outcome | None


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """One item that was refused in the processing stage."""

    position: int
    outcome: Outcome


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

    async def add_items(self, connection: PoolConnectionProxy, batch: int, items: Sequence[ParsedItem]) -> None:
        rows = []
        for position, item in enumerate(items):
            wish, refused = item.wish, item.refused
            fields: tuple[object, ...] = (None, None, None, None)
            if wish is not None:
                fields = (wish.eui.octets, wish.usage.value, wish.point, wish.hardware_type)
            outcome = (None, None, None) if refused is None else (refused.status.value, refused.code, refused.text)
            rows.append((batch, position, item.id, *fields, *outcome))
        await connection.copy_records_to_table("batch_items", records=rows, columns=_ITEM_COLUMNS)
        await connection.execute(_COUNT, batch, sum(1 for item in items if item.refused))

    async def next_items(self, batch: int, after: int, count: int) -> list[tuple[int, DeviceWish]]:
        """Items still to be dealt with, in order, behind a position."""
        rows = await self._pool.fetch(_NEXT, batch, after, count)
        return [(row[0], DeviceWish(Eui64(row[1]), _USAGES[row[2]], row[3], row[4])) for row in rows]

    async def are_open(
        self, connection: PoolConnectionProxy, batch: int, items: Sequence[tuple[int, DeviceWish]]
    ) -> bool:
        """Whether these, which were the next items, are all still to be dealt with, once the batch is locked."""
        found = await connection.fetchval(_STILL_OPEN, batch, items[0][0], items[-1][0])
        return bool(found == len(items))

    async def finish_refused(self, connection: PoolConnectionProxy, batch: int, items: Sequence[RefusedItem]) -> None:
        if not items:
            return
        await connection.execute(
            _REFUSED,
            batch,
            [item.position for item in items],
            [item.outcome.status.value for item in items],
            [item.outcome.code for item in items],
            [item.outcome.text for item in items],
        )
        await connection.execute(_COUNT, batch, len(items))

    async def finish_issued(
        self,
        connection: PoolConnectionProxy,
        batch: int,
        issuer: str,
        positions: Sequence[int],
        serials: Sequence[bytes],
    ) -> None:
        if not positions:
            return
        await connection.execute(_ISSUED, batch, issuer, positions, serials)
        await connection.execute(_COUNT, batch, len(positions))

    async def results(self, batch: int) -> list[ItemResult]:
        return [
            ItemResult(row[0], Outcome(ItemStatus(row[1]), row[2], row[3]), row[4])
            for row in await self._pool.fetch(_RESULTS, batch)
            if row[1] is not None
        ]

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
