"""The bus in one process: logs in memory with the manners of Kafka.

Each topic has a fixed number of partitions; a message goes to the partition of its key. A group has a position in each
partition and shares the partitions among its members. A log is cut where all groups have passed; a compacted topic
remembers besides the newest message of each key for whoever subscribes later. Queues are bounded: a publisher waits
while a group is too far behind.
"""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import structlog

from dccemu_contracts.topics import BY_NAME

from . import REPLAY_BATCHES, BusUnavailable, Handler, Message, Receipt

log = structlog.get_logger(__name__)


class _Partition:
    """One log. ``base`` is the offset of its first kept message."""

    def __init__(self, compacted: bool) -> None:
        self.messages: deque[Message] = deque()
        self.base = 0
        self.newest: dict[str, Message] | None = {} if compacted else None

    @property
    def end(self) -> int:
        return self.base + len(self.messages)

    def append(self, message: Message) -> int:
        offset = self.end
        self.messages.append(message)
        if self.newest is not None:
            self.newest.pop(message.key, None)
            self.newest[message.key] = message
        return offset

    def read(self, offset: int, limit: int) -> list[Message]:
        start = offset - self.base
        return list(islice(self.messages, start, start + limit))

    def cut(self, offset: int) -> None:
        while self.base < offset and self.messages:
            self.messages.popleft()
            self.base += 1


@dataclass(slots=True)
class _Place:
    """A group's position in one partition. ``replay`` holds compacted messages to hand over first."""

    offset: int
    replay: deque[Message] = field(default_factory=deque)
    is_busy: bool = False


class _Group:
    """The positions of a group and its members."""

    def __init__(self, name: str, partition: Callable[[tuple[str, int]], _Partition]) -> None:
        self.name = name
        self.places: dict[tuple[str, int], _Place] = {}
        self.members: list[_Member] = []
        self._partition = partition
        self._shares: dict[_Member, list[tuple[tuple[str, int], _Partition]]] = {}

    def assigned(self, member: _Member) -> list[tuple[tuple[str, int], _Partition]]:
        """A member's share of the partitions, the same until ``share_out``."""
        share = self._shares.get(member)
        if share is None:
            share = self._shares[member] = []
            for slot in self.places:
                candidates = [other for other in self.members if slot[0] in other.topics]
                if candidates and candidates[slot[1] % len(candidates)] is member:
                    share.append((slot, self._partition(slot)))
        return share

    def share_out(self) -> None:
        """Members or partitions are others than before: whoever sleeps looks what is its own now."""
        self._shares.clear()
        for member in self.members:
            member.wake.set()


class _Member:
    """One subscription: a task that reads its share and calls the handler."""

    def __init__(self, bus: MemoryBus, group: _Group, topics: Sequence[str], handler: Handler, temporary: bool) -> None:
        self.topics = frozenset(topics)
        self.wake = asyncio.Event()
        self._bus = bus
        self._group = group
        self._handler = handler
        self._temporary = temporary
        self._target: dict[tuple[str, int], int] = {}
        self._caught_up = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._target = self._ends()
        self._task = asyncio.create_task(self._run(), name=f"bus {self._group.name}")

    async def caught_up(self) -> None:
        await self._caught_up.wait()

    async def up_to_date(self) -> None:
        ends = self._ends()
        while not self._has_passed(ends):
            self._moved.clear()
            await self._moved.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._bus.leave(self._group, self, self._temporary)

    async def _run(self) -> None:
        while True:
            self.wake.clear()
            batch, taken = self._take()
            if not batch:
                self._note_progress()
                await self.wake.wait()
                continue
            incarnation = self._bus.incarnation
            try:
                await self._hand_over(batch)
                if incarnation != self._bus.incarnation:
                    continue  # positions of the lost logs mean nothing in the new ones
                for slot, (offset, replayed) in taken.items():
                    place = self._group.places[slot]
                    place.offset = offset
                    for _ in range(replayed):
                        place.replay.popleft()
            finally:
                for slot in taken:
                    self._group.places[slot].is_busy = False
            self._bus.passed(taken)
            self._moved.set()

    def _ends(self) -> dict[tuple[str, int], int]:
        return {slot: self._bus.end(slot) for slot in self._group.places if slot[0] in self.topics}

    def _has_passed(self, ends: Mapping[tuple[str, int], int]) -> bool:
        places = self._group.places
        return all(places[slot].offset >= end and not places[slot].replay for slot, end in ends.items())

    def _take(self) -> tuple[list[Message], dict[tuple[str, int], tuple[int, int]]]:
        batch: list[Message] = []
        taken: dict[tuple[str, int], tuple[int, int]] = {}
        limit = self._bus.batch_size * (REPLAY_BATCHES if self._temporary else 1)
        places = self._group.places
        for slot, partition in self._group.assigned(self):
            place = places[slot]
            if not place.replay and place.offset >= partition.base + len(partition.messages):
                continue
            room = limit - len(batch)
            if place.is_busy or room <= 0:
                continue
            place.offset = max(place.offset, partition.base)
            replayed = list(islice(place.replay, room))
            fresh = partition.read(place.offset, room - len(replayed))
            if replayed or fresh:
                place.is_busy = True
                batch += replayed + fresh
                taken[slot] = (place.offset + len(fresh), len(replayed))
        return batch, taken

    async def _hand_over(self, batch: Sequence[Message]) -> None:
        delay = 0.01
        while True:
            try:
                await self._handler(batch)
                return
            except Exception:
                log.warning("bus handler failed, batch is handed over again", group=self._group.name, exc_info=True)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 1.0)

    def _note_progress(self) -> None:
        if not self._caught_up.is_set() and self._has_passed(self._target):
            self._caught_up.set()


class MemoryBus:
    """The in-process adapter of the bus port.

    Parameters
    ----------
    partitions
        Partitions of each topic.
    capacity
        How many messages a group may be behind in a partition before publishers wait.
    batch_size
        The largest batch a handler gets.
    patience
        Seconds that a publisher waits for room before it is refused.
    """

    def __init__(
        self, *, partitions: int = 8, capacity: int = 10_000, batch_size: int = 500, patience: float = 30.0
    ) -> None:
        self.batch_size = batch_size
        self._partitions = partitions
        self._capacity = capacity
        self._patience = patience
        self._incarnation = uuid.uuid4().hex
        self._topics: dict[str, list[_Partition]] = {}
        self._groups: dict[str, _Group] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._room = asyncio.Event()
        self._ready: list[_Member] | None = []

    @property
    def incarnation(self) -> str | None:
        return self._incarnation

    def on_incarnation(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        callback()

    async def start(self) -> None:
        waiting, self._ready = self._ready or [], None
        for member in waiting:
            member.begin()

    async def stop(self) -> None:
        for group in list(self._groups.values()):
            for member in list(group.members):
                await member.stop()

    def lose_everything(self) -> None:
        """Behave like a memory-only broker that was killed and started again (for tests and faults)."""
        self._incarnation = uuid.uuid4().hex
        for name, partitions in self._topics.items():
            for number in range(len(partitions)):
                partitions[number] = _Partition(_is_compacted(name))
        for group in self._groups.values():
            for place in group.places.values():
                place.offset = 0
                place.replay.clear()
            group.share_out()
        for callback in list(self._callbacks):
            callback()

    async def publish(self, messages: Sequence[Message]) -> Sequence[Receipt]:
        receipts: list[Receipt] = []
        for message in messages:
            number = zlib.crc32(message.key.encode()) % self._partitions
            partition = self._topic(message.topic)[number]
            if len(partition.messages) >= self._capacity:
                await self._make_room((message.topic, number))
                partition = self._topic(message.topic)[number]
            receipts.append(Receipt(message.topic, number, partition.append(message)))
        self._wake({message.topic for message in messages})
        return receipts

    def _wake(self, published: set[str]) -> None:
        for group in self._groups.values():
            for member in group.members:
                if not published.isdisjoint(member.topics):
                    member.wake.set()

    async def subscribe(self, topics: Sequence[str], group: str, handler: Handler, *, replay: bool = False) -> _Member:
        name = f"{group}!{uuid.uuid4().hex}" if replay else group
        joined = self._groups.setdefault(name, _Group(name, self._partition))
        for topic in topics:
            for number, partition in enumerate(self._topic(topic)):
                if (topic, number) not in joined.places:
                    joined.places[(topic, number)] = _first_place(partition)
        member = _Member(self, joined, topics, handler, temporary=replay)
        joined.members.append(member)
        joined.share_out()
        if self._ready is None:
            member.begin()
        else:
            self._ready.append(member)
        return member

    async def confirmed(self, topic: str, group: str) -> Mapping[int, int]:
        known = self._groups.get(group)
        if known is None:
            return {}
        return {number: place.offset for (name, number), place in known.places.items() if name == topic}

    def end(self, slot: tuple[str, int]) -> int:
        return self._partition(slot).end

    def passed(self, slots: Mapping[tuple[str, int], object]) -> None:
        """Cut the logs that a member just moved on in, and let waiting publishers look again."""
        for slot in slots:
            self._cut(slot)
        self._room.set()

    def leave(self, group: _Group, member: _Member, temporary: bool) -> None:
        if member in group.members:
            group.members.remove(member)
        if self._ready is not None and member in self._ready:
            self._ready.remove(member)
        if temporary:
            self._groups.pop(group.name, None)
        group.share_out()
        self._room.set()

    def _partition(self, slot: tuple[str, int]) -> _Partition:
        return self._topic(slot[0])[slot[1]]

    def _topic(self, name: str) -> list[_Partition]:
        partitions = self._topics.get(name)
        if partitions is None:
            partitions = [_Partition(_is_compacted(name)) for _ in range(self._partitions)]
            self._topics[name] = partitions
        return partitions

    def _cut(self, slot: tuple[str, int], *, is_full: bool = False) -> bool:
        """Cut what all groups have passed; of a full log also the oldest message that only absent groups lack."""
        interested = [group for group in self._groups.values() if slot in group.places]
        partition = self._topic(slot[0])[slot[1]]
        before = partition.base
        if interested:
            partition.cut(min(group.places[slot].offset for group in interested))
        if partition.base == before and is_full:
            present = [group.places[slot].offset for group in interested if group.members]
            if partition.base < min(present, default=partition.end):
                partition.cut(partition.base + 1)
        return partition.base > before

    def _is_full(self, slot: tuple[str, int]) -> bool:
        return len(self._topic(slot[0])[slot[1]].messages) >= self._capacity

    async def _make_room(self, slot: tuple[str, int]) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience
        self._wake({slot[0]})  # a reader that slept until now has not heard of what this publisher put here
        # Whoever reads may have cut the log already: then there is room and nothing left to cut.
        while self._is_full(slot) and not self._cut(slot, is_full=True):
            self._room.clear()
            remaining = deadline - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(max(remaining, 0)):
                    await self._room.wait()
            except TimeoutError:
                raise BusUnavailable(f"a consumer of {slot[0]} is {self._capacity} messages behind") from None


def _first_place(partition: _Partition) -> _Place:
    if partition.newest is None:
        return _Place(partition.base)
    return _Place(partition.end, deque(partition.newest.values()))


def _is_compacted(name: str) -> bool:
    topic = BY_NAME.get(name)
    return topic is not None and topic.compacted
