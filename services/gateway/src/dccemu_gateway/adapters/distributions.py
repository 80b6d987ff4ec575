"""Firmware distributions: rows of the gateway, and in memory the newest of each Device.

The checks ask whether one is open, Alerts ask which User ordered it: both without waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write, insert, update

from ..domain.firmware import Distribution

_COLUMNS = {
    "request_id": "text",
    "device": "text",
    "user_": "text",
    "version": "text",
    "state": "text",
    "opened_at": "timestamptz",
}
_INSERT = insert("firmware_distributions", _COLUMNS)
_END = update("firmware_distributions", {"request_id": "text", "device": "text"}, {"state": "text"})
_NEWEST = """
SELECT DISTINCT ON (device) device, request_id, user_, version, state = 'open' FROM firmware_distributions
ORDER BY device, opened_at DESC"""
_STILL_OPEN = "SELECT device FROM firmware_distributions WHERE request_id = $1 AND state = 'open' ORDER BY device"
_EXPIRE = "UPDATE firmware_distributions SET state = 'expired' WHERE request_id = $1 AND state = 'open'"


class Distributions:
    """Distributions by Device."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.open: dict[str, Distribution] = {}
        self._ended: dict[str, Distribution] = {}

    async def start(self) -> None:
        """Load the newest of each Device."""
        self.open.clear()
        self._ended.clear()
        for row in await self._database.pool.fetch(_NEWEST):
            one = Distribution(*row)
            (self.open if one.is_open else self._ended)[one.device] = one

    async def stop(self) -> None:
        """Nothing runs."""

    def of(self, device: str) -> Distribution | None:
        """The newest distribution to a Device, open or ended."""
        return self.open.get(device) or self._ended.get(device)

    def reserve(self, ones: Iterable[Distribution]) -> None:
        """Distributions are about to be written: no other may begin."""
        self.open.update((one.device, one) for one in ones)

    def release(self, ones: Iterable[Distribution]) -> None:
        """They were not written."""
        for one in ones:
            if self.open.get(one.device) is one:
                del self.open[one.device]

    def end(self, one: Distribution) -> None:
        """A distribution has ended, durably."""
        held = self.open.get(one.device)
        if held is not None and held.request_id == one.request_id:
            del self.open[one.device]
            self._ended[one.device] = replace(held, is_open=False)

    def write_open(self, one: Distribution, at: datetime) -> Write:
        """The row of a distribution that begins."""
        return Write(_INSERT, (one.request_id, one.device, one.user, one.version, "open", at))

    def write_end(self, one: Distribution, state: str) -> Write:
        """The row of a distribution that ended so."""
        return Write(_END, (one.request_id, one.device, state))

    async def expire(self, connection: PoolConnectionProxy, request_id: str) -> list[Distribution]:
        """End whatever a request still has open; gives it."""
        devices = [row[0] for row in await connection.fetch(_STILL_OPEN, request_id)]
        await connection.execute(_EXPIRE, request_id)
        held = [self.open[device] for device in devices if device in self.open]
        return [one for one in held if one.request_id == request_id]
