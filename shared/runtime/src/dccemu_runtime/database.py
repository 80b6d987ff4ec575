"""A service's database: its own schema and role, a pool, transactions and the group commit writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from .groupcommit import CONNECTION_TROUBLE, GroupCommit, StoreUnavailable
from .roles import provision
from .schema import RUNTIME, is_at_head, service_history

if TYPE_CHECKING:
    from sqlalchemy import MetaData

log = structlog.get_logger(__name__)

_START = """
INSERT INTO starts AS s (count) VALUES (0) ON CONFLICT (id) DO UPDATE SET count = s.count + 1 RETURNING count
"""


class Database:
    """Made by ``Database.open``; ``close`` when done.

    Attributes
    ----------
    schema
        The service's schema, first and only in the search path: statements name tables without it.
    pool
        asyncpg connections of the service's role.
    group
        The group commit writer.
    starts
        How many times the service had opened its schema before.
    """

    def __init__(self, url: str, schema: str, pool: asyncpg.Pool, starts: int) -> None:
        self.url = url
        self.schema = schema
        self.pool = pool
        self.starts = starts
        self.group = GroupCommit(pool)
        self._after: dict[int, list[Callable[[], None]]] = {}

    @classmethod
    async def open(
        cls, url: str, schema: str, *, migrations_package: str | None = None, pool_size: int = 6, patience: float = 30.0
    ) -> Database:
        """Make role and schema if missing, walk the migrations, open the pool and start the writer.

        Parameters
        ----------
        url
            ``postgresql://``: of the owner (who may create roles) or of the service's own role.
        schema
            The service's name with underscores.
        migrations_package
            The package whose folder ``versions`` holds the service's revisions.
        patience
            Seconds to wait for a server that is away or starting: dying meanwhile would only cost another start.
        """
        own_url = await _when_there(url, schema, patience)
        histories = [RUNTIME]
        if migrations_package is not None:
            histories.append(service_history(migrations_package))
        if not await is_at_head(own_url, schema, histories):
            from . import migrations  # takes a third of a second: only where there is something to migrate

            await migrations.walk(own_url, schema, histories)
        pool = await asyncpg.create_pool(
            own_url,
            min_size=2,
            max_size=pool_size,
            command_timeout=30,
            reset=_as_it_is,
            server_settings={
                "search_path": f'"{schema}"',
                "application_name": f"dccemu {schema}",
                # A process that was stopped in the middle of a transaction must not hold its locks.
                "idle_in_transaction_session_timeout": "10000",
                # The plans are of small arrays and indexes: compiling them costs more than it gains.
                "jit": "off",
                # A plan made while a table is small is kept while it grows: it goes by the index from the start.
                "enable_seqscan": "off",
            },
        )
        database = cls(own_url, schema, pool, await pool.fetchval(_START))
        await database.group.start()
        return database

    async def close(self) -> None:
        """Commit what waits and let the connections go."""
        await self.group.stop()
        try:
            async with asyncio.timeout(3):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    async def start(self) -> None:
        """Nothing to do: ``open`` did it. A service may list its database first among its components."""

    async def stop(self) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PoolConnectionProxy]:
        """A connection inside a transaction that commits when the block ends and rolls back when it raises.

        Raises
        ------
        StoreUnavailable
            When no connection can be had.
        """
        try:
            connection = await self.pool.acquire(timeout=10)
        except CONNECTION_TROUBLE as error:
            raise StoreUnavailable(f"the database is away: {error!r}") from error
        try:
            async with connection.transaction():
                yield connection
            callbacks = self._after.pop(id(connection), [])
        finally:
            self._after.pop(id(connection), None)
            await self.pool.release(connection)
        for callback in callbacks:
            callback()

    def after_commit(self, connection: PoolConnectionProxy, callback: Callable[[], None]) -> None:
        """Call ``callback`` once, when the transaction of ``connection`` (from ``transaction``) has committed."""
        callbacks = self._after.setdefault(id(connection), [])
        if callback not in callbacks:
            callbacks.append(callback)

    async def differences(self, *metadata: MetaData) -> list[object]:
        """How the schema differs from the models (``metadata`` and the runtime's own): empty at head."""
        from . import migrations, tables

        return await migrations.compare(self.url, self.schema, [tables.metadata, *metadata])


async def _as_it_is(_connection: asyncpg.Connection) -> None:
    """Give a connection back with nothing to reset: settings and locks are those of transactions, which are over.

    asyncpg asks the server to forget session state instead: one more round trip after every transaction.
    """


async def _when_there(url: str, schema: str, patience: float) -> str:
    """Role and schema as soon as the server takes connections; the URL of the role."""
    with_patience = asyncio.get_running_loop().time() + patience
    said = False
    while True:
        try:
            return await provision(url, schema)
        except CONNECTION_TROUBLE as error:
            if isinstance(error, ValueError) or asyncio.get_running_loop().time() > with_patience:
                raise
            if not said:
                log.warning("waiting for the database", schema=schema, error=repr(error))
            said = True
            await asyncio.sleep(0.1)
