"""How a reader waits at a broker that does not wake a waiting fetch.

Apache Kafka holds a fetch until there is something to give. The local broker looks again and again while it holds one,
at several times the price of an answer at once, and each fetch costs both ends. So a reader asks for an answer at once
and waits by itself after an empty one: a short while as long as there is traffic, a little longer where much comes at
a time; when it is quiet, longer still, or until it is woken. One *scout* of the process asks for the ends of all topics
that it reads, which costs about as much as one fetch, and wakes the readers of those that grew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

#: A broker that is asked to hold a fetch as long as this is one that wakes it, in milliseconds.
_HELD_MS = 250
_QUIET_SECONDS = 1.0
_LONGER = 5
_BUSY = 3
_AT_ONCE_MS = 1
_SCOUT_SECONDS = 0.1
#: A quiet reader looks by itself when its scout has said nothing for so long.
_UNSCOUTED_SECONDS = 2.0


def wakes(wait_ms: int) -> bool:
    """Whether a broker that may hold fetches for ``wait_ms`` milliseconds wakes them when something comes."""
    return wait_ms >= _HELD_MS


class Scout:
    """Asks for the ends of topics and wakes who waits for more of them."""

    every = _SCOUT_SECONDS

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}
        self._ends: dict[TopicPartition, int] = {}

    def wake(self, news: asyncio.Event, topics: Iterable[str]) -> None:
        """Set ``news`` from now on whenever one of the topics has grown."""
        self._waiting[news] = frozenset(topics)

    def forget(self, news: asyncio.Event) -> None:
        """Nobody waits for ``news`` any more."""
        self._waiting.pop(news, None)

    async def look(self, asking: AIOKafkaConsumer) -> None:
        """Ask once; raises KafkaError when the broker does not answer."""
        names = frozenset().union(*self._waiting.values())
        places = [TopicPartition(name, number) for name in names for number in range(self._sizes.get(name, 0))]
        if not places:
            return
        before, self._ends = self._ends, await asking.end_offsets(places)
        grown = {place.topic for place, end in self._ends.items() if before.get(place) != end}
        for news, topics in self._waiting.items():
            if topics & grown:
                news.set()


class Pace:
    """The waits of one started consumer at a broker that does not wake it.

    Parameters
    ----------
    wait_ms
        The wait after an empty answer while there is traffic, in milliseconds.
    news
        Set by the scout when there is something to fetch.
    is_replay
        A reader of facts that change seldom: quiet also while it finds something.
    """

    def __init__(self, consumer: AIOKafkaConsumer, wait_ms: int, news: asyncio.Event, *, is_replay: bool) -> None:
        fetcher = consumer._fetcher
        longer = wait_ms * _LONGER / 1000
        self._quiet_pause = _UNSCOUTED_SECONDS if is_replay or longer >= _SCOUT_SECONDS else longer
        self._wait_ms = wait_ms
        self._news = news
        self._is_replay = is_replay
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._pause = self._quiet_pause if is_replay else wait_ms / 1000
        self._fetch = fetcher._proc_fetch_request
        fetcher._proc_fetch_request = self._fetch_and_wait
        fetcher._fetch_max_wait_ms = _AT_ONCE_MS

    def follow(self, found: int) -> None:
        """Note how many messages there were for the reader."""
        if self._is_replay:
            return
        now = self._loop.time()
        if found:
            self._last = now
            # Where n come at a time, n milliseconds later is soon enough, within reason.
            self._pause = min(max(found, self._wait_ms), _BUSY * self._wait_ms) / 1000
        elif now - self._last > _QUIET_SECONDS:
            self._pause = self._quiet_pause

    async def _fetch_and_wait(self, *arguments: Any) -> Any:
        """Stands for ``Fetcher._proc_fetch_request``, which says whether it found something and is cancelled gently."""
        self._news.clear()
        found = await self._fetch(*arguments)
        if not found:
            with suppress(asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._news.wait()
        return found
