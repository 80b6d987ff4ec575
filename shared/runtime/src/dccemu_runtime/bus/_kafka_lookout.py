"""Finding out that a broker gives nothing, or next to nothing, though there is much.

The local broker walks through all it holds of a partition to find what is new. When that takes longer than it was
asked to hold the fetch, it gives nothing, for ever: with 5 ms from some 15,000 batches on. When it takes about as
long, it gives nothing or one batch, as luck has it: 60,000 batches would take more than an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

#: What one look at a consumer found.
Found = Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]

# Seconds between looks, while the reader still asks for its shortest wait and afterwards.
_AT_FIRST = 0.3
_LATER = 2.0
# A trickle: a partition keeps back so many times what it gave, and more than what may have come meanwhile; a fetch of
# so many octets is limited by its size. One may be chance.
_KEPT_BACK = 10
_MEANWHILE = 100
_LARGE = 1024 * 1024
_TRICKLES = 3


class Lookout:
    """Judges what a consumer finds; while that is nothing, looks beside it: often until it is ``quiet`` (seconds)."""

    def __init__(self, consumer: AIOKafkaConsumer, quiet: float) -> None:
        self._consumer = consumer
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()
        self._trickles = 0
        self._rest()

    def _rest(self) -> None:
        self._behind: dict[TopicPartition, int] = {}
        self._found = self._loop.time()
        self._next = self._found + _AT_FIRST

    async def has_seen_too_little(self, found: Found, most: int) -> bool:
        """Whether the broker has again and again given less than it had, asked for ``most`` messages at a time.

        Raises KafkaError or TimeoutError when nothing was found and the broker is away.
        """
        if not found:
            return await self._misses_something()
        self._rest()
        self._trickles = self._trickles + 1 if self._is_trickle(found, most) else 0
        if self._trickles < _TRICKLES:
            return False
        self._trickles = 0
        return True

    def _is_trickle(self, found: Found, most: int) -> bool:
        assigned = self._consumer.assignment()
        for place, part in found.items():
            end = self._consumer.highwater(place) if part and place in assigned else None
            if end is not None and end - part[-1].offset > max(_KEPT_BACK * len(part), _MEANWHILE):
                break
        else:
            return False
        records = [record for part in found.values() for record in part]
        return len(records) < most and sum(len(record.value or b"") for record in records) < _LARGE

    async def _misses_something(self) -> bool:
        """Whether a partition has had more to give from one look to the next."""
        if self._loop.time() < self._next:
            return False
        async with asyncio.timeout(5):
            ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
            places = {place: await self._consumer.position(place) for place in ends}
        behind = {place: position for place, position in places.items() if position < ends[place]}
        is_missing = any(self._behind.get(place) == position for place, position in behind.items())
        self._behind = behind
        now = self._loop.time()
        self._next = now + (_AT_FIRST if now - self._found < self._quiet else _LATER)
        return is_missing
