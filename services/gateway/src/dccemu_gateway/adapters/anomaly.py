"""Rows of threshold anomaly detection: thresholds, the past that windows are counted from, quarantine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.anomaly import Threshold
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write, insert

QUARANTINED, RELEASED, DELETED, EXPIRED = "quarantined", "released", "deleted", "expired"
_QUARANTINE = insert(
    "quarantine",
    {
        "request_id": "text",
        "kind": "text",
        "event": "numeric",
        "user_": "text",
        "srv": "text",
        "breach": "text",
        "threshold": "int",
        "window_seconds": "int",
        "quarantined_at": "timestamptz",
        "alert": "text",
        "state": "text",
    },
)
_THRESHOLDS = """
SELECT owner, srv, window_seconds, warning, quarantine, valid_from, valid_to, note, reference FROM thresholds
WHERE ($1::text IS NULL OR owner = $1) ORDER BY position"""
_PUT_THRESHOLD = """
INSERT INTO thresholds (reference, owner, srv, window_seconds, warning, quarantine, valid_from, valid_to, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
# What was transformed counts when it is signed; Non-Device requests send nothing to a Device.
_PAST = """
SELECT r.request_id, r.kind, r.user_, r.srv, r.received_at FROM requests r
WHERE r.received_at > $1 AND r.kind <> 'transform' AND r.command_variant <> 8
  AND ($2::text[] IS NULL OR r.user_ = ANY($2::text[]))
  AND NOT EXISTS (SELECT 1 FROM quarantine q
                  WHERE q.request_id = r.request_id AND q.kind = r.kind AND q.state <> 'released')"""
_IS_ACCEPTED = "SELECT 1 FROM requests WHERE request_id = $1 AND kind = $2"
_DECIDE = "UPDATE quarantine SET state = $3, decided_at = $4, reference = $5 WHERE request_id = $1 AND kind = $2"
_OPEN_OF = """
SELECT q.request_id, q.kind, q.event, q.srv, q.breach, r.received_at FROM quarantine q JOIN requests r
ON r.request_id = q.request_id AND r.kind = q.kind
WHERE q.user_ = $1 AND q.state = 'quarantined' ORDER BY r.received_at, q.request_id"""
_ACT = """
UPDATE timers SET due_at = $3, payload = $4::jsonb, attempts = 0 WHERE kind = $1 AND key = ANY($2::text[])"""
_SHOWN = """
SELECT q.request_id, q.kind, q.event, q.user_, q.srv, q.breach, q.threshold, q.window_seconds, q.quarantined_at,
  q.state, q.decided_at, q.reference, d.delivered_at AS notified_at,
  extract(epoch FROM d.delivered_at - q.quarantined_at)::float8 AS notified_seconds
FROM quarantine q LEFT JOIN deliveries d ON d.id = q.alert
WHERE ($1::text IS NULL OR q.user_ = $1) AND ($2::text IS NULL OR q.state = $2)
ORDER BY q.quarantined_at DESC, q.request_id LIMIT $3"""
_TIMELY = """
SELECT count(*) AS anomalous,
  count(*) FILTER (WHERE d.delivered_at - q.quarantined_at <= $1) AS notified_in_time,
  count(*) FILTER (WHERE d.delivered_at IS NULL) AS not_notified_yet,
  max(extract(epoch FROM d.delivered_at - q.quarantined_at))::float8 AS longest_seconds
FROM quarantine q LEFT JOIN deliveries d ON d.id = q.alert"""


@dataclass(frozen=True, slots=True)
class Owned:
    """A threshold with its owner (a User ID or ``*``) and the file that brought it."""

    owner: str
    reference: str
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A request in quarantine."""

    request_id: str
    kind: str
    event: int
    srv: str
    breach: str
    received_at: datetime

    @property
    def key(self) -> str:
        """The key of its timer."""
        return f"{self.request_id} {self.kind}"


def put_quarantined(values: Sequence[Any]) -> Write:
    """The row of a request that was quarantined; values in the order of the columns."""
    return Write(_QUARANTINE, tuple(values))


class AnomalyRows:
    """Reads and writes the rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def thresholds(self, owner: str | None = None) -> list[Owned]:
        """Every threshold in the order given, past ones too."""
        rows = await self._database.pool.fetch(_THRESHOLDS, owner)
        return [
            Owned(
                row["owner"],
                row["reference"],
                Threshold(
                    row["srv"],
                    timedelta(seconds=row["window_seconds"]),
                    row["warning"],
                    row["quarantine"],
                    row["valid_from"],
                    row["valid_to"],
                    row["note"],
                ),
            )
            for row in rows
        ]

    async def put_thresholds(
        self, connection: PoolConnectionProxy, reference: str, owner: str, rows: Sequence[Threshold]
    ) -> None:
        """Store the thresholds of a file."""
        await connection.executemany(
            _PUT_THRESHOLD,
            [
                (
                    *(reference, owner, row.srv, int(row.window.total_seconds()), row.warning, row.quarantine),
                    *(row.valid_from, row.valid_to, row.note),
                )
                for row in rows
            ],
        )

    async def past(
        self, since: datetime, users: Sequence[str] | None
    ) -> AsyncIterator[tuple[str, str, str, str, datetime]]:
        """Requests that count, received after ``since``: RequestID, kind, User ID, service and time."""
        async with self._database.pool.acquire() as connection, connection.transaction():
            async for row in connection.cursor(_PAST, since, users, prefetch=2000):
                yield row[0], row[1], row[2], row[3], row[4]

    async def is_accepted(self, request_id: str, kind: str) -> bool:
        """Whether a request is durable."""
        return await self._database.pool.fetchval(_IS_ACCEPTED, request_id, kind) is not None

    async def open_of(self, connection: PoolConnectionProxy, user: str) -> list[Quarantined]:
        """What of a User is quarantined, oldest first."""
        return [
            Quarantined(row[0], row[1], int(row[2]), row[3], row[4], row[5])
            for row in await connection.fetch(_OPEN_OF, user)
        ]

    async def act(
        self, connection: PoolConnectionProxy, timer: str, keys: Sequence[str], at: datetime, payload: str
    ) -> None:
        """Make the timers of quarantined requests due, with what is to be done."""
        await connection.execute(_ACT, timer, list(keys), at, payload)

    async def decide(
        self,
        connection: PoolConnectionProxy,
        request_id: str,
        kind: str,
        state: str,
        at: datetime,
        reference: str | None,
    ) -> None:
        """Say how a request left quarantine."""
        await connection.execute(_DECIDE, request_id, kind, state, at, reference)

    async def shown(self, user: str | None, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Quarantined requests, newest first, each with the seconds until its User had been told."""
        return [
            {name.rstrip("_"): _plain(value) for name, value in row.items()}
            for row in await self._database.pool.fetch(_SHOWN, user, state, limit)
        ]

    async def timely(self, within: timedelta) -> dict[str, Any]:
        """Performance Measure 11: of all anomalous requests, those notified in time."""
        row = await self._database.pool.fetchrow(_TIMELY, within)
        assert row is not None
        return dict(row)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return int(value) if value is not None and type(value).__name__ == "Decimal" else value
