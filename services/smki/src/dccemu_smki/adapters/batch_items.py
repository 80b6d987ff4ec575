"""The items of batches in PostgreSQL: what was asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ..domain.codes import ItemStatus, Outcome
from ..domain.messages import ItemResult
from ..domain.records import DeviceWish, OpenItems
from .claims import COUNT_UP

# Statements say between which positions their items are: a table that was filled a moment ago has no statistics, and
# without that the planner reads the whole batch for each chunk.
_OPEN = """
SELECT position, eui, usage, point, hardware_type FROM batch_items
WHERE batch = $1 AND position BETWEEN $2 AND $3 AND status IS NULL ORDER BY position"""
_STILL_OPEN = """
SELECT count(*) FROM batch_items WHERE batch = $1 AND position BETWEEN $2 AND $3 AND status IS NULL"""
_TAKEN = """
FROM batch_items
WHERE batch = $1 AND position BETWEEN $2 AND $3 AND status IS NULL AND position <> ALL($4::int[])"""
# The first sixteen octets of SHA-256: ``key_digest``. Unique keys are met in order, so that batches cannot block
# one another in a circle.
_TAKE_KEYS = f"""
INSERT INTO certified_keys (key_digest, owner, usage)
SELECT substring(sha256(point) FOR 16), eui, usage {_TAKEN} ORDER BY 1 ON CONFLICT DO NOTHING"""
_TAKE_COUNTS = COUNT_UP.format(devices=f"SELECT eui, count(*) {_TAKEN} GROUP BY eui")
_REFUSED = """
UPDATE batch_items i SET status = n.status, error_code = n.code, error_text = n.text
FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) AS n(position, status, code, text)
WHERE i.batch = $1 AND i.position = n.position"""
_ISSUED = """
UPDATE batch_items i SET status = 'SUCCESS', issuer = $2, serial = n.serial
FROM unnest($3::int[], $4::bytea[]) AS n(position, serial)
WHERE i.batch = $1 AND i.position = n.position AND i.position BETWEEN $5 AND $6"""
_COUNT = "UPDATE batches SET done = done + $2 WHERE id = $1"
_RESULTS = """
SELECT i.item, i.status, i.error_code, i.error_text, c.der FROM batch_items i
LEFT JOIN certificates c ON c.issuer = i.issuer AND c.serial = i.serial
WHERE i.batch = $1 ORDER BY i.position"""
_COLUMNS = (
    *("batch", "position", "item", "eui", "usage", "point", "hardware_type"),
    *("status", "error_code", "error_text"),
)


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


class BatchItems:
    """Statements about items; writes take the connection of the transaction."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, connection: PoolConnectionProxy, batch: int, items: Sequence[ParsedItem]) -> None:
        rows = []
        for position, item in enumerate(items):
            wish, refused = item.wish, item.refused
            fields: tuple[object, ...] = (None, None, None, None)
            if wish is not None:
                fields = (wish.eui.octets, wish.usage.value, wish.point, wish.hardware_type)
            outcome = (None, None, None) if refused is None else (refused.status.value, refused.code, refused.text)
            rows.append((batch, position, item.id, *fields, *outcome))
        await connection.copy_records_to_table("batch_items", records=rows, columns=_COLUMNS)
        await connection.execute(_COUNT, batch, sum(1 for item in items if item.refused))

    async def open(self, batch: int, first: int, last: int) -> OpenItems:
        """Items still to be dealt with, in order, at positions from first to last."""
        rows: list[Any] = await self._pool.fetch(_OPEN, batch, first, last)
        return OpenItems.of(rows)

    async def are_open(self, connection: PoolConnectionProxy, batch: int, items: OpenItems) -> bool:
        """Whether these, which were open, are all still to be dealt with, once the batch is locked."""
        found = await connection.fetchval(_STILL_OPEN, batch, items.positions[0], items.positions[-1])
        return bool(found == len(items))

    async def take_all(self, connection: PoolConnectionProxy, batch: int, items: OpenItems, but: Sequence[int]) -> bool:
        """Take the keys of these items and count the certificates of their Devices; False when any may not be.

        The items are all that are open between the first and the last, ``but`` for those positions. After False what
        was written is to be rolled back, and looked into one by one.
        """
        taken = (batch, items.positions[0], items.positions[-1], but)
        if await connection.fetchval(_TAKE_COUNTS, *taken):
            return False
        return await connection.execute(_TAKE_KEYS, *taken) == f"INSERT 0 {len(items)}"

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
        await connection.execute(_ISSUED, batch, issuer, positions, serials, positions[0], positions[-1])
        await connection.execute(_COUNT, batch, len(positions))

    async def results(self, batch: int) -> list[ItemResult]:
        return [
            ItemResult(row[0], Outcome(ItemStatus(row[1]), row[2], row[3]), row[4])
            for row in await self._pool.fetch(_RESULTS, batch)
            if row[1] is not None
        ]
