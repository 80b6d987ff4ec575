"""The runner of batches: one step after the other while there is work, and again when something changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from dccemu_runtime.groupcommit import CONNECTION_TROUBLE, StoreUnavailable

from ..usecases.batches import give_up, work_once
from ..usecases.context import Smki

log = structlog.get_logger(__name__)
ATTEMPTS = 5


class BatchWorker:
    """Wakes on submission and approval, on a change of the Clock, and every second (the window opens by the Clock)."""

    def __init__(self, smki: Smki, *, poll: float = 1.0, pause: float = 0.5, attempts: int = ATTEMPTS) -> None:
        self._smki = smki
        self._poll = poll
        self._pause = pause
        self._attempts = attempts
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures: dict[int, int] = {}
        smki.wake_batches = self._wake.set
        smki.clock.on_change(self._wake.set)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="smki batches")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await work_once(self._smki):
                    continue
            except (StoreUnavailable, *CONNECTION_TROUBLE) as error:
                log.warning("batches wait", error=repr(error))
            except Exception as error:
                log.exception("a batch could not be brought on")
                await self._failed(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()

    async def _failed(self, why: Exception) -> None:
        number = await self._smki.batches.next_open()
        if number is not None:
            self._failures[number] = self._failures.get(number, 0) + 1
            if self._failures[number] >= self._attempts:
                await give_up(self._smki, number, why)
        await asyncio.sleep(self._pause)
