"""What is due when: Commands on their way, future-dated instructions, outages that last.

Every appointment stands for something that is durable by itself (a row of ``deliveries``, a value of a Device), is made
again from it at start, and its handler does its work once however often it is called. So appointments need no rows of
their own, and a Command may cancel one without waiting for the row that its handler would hold. They obey the Clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog

from dccemu_runtime.clock import Clock

log = structlog.get_logger(__name__)

Handler = Callable[[str], Awaitable[None]]
_RETRY = 0.5


class Agenda:
    """Appointments by kind and key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._due: dict[tuple[str, str], datetime] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        clock.on_change(self._wake.set)

    def on(self, kind: str, handler: Handler) -> None:
        """Handle appointments of a kind."""
        self._handlers[kind] = handler

    def put(self, kind: str, key: str, due: datetime) -> None:
        """Make or move an appointment, after what it stands for is durable."""
        self._due[kind, key] = due
        self._wake.set()

    def drop(self, kind: str, key: str) -> None:
        """Cancel an appointment."""
        self._due.pop((kind, key), None)

    def pending(self) -> dict[tuple[str, str], datetime]:
        """All appointments."""
        return dict(self._due)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sm-wan agenda")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self._run_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()

    async def _run_due(self) -> None:
        now = self._clock.now()
        due = sorted((at, kind, key) for (kind, key), at in self._due.items() if at <= now)
        for at, kind, key in due:
            if self._due.get((kind, key)) != at:
                continue
            try:
                await self._handlers[kind](key)
            except Exception:
                log.exception("an appointment was not kept, it will be tried again", kind=kind, key=key)
                await asyncio.sleep(_RETRY)
                self._wake.set()
                continue
            if self._due.get((kind, key)) == at:
                del self._due[kind, key]

    def _pause(self) -> float | None:
        if not self._due or self._clock.is_frozen:
            return None
        return max(0.001, (min(self._due.values()) - self._clock.now()).total_seconds())
