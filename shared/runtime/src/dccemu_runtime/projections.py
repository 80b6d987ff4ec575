"""Projections: another service's facts, kept in one's own schema and in memory.

A projection reads a compacted topic from its beginning, ignores versions that are not newer than what it has, and
keeps what it learnt in the table ``projections``: at the next start it serves at once, also while its owner and the
bus are away. When it knows nothing it asks the owner for a snapshot.

Every record is read when it comes, so that a bad one is named and parked; then its octets are kept (``Shelf``).
An owner says everything again at each start: octets that are known already are passed over unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, TypeVar

import structlog
from pydantic import ValidationError

from dccemu_contracts.controls import SnapshotRequest
from dccemu_contracts.envelope import Contract, Parts
from dccemu_contracts.shelf import Shelf

from .bus import Bus, BusUnavailable, Message, Subscription
from .clock import Clock
from .database import Database
from .entropy import Entropy
from .groupcommit import Row
from .outbox import message_of
from .projected_rows import ProjectedRows

log = structlog.get_logger(__name__)


_FactT = TypeVar("_FactT", bound=Contract)


class Projection(Generic[_FactT]):
    """The newest fact of each key.

    Parameters
    ----------
    model
        The contract; it has a ``version`` that rises with each change, and may have ``removed``.
    requester
        The service's name, for snapshot requests.
    shelf
        Where to keep the facts, when something else (an index) reads the same shelf.
    """

    def __init__(
        self,
        model: type[_FactT],
        database: Database,
        bus: Bus,
        clock: Clock,
        entropy: Entropy,
        *,
        requester: str,
        ask_every: float = 2.0,
        shelf: Shelf[_FactT] | None = None,
    ) -> None:
        self._model = model
        self._topic = model.topic.name
        self._rows = ProjectedRows(database, self._topic)
        self._bus = bus
        self._clock = clock
        self._entropy = entropy
        self._requester = requester
        self._ask_every = ask_every
        self._facts = Shelf(model) if shelf is None else shelf
        self._removed: dict[str, int] = {}
        self._callbacks: list[Callable[[_FactT | None, _FactT], None]] = []
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None
        self._asking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._facts)

    def get(self, key: str) -> _FactT | None:
        """The fact of ``key``, unless there is none or it was removed."""
        return self._facts.find(key)

    def values(self) -> Collection[_FactT]:
        """All facts that are not removed, each read as it is come to."""
        return self._facts.values()

    def on_change(self, callback: Callable[[_FactT | None, _FactT], None]) -> None:
        """Call ``callback(old, new)`` for each fact learnt, also when the table is loaded; ``new`` may be removed."""
        self._callbacks.append(callback)

    async def wait_for(self, key: str) -> _FactT:
        """Wait until there is a fact of ``key``."""
        while (fact := self._facts.find(key)) is None:
            await self.changed()
        return fact

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    async def start(self) -> None:
        """Load the table, then follow the topic."""
        async for row in self._rows.all():
            try:
                self._learn(*self._model.read(row))
            except ValidationError as error:
                log.error("a projected row fits its contract no more", topic=self._topic, error=str(error))
        self._tell()
        self._subscription = await self._bus.subscribe([self._topic], self._requester, self.handle, replay=True)
        self._asking = asyncio.create_task(self._ask_while_empty(), name=f"projection {self._topic}")

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Take a batch from the bus: durable first, then visible."""
        newest: dict[str, tuple[_FactT, Parts]] = {}
        fresh: dict[str, Row] = {}
        there: dict[str, Row] = {}
        for message in batch:
            if message.key not in newest and self._facts.holds(message.key, message.value):
                continue
            try:
                fact, parts = self._model.read(message.value)
            except ValidationError as error:
                reason = f"it does not fit its contract: {error}"
                log.error("fact parked", topic=self._topic, key=message.key, id=message.id, reason=reason)
                await self._rows.park(message, self._requester, reason)
                continue
            key, version = fact.key, _version(fact)
            before = self._version_of(key)
            if version > (_version(newest[key][0]) if key in newest else before):
                newest[key] = (fact, parts)
                (fresh if before < 0 else there)[key] = (self._topic, key, version, message.value)
        if not newest:
            return
        await self._rows.store(list(fresh.values()), list(there.values()))
        for fact, parts in newest.values():
            self._learn(fact, parts)
        self._tell()

    async def take(self, facts: Iterable[_FactT]) -> None:
        """Learn facts that came in an answer, before the topic brings them."""
        await self.handle([message_of(fact) for fact in facts])

    async def up_to_date(self) -> None:
        """Wait until every fact that has been said by now is known; BusUnavailable when the bus does not say it."""
        if self._subscription is not None:
            await self._subscription.up_to_date()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _learn(self, fact: _FactT, parts: Parts) -> None:
        key, version = fact.key, _version(fact)
        old = self._facts.find(key)
        if version <= (self._removed.get(key, -1) if old is None else _version(old)):
            return
        if getattr(fact, "removed", False):
            self._facts.pop(key, None)
            self._removed[key] = version
        else:
            self._removed.pop(key, None)
            self._facts.put(fact, parts)
        for callback in self._callbacks:
            callback(old, fact)

    def _version_of(self, key: str) -> int:
        fact = self._facts.find(key)
        return self._removed.get(key, -1) if fact is None else _version(fact)

    async def _ask_while_empty(self) -> None:
        """Ask for a snapshot until something is known, with growing pauses: the owner may really have nothing."""
        pause = self._ask_every
        while not self._facts and not self._removed:
            request = SnapshotRequest(
                id=self._entropy.uuid(), at=self._clock.now(), wanted=self._topic, requester=self._requester
            )
            try:
                if self._bus.incarnation is not None:
                    await self._bus.publish([message_of(request)])
            except BusUnavailable as error:
                log.info("snapshot request waits", topic=self._topic, error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 60.0)


def _version(fact: Contract) -> int:
    version = getattr(fact, "version", None)
    if not isinstance(version, int):
        raise TypeError(f"{type(fact).__name__} has no version: it cannot be projected")
    return version
