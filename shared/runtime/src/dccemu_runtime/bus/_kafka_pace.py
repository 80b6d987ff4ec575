"""How often a reader looks at a broker that does not wake a waiting fetch.

Apache Kafka holds a fetch until there is something to give. The local broker looks again and again while it holds one,
which costs it three times what an answer at once does. So the pause between two looks is made here: short while there
is traffic, longer while nothing comes, and never left out while much comes, because a batch that is a little larger
costs each of its messages less.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer

#: A broker that may hold a fetch as long as this is one that wakes it, in milliseconds.
_HELD_MS = 250
_QUIET_SECONDS = 1.0
_LONGER = 5
_QUIET_MS = 100


def held_ms(wait_ms: int) -> int:
    """How long the broker is asked to hold a fetch, in milliseconds: not at all when the pause is made here."""
    return wait_ms if wait_ms >= _HELD_MS else 1


class Pace:
    """The pauses between the looks of one started consumer; the shortest is ``wait_ms`` milliseconds."""

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int) -> None:
        self._is_held = wait_ms >= _HELD_MS
        self._pause = self._shortest = wait_ms / 1000
        self._longest = max(wait_ms, min(wait_ms * _LONGER, _QUIET_MS)) / 1000
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        if not self._is_held:
            fetcher = consumer._fetcher
            self._fetch = fetcher._proc_fetch_request
            fetcher._proc_fetch_request = self._fetch_and_pause

    async def follow(self, found: bool) -> None:
        """Note what was given to the reader; returns when the next may be asked for."""
        if self._is_held:
            return
        now = self._loop.time()
        if not found:
            if now - self._last > _QUIET_SECONDS:
                self._pause = self._longest
            return
        early = self._shortest - (now - self._last)
        self._pause = self._shortest
        self._last = now
        if early > 0:
            await asyncio.sleep(early)
            self._last = self._loop.time()

    async def _fetch_and_pause(self, *arguments: Any) -> Any:
        """Stands for ``Fetcher._proc_fetch_request``, which says whether it found something and is cancelled gently."""
        found = await self._fetch(*arguments)
        if not found:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(self._pause)
        return found
