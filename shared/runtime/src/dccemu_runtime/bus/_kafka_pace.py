"""How a reader waits at a broker that does not wake a waiting fetch.

Apache Kafka holds a fetch until there is something to give. The local broker looks again and again while it holds one,
at several times the price of an answer at once, and each fetch costs both ends. So a reader on the path of a request
asks for an answer at once and waits by itself after an empty one: a short while as long as there is traffic, a little
longer where much comes at a time, longer still when it is quiet. A reader off that path lets the broker hold its
fetches, longer when it is quiet: what it waits for is then found in the middle of the wait.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from typing_extensions import override

#: A broker that is asked to hold a fetch as long as this is one that wakes it, in milliseconds.
_HELD_MS = 250
_QUIET_SECONDS = 1.0
_LONGER = 5
_BUSY = 3
_QUIET_MS = 100
_AT_ONCE_MS = 1


class Pace:
    """The waits of one started consumer; the shortest is ``wait_ms`` milliseconds."""

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int) -> None:
        self._fetcher = consumer._fetcher
        self._is_held = wait_ms >= _HELD_MS
        self._shortest = wait_ms
        self._longest = max(wait_ms, min(wait_ms * _LONGER, _QUIET_MS))
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    def follow(self, found: int) -> None:
        """Note how many messages there were for the reader."""
        if self._is_held:
            return
        now = self._loop.time()
        if found:
            self._last = now
            self._wait(self._shortest, found)
        elif now - self._last > _QUIET_SECONDS:
            self._wait(self._longest, 0)

    def _wait(self, milliseconds: int, found: int) -> None:
        self._fetcher._fetch_max_wait_ms = milliseconds


class OwnPace(Pace):
    """The waits of a reader on the path of a request, which it makes itself between answers at once."""

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int) -> None:
        super().__init__(consumer, wait_ms)
        self._pause = wait_ms / 1000
        self._fetch = self._fetcher._proc_fetch_request
        self._fetcher._proc_fetch_request = self._fetch_and_wait
        self._fetcher._fetch_max_wait_ms = _AT_ONCE_MS

    @override
    def _wait(self, milliseconds: int, found: int) -> None:
        # Where n come at a time, n milliseconds later is soon enough, within reason.
        self._pause = max(milliseconds, min(found, _BUSY * self._shortest)) / 1000

    async def _fetch_and_wait(self, *arguments: Any) -> Any:
        """Stands for ``Fetcher._proc_fetch_request``, which says whether it found something and is cancelled gently."""
        found = await self._fetch(*arguments)
        if not found:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(self._pause)
        return found


def pace(consumer: AIOKafkaConsumer, wait_ms: int) -> Pace:
    """The waits of a consumer for which ``wait_ms`` milliseconds are right while there is traffic."""
    return OwnPace(consumer, wait_ms) if wait_ms * _LONGER < _QUIET_MS else Pace(consumer, wait_ms)
