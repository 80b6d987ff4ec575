"""What the Devices applied, from their own journal, read while a run goes on: a journal forgets its oldest entries."""

from __future__ import annotations

import asyncio

import asyncpg

from .house import House
from .record import Applied

_APPLIED = """
SELECT position, device, request_id, detail::jsonb->>'originator', (detail::jsonb->>'counter')::numeric
FROM sm_wan.journal WHERE stage = 'device' AND outcome = 'answered' AND position > $1 ORDER BY position"""
_POSITION = "SELECT coalesce(max(position), 0) FROM sm_wan.journal"
_EVERY_SECONDS = 20.0
# Entries with a lower number may become visible a little later than those with a higher one.
_OVERLAP = 5_000


class AppliedLog:
    """The Commands that Devices carried out since ``begin``, in their order."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._first = self._last = 0
        self._entries: dict[int, Applied] = {}
        self._following: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Take what follows now."""
        self._first = self._last = (await self._house.query(_POSITION))[0][0]
        self._following = asyncio.create_task(self._follow())

    async def end(self) -> None:
        """Read no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def read(self) -> list[Applied]:
        """All of them, until now."""
        rows = await self._house.query(_APPLIED, max(self._first, self._last - _OVERLAP))
        for position, device, request_id, originator, counter in rows:
            self._entries[position] = Applied(device, originator, int(counter), request_id)
            self._last = max(self._last, position)
        return [self._entries[position] for position in sorted(self._entries)]

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.read()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                continue  # the database is struck too
