"""The CoS Party's book: every request and what was decided, counters and thresholds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_runtime.database import Database

from ..domain.threshold import Counts, Thresholds
from . import filed

_SEEN = "SELECT 1 FROM requests WHERE request_id = $1"
_PUT = """
INSERT INTO requests (request_id, device, user_, submitter, document, received_at, state, mpxn, execution_at, counter,
                      payload, rule, detail, decided_at, event_reference)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (request_id) DO UPDATE SET state = EXCLUDED.state, mpxn = EXCLUDED.mpxn,
  execution_at = EXCLUDED.execution_at, counter = EXCLUDED.counter, payload = EXCLUDED.payload, rule = EXCLUDED.rule,
  detail = EXCLUDED.detail, decided_at = EXCLUDED.decided_at, event_reference = EXCLUDED.event_reference"""
_NEXT = """
INSERT INTO counter (name, value) VALUES ('originator', $1)
ON CONFLICT (name) DO UPDATE SET value = GREATEST(counter.value + 1, EXCLUDED.value) RETURNING value"""
_COUNT = """
SELECT count(*) FILTER (WHERE user_ = $1 AND received_at > $2), count(*) FILTER (WHERE received_at > $3)
FROM requests WHERE state IN ('signed', 'held') AND received_at > LEAST($2, $3)"""
_THRESHOLDS = "SELECT user_, maximum, window_seconds, warning FROM thresholds WHERE user_ = ANY($1::text[])"
_SET_THRESHOLD = """
INSERT INTO thresholds (user_, maximum, window_seconds, warning, set_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_) DO UPDATE SET maximum = EXCLUDED.maximum, window_seconds = EXCLUDED.window_seconds,
  warning = EXCLUDED.warning, set_by = EXCLUDED.set_by"""
_HELD_OF = """
SELECT * FROM requests WHERE state = 'held' AND device = $1 AND user_ = $2 ORDER BY received_at FOR UPDATE"""
_LIST = """
SELECT request_id, device, user_, submitter, received_at, state, mpxn, execution_at, counter, rule, detail, decided_at,
       event_reference
FROM requests WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR user_ = $2)
  AND ($3::text IS NULL OR device = $3) ORDER BY received_at DESC LIMIT $4"""

ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Row:
    """A request in the book."""

    request_id: str
    device: str
    user: str
    submitter: str
    document: str
    received_at: datetime
    state: str
    mpxn: str | None = None
    execution_at: datetime | None = None
    counter: int | None = None
    payload: str | None = None
    rule: str | None = None
    detail: str | None = None
    decided_at: datetime | None = None
    event_reference: int | None = None


class Book:
    """Reads and writes the book; what is written commits with the decision that goes out."""

    def __init__(self, database: Database, default: Thresholds, window: timedelta) -> None:
        self._database = database
        self._default = default
        self._window = window

    async def is_known(self, connection: PoolConnectionProxy, request_id: str) -> bool:
        """Whether a request of this identifier was decided before."""
        return await connection.fetchval(_SEEN, request_id) is not None

    async def row(self, connection: PoolConnectionProxy, request_id: str) -> Row | None:
        """Give a request and lock it."""
        found = await connection.fetchrow("SELECT * FROM requests WHERE request_id = $1 FOR UPDATE", request_id)
        return None if found is None else _row(found)

    async def held(self, connection: PoolConnectionProxy, device: str, user: str) -> list[Row]:
        """Give the held requests of a User for a Device and lock them."""
        return [_row(found) for found in await connection.fetch(_HELD_OF, device, user)]

    async def put(self, connection: PoolConnectionProxy, row: Row) -> None:
        """Write a request with what was decided."""
        await connection.execute(
            _PUT,
            *(row.request_id, row.device, row.user, row.submitter, row.document, row.received_at, row.state),
            *(row.mpxn, row.execution_at, row.counter, row.payload, row.rule, row.detail, row.decided_at),
            row.event_reference,
        )

    async def next_counter(self, connection: PoolConnectionProxy, now: datetime) -> int:
        """Draw an originator counter: milliseconds since 1970 or one more than the last, whichever is greater."""
        value: int = await connection.fetchval(_NEXT, int(now.timestamp() * 1000))
        return value

    async def measure(
        self, connection: PoolConnectionProxy, user: str, now: datetime, *, alone: bool = False
    ) -> tuple[Counts, Thresholds]:
        """Count what was taken in the windows of the User and of all, and give the thresholds in force.

        With ``alone`` one request at a time is counted, until the transaction ends: two at the boundary do not both
        pass.
        """
        set_ = {row[0]: (row[1], row[2], row[3]) for row in await connection.fetch(_THRESHOLDS, [user, ANYBODY])}
        for owner, row in (await filed.current(connection, [user, ANYBODY], now)).items():
            set_[owner] = (row.quarantine, int(row.window.total_seconds()), row.warning)
        seconds = int(self._window.total_seconds())
        of_user, user_window, warning = set_.get(user, (self._default.of_user, seconds, None))
        of_all, all_window, _ = set_.get(ANYBODY, (self._default.of_all, seconds, None))
        if alone:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('cos-party thresholds'))")
        counted = await connection.fetch(
            _COUNT, user, now - timedelta(seconds=user_window), now - timedelta(seconds=all_window)
        )
        return Counts(counted[0][0], counted[0][1]), Thresholds(of_user, of_all, warning)

    async def set_threshold(
        self, user: str, maximum: int, window_seconds: int | None, warning: int | None, set_by: str
    ) -> None:
        """Set the threshold of a User, or of all (``*``)."""
        seconds = window_seconds or int(self._window.total_seconds())
        await self._database.pool.execute(_SET_THRESHOLD, user, maximum, seconds, warning, set_by)

    async def thresholds(self) -> list[dict[str, Any]]:
        """List the thresholds that were set, and the default ones."""
        rows = await self._database.pool.fetch("SELECT * FROM thresholds ORDER BY user_")
        window = int(self._window.total_seconds())
        default = {"default": True, "window_seconds": window, "set_by": "configuration"}
        return [
            *({**dict(row), "user": row["user_"]} for row in rows),
            {"user": "(each User)", "maximum": self._default.of_user, **default},
            {"user": "(all Users)", "maximum": self._default.of_all, **default},
        ]

    async def list(
        self, *, state: str | None, user: str | None, device: str | None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """List requests, newest first."""
        rows = await self._database.pool.fetch(_LIST, state, user, device, limit)
        return [_plain(row) for row in rows]

    async def find(self, request_id: str) -> dict[str, Any] | None:
        """Give one request whole."""
        row = await self._database.pool.fetchrow("SELECT * FROM requests WHERE request_id = $1", request_id)
        return None if row is None else _plain(row)


def _row(record: Any) -> Row:
    values = dict(record)
    return Row(user=values.pop("user_"), **values)


def _plain(record: Any) -> dict[str, Any]:
    values = {("user" if name == "user_" else name): value for name, value in record.items()}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()} | (
        {} if "identity_check" not in values else {"identity_check": json.loads(values["identity_check"])}
    )
