"""How long a broker that does not wake a waiting fetch is asked to hold one.

Apache Kafka holds a fetch until there is something to give. The local broker looks again and again while it holds one,
and each fetch costs both ends: a short wait keeps the round trip short while there is traffic, a longer one is enough
while nothing comes.
"""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer

#: A broker that is asked to hold a fetch as long as this is one that wakes it, in milliseconds.
_HELD_MS = 250
_QUIET_SECONDS = 1.0
_LONGER = 5
_QUIET_MS = 100
_HURRIED_MS = 5


class Pace:
    """The waits of one started consumer; the shortest is ``wait_ms`` milliseconds."""

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int) -> None:
        self._fetcher = consumer._fetcher
        self._is_held = wait_ms >= _HELD_MS
        self._shortest = wait_ms
        self._longest = max(wait_ms, min(wait_ms * _LONGER, _QUIET_MS))
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    def follow(self, found: bool, *, hurried: bool) -> None:
        """Note whether there was something for the reader, and whether it still waits for what was there before it.

        A reader in a hurry does not let the partitions that have nothing hold up those that have.
        """
        now = self._loop.time()
        if found:
            self._last = now
        if hurried:
            self._ask(_HURRIED_MS)
        elif found or self._is_held:
            self._ask(self._shortest)
        elif now - self._last > _QUIET_SECONDS:
            self._ask(self._longest)

    def _ask(self, wait_ms: int) -> None:
        self._fetcher._fetch_max_wait_ms = wait_ms
