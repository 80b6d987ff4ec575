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
#: Seconds without anything after which a reader lets the broker wait longer.
QUIET_SECONDS = 1.5
_LONGER = 5
_QUIET_MS = 100
_HURRIED_MS = 5
# Half of the time-out of a request: enough for millions of batches.
_LENGTHENED_MS = 5000


class Pace:
    """The waits of one started consumer; the shortest is ``wait_ms`` milliseconds."""

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int) -> None:
        self._fetcher = consumer._fetcher
        self._is_held = wait_ms >= _HELD_MS
        self._shortest = wait_ms
        self._longest = max(wait_ms, min(wait_ms * _LONGER, _QUIET_MS))
        self._hurried = min(wait_ms, _HURRIED_MS)
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
            self._ask(self._hurried)
        elif found or self._is_held:
            self._ask(self._shortest)
        elif now - self._last > QUIET_SECONDS:
            self._ask(self._longest)

    @property
    def can_be_too_short(self) -> bool:
        """Whether the broker may give up before it has found what is new."""
        return not self._is_held

    def lengthen(self) -> int:
        """Wait longer from now on; the shortest wait in milliseconds."""
        self._hurried, self._shortest, self._longest = (
            min(_LONGER * wait, _LENGTHENED_MS) for wait in (self._hurried, self._shortest, self._longest)
        )
        self._ask(self._shortest)
        return self._shortest

    def _ask(self, wait_ms: int) -> None:
        self._fetcher._fetch_max_wait_ms = wait_ms
