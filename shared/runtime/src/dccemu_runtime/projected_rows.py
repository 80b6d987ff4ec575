"""The durable side of a projection: its rows of the table ``projections``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg

from . import deadletters
from .bus import Message
from .database import Database
from .groupcommit import CONNECTION_TROUBLE, Overloaded, Row, StoreUnavailable, Unit, Write, upsert

_COLUMNS = {"topic": "text", "key": "text", "version": "bigint", "value": "bytea"}
_UPSERT = upsert("projections", _COLUMNS, ("topic", "key"), newer="version")
_SELECT = "SELECT value FROM projections WHERE topic = $1"
#: So many rows get a transaction of their own; fewer share one with whatever else the service writes.
_MANY = 64
_READ_AT_ONCE = 2000


class ProjectedRows:
    """The rows of one topic: ``(topic, key, version, value)``, the value as it came from the bus."""

    def __init__(self, database: Database, topic: str) -> None:
        self._database = database
        self._topic = topic

    async def all(self) -> AsyncIterator[bytes]:
        """Every value."""
        async with self._database.transaction() as connection:
            rows = await connection.cursor(_SELECT, self._topic)
            while found := await rows.fetch(_READ_AT_ONCE):
                for row in found:
                    yield row[0]

    async def park(self, message: Message, consumer: str, reason: str) -> None:
        """Put a message that cannot be projected with the dead letters; a repeat of it is there already."""
        async with self._database.transaction() as connection:
            await deadletters.park(connection, message, consumer, reason, 1)

    async def store(self, fresh: Sequence[Row], there: Sequence[Row]) -> None:
        """Make rows durable, however long the database is away.

        Parameters
        ----------
        fresh
            Rows of keys that this process has never seen.
        there
            Newer rows of keys that it has.
        """
        while True:
            try:
                if len(fresh) + len(there) < _MANY:
                    writes = [Write(_UPSERT, row) for row in (*fresh, *there)]
                    await self._database.group.commit(Unit(writes=writes))
                else:
                    await self._store_many(fresh, there)
                return
            except (StoreUnavailable, Overloaded, *CONNECTION_TROUBLE):
                await asyncio.sleep(0.2)

    async def _store_many(self, fresh: Sequence[Row], there: Sequence[Row]) -> None:
        """COPY what is new; what another process of the service has put there meanwhile takes the longer way."""
        try:
            async with self._database.transaction() as connection:
                if fresh:
                    await connection.copy_records_to_table("projections", records=fresh, columns=list(_COLUMNS))
                if there:
                    await connection.execute(_UPSERT.sql, *_columns(there))
        except asyncpg.UniqueViolationError:
            async with self._database.transaction() as connection:
                await connection.execute(_UPSERT.sql, *_columns([*fresh, *there]))


def _columns(rows: Sequence[Row]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
