"""How often a reader looks at a broker that does not wake a waiting fetch.

Apache Kafka holds a fetch until there is something to give. The local broker gives what there is when a fetch comes or
when its time is over, so each look costs both ends the same whether it finds something or not. Looks are far apart
while nothing comes, and not closer than their wait while much comes: a batch that is a little larger costs each of its
messages less.
"""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer

#: A broker asked for shorter waits than this is one that does not wake a waiting fetch, in milliseconds.
_HELD_MS = 250
_QUIET_SECONDS = 1.0
_LONGER = 5


class Pace:
    """The time between the looks of one started consumer whose shortest wait is ``wait_ms`` milliseconds."""

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int) -> None:
        self._fetcher = consumer._fetcher
        self._wait_ms = wait_ms
        self._quiet_ms = min(wait_ms * _LONGER, _HELD_MS)
        self._is_held = wait_ms >= _HELD_MS
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    async def follow(self, found: bool) -> None:
        """Note what the last look found; returns when the next one is due."""
        if self._is_held:
            return
        now = self._loop.time()
        if not found:
            if now - self._last > _QUIET_SECONDS:
                self._fetcher._fetch_max_wait_ms = self._quiet_ms
            return
        self._fetcher._fetch_max_wait_ms = self._wait_ms
        early = self._wait_ms / 1000 - (now - self._last)
        self._last = now
        if early > 0:
            await asyncio.sleep(early)
            self._last = self._loop.time()
