"""Thresholds from signed files in the CoS Party's own schema, and what of a User is quarantined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.anomaly import Threshold, in_force

SERVICE = "6.23"
"""The one kind of request that the CoS Party handles; ``*`` in a file means the same here."""
_ROWS = """
SELECT user_, reference, window_seconds, warning, quarantine, valid_from, valid_to, note FROM filed_thresholds
WHERE $1::text[] IS NULL OR user_ = ANY($1::text[]) ORDER BY position"""
_PUT = """
INSERT INTO filed_thresholds (reference, user_, window_seconds, warning, quarantine, valid_from, valid_to, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_USE = """
INSERT INTO anomaly_files (user_, reference, taken_at, kind, signer, content) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING 1"""
_QUARANTINED = """
SELECT request_id, event_reference FROM requests WHERE user_ = $1 AND state = 'quarantined'
ORDER BY received_at, request_id FOR UPDATE"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A request in the CoS Party's quarantine."""

    event: int
    request_id: str


async def rows_of(connection: Any, users: Sequence[str] | None) -> list[tuple[str, str, Threshold]]:
    """Filed thresholds in the order given: User ID, reference and row."""
    return [
        (
            row["user_"],
            row["reference"],
            Threshold(
                SERVICE,
                timedelta(seconds=row["window_seconds"]),
                row["warning"],
                row["quarantine"],
                row["valid_from"],
                row["valid_to"],
                row["note"],
            ),
        )
        for row in await connection.fetch(_ROWS, users)
    ]


async def current(connection: PoolConnectionProxy, users: Sequence[str], at: datetime) -> dict[str, Threshold]:
    """The filed threshold in force of each User that has one."""
    rows = await rows_of(connection, users)
    found = {user: in_force([row for owner, _, row in rows if owner == user], at) for user in users}
    return {user: row for user, row in found.items() if row is not None}


async def put(connection: PoolConnectionProxy, reference: str, user: str, rows: Iterable[Threshold]) -> None:
    """Store the rows of a file."""
    await connection.executemany(
        _PUT,
        [
            (
                *(reference, user, int(row.window.total_seconds()), row.warning, row.quarantine),
                *(row.valid_from, row.valid_to, row.note),
            )
            for row in rows
        ],
    )


async def use(
    connection: PoolConnectionProxy, user: str, reference: str, at: datetime, kind: str, signer: str, content: bytes
) -> bool:
    """Keep a file under its reference; False when that was used before."""
    return await connection.fetchval(_USE, user, reference, at, kind, signer, content) is not None


async def quarantined(connection: PoolConnectionProxy, user: str) -> list[Quarantined]:
    """What of a User is quarantined, locked."""
    return [Quarantined(row[1], row[0]) for row in await connection.fetch(_QUARANTINED, user)]
