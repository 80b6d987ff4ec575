"""The journal: what happened to each message, with the checks that passed and the one that failed.

Entries commit with the state they tell of. The journal is bounded: the oldest entries go first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from pydantic_core import to_json

from .database import Database
from .groupcommit import Row, Write, insert

#: Entries kept.
CAPACITY = 100_000

_COLUMNS = {
    "id": "text",
    "at": "timestamptz",
    "stage": "text",
    "request_id": "text",
    "user_": "text",
    "device": "text",
    "srv": "text",
    "outcome": "text",
    "checks": "text",
    "detail": "text",
    "message": "bytea",
}
_NAMES = ", ".join(_COLUMNS)
_TRIM = "DELETE FROM journal WHERE position <= (SELECT max(position) FROM journal) - $1"


class Check(NamedTuple):
    """One check of a message: ``rule`` by name, what was expected and found, the clause that demands it."""

    rule: str
    passed: bool
    expected: str = ""
    got: str = ""
    source: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "passed": self.passed,
            "expected": self.expected,
            "got": self.got,
            "source": self.source,
        }


@dataclass(slots=True)
class Entry:
    """One thing that happened: ``stage`` says where on the way, ``outcome`` how it ended there."""

    id: str
    at: datetime
    stage: str
    outcome: str
    request_id: str | None = None
    user: str | None = None
    device: str | None = None
    srv: str | None = None
    checks: Sequence[Check] = ()
    detail: dict[str, Any] = field(default_factory=dict)
    message: bytes | None = None

    def as_json(self) -> dict[str, Any]:
        """The form of the admin interface; the message as text where it is UTF-8, else in hexadecimal."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "stage": self.stage,
            "outcome": self.outcome,
            "request_id": self.request_id,
            "user": self.user,
            "device": self.device,
            "srv": self.srv,
            "checks": [check.as_json() for check in self.checks],
            "detail": self.detail,
            "message": None if self.message is None else _text(self.message),
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """What a query asks for: every field that is given must match."""

    user: str | None = None
    device: str | None = None
    srv: str | None = None
    request_id: str | None = None
    stage: str | None = None
    outcome: str | None = None
    since: datetime | None = None


class Journal:
    """The journal of one service."""

    def __init__(self, database: Database, *, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._since_trim = 0
        self._news = asyncio.Event()
        self._trimming: asyncio.Task[None] | None = None
        self._insert = insert("journal", _COLUMNS, committed=self._committed, identity="id")

    def write(self, entry: Entry) -> Write:
        """The row of an entry, for a unit of the group commit."""
        return Write(self._insert, _row(entry))

    async def add(self, connection: PoolConnectionProxy, *entries: Entry) -> None:
        """Write entries in the transaction of ``connection`` (from ``Database.transaction``)."""
        rows = [_row(entry) for entry in entries]
        await connection.execute(self._insert.sql, *(list(column) for column in zip(*rows, strict=True)))
        self._database.after_commit(connection, self._notify)

    async def find(self, wanted: Filter, limit: int = 100) -> list[Entry]:
        """The newest matching entries first."""
        conditions, values = _conditions(wanted)
        rows = await self._database.pool.fetch(
            f"SELECT {_NAMES} FROM journal WHERE {conditions} ORDER BY position DESC LIMIT {int(limit)}",  # noqa: S608
            *values,
        )
        return [_entry(row) for row in rows]

    async def get(self, entry_id: str) -> Entry | None:
        """The entry with this id."""
        row = await self._database.pool.fetchrow(f"SELECT {_NAMES} FROM journal WHERE id = $1", entry_id)  # noqa: S608
        return None if row is None else _entry(row)

    async def wait(self, wanted: Filter, timeout: float = 10.0, count: int = 1) -> list[Entry]:
        """Wait until at least ``count`` entries match, or the time-out (real seconds) is over; returns what matches."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            news = self._news
            found = await self.find(wanted)
            remaining = deadline - asyncio.get_running_loop().time()
            if len(found) >= count or remaining <= 0:
                return found
            try:
                async with asyncio.timeout(min(remaining, 1.0)):
                    await news.wait()
            except TimeoutError:
                continue

    async def clear(self) -> None:
        """Forget everything (admin reset)."""
        await self._database.pool.execute("DELETE FROM journal")

    async def stop(self) -> None:
        if self._trimming is not None:
            await asyncio.gather(self._trimming, return_exceptions=True)

    def _committed(self, rows: Sequence[Row]) -> None:
        self._notify(len(rows))

    def _notify(self, count: int = 1) -> None:
        self._news.set()
        self._news = asyncio.Event()
        self._since_trim += count
        if self._since_trim > self._capacity // 10 and (self._trimming is None or self._trimming.done()):
            self._since_trim = 0
            self._trimming = asyncio.create_task(self._trim(), name=f"journal {self._database.schema}")

    async def _trim(self) -> None:
        await self._database.pool.execute(_TRIM, self._capacity)


def _conditions(wanted: Filter) -> tuple[str, list[object]]:
    equal = {
        "user_": wanted.user,
        "device": wanted.device,
        "srv": wanted.srv,
        "request_id": wanted.request_id,
        "stage": wanted.stage,
        "outcome": wanted.outcome,
    }
    parts, values = ["true"], list[object]()
    for name, value in equal.items():
        if value is not None:
            values.append(value)
            parts.append(f"{name} = ${len(values)}")
    if wanted.since is not None:
        values.append(wanted.since)
        parts.append(f"at >= ${len(values)}")
    return " AND ".join(parts), values


def _row(entry: Entry) -> Row:
    return (
        entry.id,
        entry.at,
        entry.stage,
        entry.request_id,
        entry.user,
        entry.device,
        entry.srv,
        entry.outcome,
        _checks_text(tuple(entry.checks)) if entry.checks else "[]",
        to_json(entry.detail).decode() if entry.detail else "{}",
        entry.message,
    )


@lru_cache(maxsize=4096)
def _checks_text(checks: tuple[Check, ...]) -> str:
    """The checks as JSON: those that messages of one kind pass are mostly the same each time."""
    return f"[{','.join(map(_check_text, checks))}]"


@lru_cache(maxsize=4096)
def _check_text(check: Check) -> str:
    """One check as JSON, also where another one of its message is not as it was before."""
    return to_json(Check._make(check).as_json()).decode()


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        id=row["id"],
        at=row["at"],
        stage=row["stage"],
        request_id=row["request_id"],
        user=row["user_"],
        device=row["device"],
        srv=row["srv"],
        outcome=row["outcome"],
        checks=tuple(Check(**check) for check in json.loads(row["checks"])),
        detail=json.loads(row["detail"]),
        message=row["message"],
    )


def _text(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        return message.hex()
