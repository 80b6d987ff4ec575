"""Timers: due times as rows, set and cancelled in the transaction of the state they belong to; they obey the Clock.

A due timer is locked (``FOR UPDATE SKIP LOCKED``), handled and deleted in one transaction: its effect happens once,
whichever worker takes it. The runner wakes at the next due time by the Clock, when the Clock is changed, and when a
timer was set in this process; a slow poll finds what other processes set.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from . import deadletters
from .bus import Message
from .clock import Clock
from .database import Database
from .groupcommit import CONNECTION_TROUBLE, Row, StoreUnavailable, Write, delete, upsert

log = structlog.get_logger(__name__)

_SET = """
INSERT INTO timers (kind, key, due_at, payload) VALUES ($1, $2, $3, $4::jsonb)
ON CONFLICT (kind, key) DO UPDATE SET due_at = EXCLUDED.due_at, payload = EXCLUDED.payload, attempts = 0"""
_CANCEL = "DELETE FROM timers WHERE kind = $1 AND key = $2 RETURNING 1"
_DUE = """
SELECT kind, key, due_at, payload, attempts FROM timers
WHERE due_at <= $1 AND kind = ANY($2::text[]) AND NOT (kind || ' ' || key = ANY($3::text[]))
ORDER BY due_at, kind, key LIMIT 1 FOR UPDATE SKIP LOCKED"""
_DONE = "DELETE FROM timers WHERE kind = $1 AND key = $2"
_AGAIN = "UPDATE timers SET due_at = $3, attempts = 0 WHERE kind = $1 AND key = $2"
_FAILED = "UPDATE timers SET attempts = attempts + 1 WHERE kind = $1 AND key = $2 RETURNING attempts"
_NEXT = "SELECT min(due_at) FROM timers WHERE kind = ANY($1::text[])"
_PENDING = "SELECT kind, key, due_at, payload, attempts FROM timers ORDER BY due_at, kind, key LIMIT $1"

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Timer:
    """A due time: ``kind`` chooses the handler, ``key`` makes it unique within its kind."""

    kind: str
    key: str
    due_at: datetime
    payload: dict[str, Any]
    attempts: int = 0


#: Called in the transaction in which the timer is taken. A returned instant sets the timer again.
TimerHandler: TypeAlias = Callable[[PoolConnectionProxy, Timer], Awaitable[datetime | None]]


class Timers:
    """The timers of one service."""

    def __init__(self, database: Database, clock: Clock, *, poll: timedelta = timedelta(seconds=1)) -> None:
        self._database = database
        self._clock = clock
        self._poll = poll.total_seconds()
        self._handlers: dict[str, TimerHandler] = {}
        self._resting: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._set = upsert(
            "timers",
            {"kind": "text", "key": "text", "due_at": "timestamptz", "payload": "jsonb"},
            ("kind", "key"),
            committed=self._committed,
        )
        self._cancel = delete("timers", {"kind": "text", "key": "text"})
        clock.on_change(self.wake)

    def on(self, kind: str, handler: TimerHandler) -> None:
        """Handle timers of ``kind``; timers of kinds that nobody handles stay."""
        self._handlers[kind] = handler

    async def set(
        self,
        connection: PoolConnectionProxy,
        kind: str,
        key: str,
        due_at: datetime,
        payload: dict[str, Any] | None = None,
    ) -> None:
        """Set or move a timer in the transaction of ``connection`` (from ``Database.transaction``)."""
        await connection.execute(_SET, kind, key, due_at, json.dumps(payload or {}))
        self._database.after_commit(connection, self.wake)

    async def cancel(self, connection: PoolConnectionProxy, kind: str, key: str) -> bool:
        """Remove a timer; False when there was none."""
        return await connection.fetchval(_CANCEL, kind, key) is not None

    def write_set(self, kind: str, key: str, due_at: datetime, payload: dict[str, Any] | None = None) -> Write:
        """Set or move a timer, for a unit of the group commit."""
        return Write(self._set, (kind, key, due_at, json.dumps(payload or {})))

    def write_cancel(self, kind: str, key: str) -> Write:
        """Remove a timer, for a unit of the group commit."""
        return Write(self._cancel, (kind, key))

    async def pending(self, limit: int = 1000) -> list[Timer]:
        """The timers that are set, soonest first."""
        return await pending(self._database, limit)

    def wake(self) -> None:
        """Look for due timers now."""
        self._wake.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"timers {self._database.schema}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _committed(self, _rows: Sequence[Row]) -> None:
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                due = await self._next()
                if due is not None and due <= self._clock.now():
                    while await self.run_one():
                        pass
                    due = await self._next()
                await self._rest(due)
            except (StoreUnavailable, asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.warning("timers wait", schema=self._database.schema, error=repr(error))
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("the timer runner failed", schema=self._database.schema)
                await asyncio.sleep(1)

    async def _next(self) -> datetime | None:
        """When the first timer is due."""
        due: datetime | None = await self._database.pool.fetchval(_NEXT, list(self._handlers))
        return due

    async def _rest(self, due: datetime | None) -> None:
        """Sleep until the next due time, a change of the Clock, a new timer, or the poll."""
        pause = self._poll
        if due is not None and not self._clock.is_frozen:
            pause = min(pause, max((due - self._clock.now()).total_seconds(), 0.005))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def run_one(self) -> bool:
        """Handle the timer that is due longest; False when none is due."""
        real = asyncio.get_running_loop().time()
        self._resting = {name: until for name, until in self._resting.items() if until > real}
        timer: Timer | None = None
        try:
            async with self._database.transaction() as connection:
                row = await connection.fetchrow(_DUE, self._clock.now(), list(self._handlers), list(self._resting))
                if row is None:
                    return False
                timer = _timer(row)
                again = await self._handlers[timer.kind](connection, timer)
                if again is None:
                    # Its handler may have set the same timer anew: delete what was due, nothing else.
                    await connection.execute(_DONE + " AND due_at = $3", timer.kind, timer.key, timer.due_at)
                else:
                    await connection.execute(_AGAIN, timer.kind, timer.key, again)
        except (StoreUnavailable, *CONNECTION_TROUBLE):
            raise
        except Exception as error:
            if timer is None:
                raise
            log.warning("timer handler failed", kind=timer.kind, key=timer.key, exc_info=True)
            await self._failed(timer, error)
        return True

    async def _failed(self, timer: Timer, error: Exception) -> None:
        async with self._database.transaction() as connection:
            attempts = await connection.fetchval(_FAILED, timer.kind, timer.key)
            if attempts is not None and attempts >= ATTEMPTS:
                await connection.execute(_DONE, timer.kind, timer.key)
                identity = f"{timer.kind} {timer.key} {timer.due_at.isoformat()}"
                message = Message(f"timer {timer.kind}", timer.key, json.dumps(timer.payload).encode(), identity)
                reason = f"{type(error).__name__}: {error}"
                await deadletters.park(connection, message, self._database.schema, reason, attempts)
        self._resting[f"{timer.kind} {timer.key}"] = asyncio.get_running_loop().time() + 0.05 * 2 ** (attempts or 0)


async def pending(database: Database, limit: int = 1000) -> list[Timer]:
    """The timers of a service that are set, soonest first."""
    return [_timer(row) for row in await database.pool.fetch(_PENDING, limit)]


def _timer(row: asyncpg.Record) -> Timer:
    return Timer(row[0], row[1], row[2], json.loads(row[3]), row[4])
