"""Commands that nobody answered: E21 on demand, E30 future dated (service-request-processing.md sections 7 and 9).

Due times are a column of the Command's row; this loop asks for the earliest, sleeps by the Clock, and ends what is
overdue. It is no use case for each Command: one look takes many.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import structlog

from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE, AlreadyClaimed, Overloaded, StoreUnavailable

from ..adapters.operations import COMMAND_NAMES, claim_answer, read_command
from ..domain.commands import Command
from ..domain.lifecycle import CommandEvent, CommandState
from .gateway import Gateway
from .respond import Respond

log = structlog.get_logger(__name__)

_OVERDUE = f"""
SELECT {COMMAND_NAMES} FROM commands WHERE state IN ('sent', 'taken-up') AND expires_at <= $1
ORDER BY expires_at LIMIT 200"""  # noqa: S608 - names of columns
_EARLIEST = "SELECT min(expires_at) FROM commands WHERE state IN ('sent', 'taken-up')"
_OPEN = f"""
SELECT {COMMAND_NAMES} FROM commands WHERE state IN ('sent', 'taken-up') ORDER BY sent_at DESC LIMIT $1"""  # noqa: S608
_POLL = 1.0
_TIDY_EVERY = 600.0
# Twice their life: until then a late Signed Pre-Command is told that its Pre-Command lapsed, later that there is none.
# One whose Signed Pre-Command waits is needed when that is sent.
_LAPSED = """
DELETE FROM pre_commands p WHERE made_at < $1 AND NOT EXISTS (
  SELECT 1 FROM requests r WHERE r.request_id = p.request_id AND r.state IN ('held', 'quarantined'))"""


class Expire:
    """Watches the due times of Commands."""

    def __init__(self, gateway: Gateway, respond: Respond, *, remembered: int = 100_000) -> None:
        self._gateway = gateway
        self._respond = respond
        self._remembered = remembered
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tidy_at = 0.0

    async def start(self) -> None:
        """Load the open Commands and begin to watch."""
        for row in await self._gateway.database.pool.fetch(_OPEN, self._remembered):
            self._gateway.open_commands.put(read_command(row))
        self._gateway.clock.on_change(self._wake.set)
        self._task = asyncio.create_task(self._run(), name="command expiry")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await self.expire_due():
                    pass
                await self._tidy()
                await self._rest()
            except (StoreUnavailable, Overloaded, asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.warning("command expiry waits", error=repr(error))
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("command expiry failed")
                await asyncio.sleep(1)

    async def _tidy(self) -> None:
        """Delete Pre-Commands whose life ended long ago, now and then."""
        real = asyncio.get_running_loop().time()
        if real < self._tidy_at:
            return
        self._tidy_at = real + _TIDY_EVERY
        before = self._gateway.now() - 2 * self._gateway.policy.pre_command_life
        await self._gateway.database.pool.execute(_LAPSED, before)

    async def expire_due(self) -> int:
        """End what is overdue; returns how many."""
        rows = await self._gateway.database.pool.fetch(_OVERDUE, self._gateway.now())
        await asyncio.gather(*(self.expire(read_command(row)) for row in rows))
        return len(rows)

    async def expire(self, command: Command) -> None:
        """End one Command without an answer."""
        unit = OpenUnit(claim_answer(command.id))
        if command.state is CommandState.SENT:
            self._respond.fail(
                unit, command, CommandEvent.TIME_OUT, "NO_RESPONSE", "N13", "no Response in time", claimed=True
            )
        else:
            self._respond.fail(
                unit,
                command,
                CommandEvent.TIME_OUT,
                "FUTURE_DATED_TIMED_OUT",
                "N13",
                "no execution Alert in time",
                claimed=True,
            )
        closed, after = unit.close()
        with suppress(AlreadyClaimed):
            await self._gateway.commit(closed)
        for callback in after:
            callback()

    async def _rest(self) -> None:
        due = await self._gateway.database.pool.fetchval(_EARLIEST)
        pause = _POLL
        if due is not None and not self._gateway.clock.is_frozen:
            pause = min(pause, max((due - self._gateway.now()).total_seconds(), 0.01))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()
