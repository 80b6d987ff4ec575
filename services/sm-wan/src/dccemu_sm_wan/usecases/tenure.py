"""Only one process keeps the Devices: it holds a lock in the database for as long as it lives.

A second process waits for the first to end; the database frees the lock of a process that was killed. Devices are read
after the lock is held, so that nobody else changes them from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import structlog

from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE

log = structlog.get_logger(__name__)

_TAKE = "SELECT pg_advisory_lock(hashtext('sm-wan devices ' || current_schema()))"
_RETRY = 0.5
_FAREWELL = 3.0


class Tenure:
    """A component: the lock, and what is to be done when it is held."""

    def __init__(self, database: Database, begin: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._begin = begin
        self._connection: asyncpg.Connection | None = None
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._take()
        await self._begin()
        self._task = asyncio.create_task(self._watch(), name="sm-wan tenure")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._let_go()

    async def _take(self) -> None:
        await self._let_go()
        self._lost.clear()
        # Owned before it waits for the lock, which may be long: whoever stops meanwhile closes it.
        self._connection = await asyncpg.connect(
            self._database.url, server_settings={"search_path": f'"{self._database.schema}"'}, timeout=10
        )
        self._connection.add_termination_listener(self._ended)
        await self._connection.execute(_TAKE)

    def _ended(self, connection: object) -> None:
        if connection is self._connection:
            self._lost.set()

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            # A question of it may still be open: it is withdrawn first, or the dead would get the lock.
            with suppress(TimeoutError, asyncpg.PostgresError, *CONNECTION_TROUBLE):
                await connection.close(timeout=_FAREWELL)

    async def _watch(self) -> None:
        """Take the lock again when the database was away."""
        while True:
            await self._lost.wait()
            try:
                await self._take()
                log.info("the Devices are held again")
            except (asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.warning("the lock on the Devices waits for the database", error=repr(error))
                await asyncio.sleep(_RETRY)
                self._lost.set()
