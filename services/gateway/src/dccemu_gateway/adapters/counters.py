"""Counters of the DCC's own roles: strictly rising over restarts, given out from memory.

The broker is the originator of Commands for a Communications Hub and for Users that a Device does not know (duis.md
section 3, counters 5). A Device accepts a Counter only once and only upwards, so a block is reserved in the
database before any number of it is given out; what a stopped process leaves of its block is never used.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from asyncpg import PostgresError

from dccemu_protocol.errors import EmulatorError
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE, Overloaded

log = structlog.get_logger(__name__)

# The first block begins at the time in milliseconds, as the published test tools count (duis.md section 3, counters 1):
# a gateway that lost its database still begins above what its Devices saw.
_RESERVE = """
INSERT INTO role_counters AS c (name, next) VALUES ($1, $2::numeric + $3)
ON CONFLICT (name) DO UPDATE SET next = c.next + $3 RETURNING next"""


class RoleCounter:
    """The Originator Counter of one role of the DCC."""

    def __init__(self, database: Database, name: str, *, block: int = 65_536) -> None:
        self._database = database
        self._name = name
        self._block = block
        self._next = 0
        self._end = 0
        self._spare: int | None = None
        self._refill: asyncio.Task[None] | None = None

    async def start(self, at: datetime) -> None:
        """Reserve the first block."""
        self._first = int(at.timestamp() * 1000)
        self._next = await self._reserve()
        self._end = self._next + self._block

    async def stop(self) -> None:
        """Let a reservation under way end."""
        if self._refill is not None:
            await asyncio.gather(self._refill, return_exceptions=True)

    def take(self) -> int:
        """The next number.

        Raises
        ------
        Overloaded
            When the block is used up faster than the database gives the next one.
        """
        if self._next == self._end:
            if self._spare is None:
                raise Overloaded(f"the counter of {self._name} waits for the database")
            self._next, self._spare = self._spare, None
            self._end = self._next + self._block
        number = self._next
        self._next += 1
        is_idle = self._refill is None or self._refill.done()
        if is_idle and self._spare is None and self._end - self._next < self._block // 2:
            self._refill = asyncio.create_task(self._fetch(), name=f"counter {self._name}")
        return number

    async def _fetch(self) -> None:
        try:
            self._spare = await self._reserve()
        except (EmulatorError, PostgresError, *CONNECTION_TROUBLE) as error:
            log.warning("no counter block", counter=self._name, error=repr(error))

    async def _reserve(self) -> int:
        end = await self._database.pool.fetchval(_RESERVE, self._name, self._first, self._block)
        return int(end) - self._block
