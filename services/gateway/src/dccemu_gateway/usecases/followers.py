"""Who waits for whom: requests that name a predecessor, found again when that has its answer."""

from __future__ import annotations

import json
from datetime import datetime

from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write
from dccemu_runtime.timers import Timers

SEQUENCE = "sequence"
_WAITING = "SELECT key, payload FROM timers WHERE kind = $1"


class Followers:
    """Keys of waiting requests by the RequestID they wait for.

    In memory, so that an answer that nobody waits for costs one look; what is waiting is in the timers' table.
    """

    def __init__(self, database: Database, timers: Timers) -> None:
        self._database = database
        self._timers = timers
        self._waiting: dict[str, dict[str, None]] = {}

    async def start(self) -> None:
        """Load who waits."""
        for row in await self._database.pool.fetch(_WAITING, SEQUENCE):
            self.add(json.loads(row["payload"])["preceding"], row["key"])

    async def stop(self) -> None:
        """Nothing runs."""

    def add(self, preceding: str, key: str) -> None:
        """A request waits for its predecessor."""
        self._waiting.setdefault(preceding, {})[key] = None

    def wake(self, preceding: str, now: datetime) -> list[Write]:
        """The predecessor has its answer: rows that make its followers due now."""
        keys = self._waiting.pop(preceding, None)
        if not keys:
            return []
        return [self._timers.write_set(SEQUENCE, key, now, {"preceding": preceding}) for key in keys]
