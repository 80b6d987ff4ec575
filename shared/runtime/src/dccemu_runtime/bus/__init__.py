"""The bus port: messages in order of their key, groups that share the work, at least once.

Two adapters keep one contract (``tests/contract``): ``memory.MemoryBus`` in one process and ``kafka.KafkaBus`` over
the Kafka protocol. Durability is not the bus's business: the outbox keeps a row until its consumers have confirmed
it, and ``incarnation`` tells it when a broker came back without its contents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from dccemu_protocol.errors import EmulatorError

#: A replay is handed over in batches that are so many times larger than those of a group.
REPLAY_BATCHES = 4
#: Partitions of a topic unless a setting says otherwise.
PARTITIONS = 4
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class BusUnavailable(EmulatorError):
    """The bus took no message: the broker is away or its queue is full."""


class Message(NamedTuple):
    """One message: ``id`` is unique and stable over repeats, ``key`` the unit of order."""

    topic: str
    key: str
    value: bytes
    id: str
    headers: Mapping[str, str] = _NO_HEADERS


class Receipt(NamedTuple):
    """Where the bus put a message."""

    topic: str
    partition: int
    offset: int


Handler = Callable[[Sequence[Message]], Awaitable[None]]


class Subscription(Protocol):
    """A running subscription."""

    async def caught_up(self) -> None:
        """Wait until all that was on the topics at subscription has been handled."""

    async def up_to_date(self) -> None:
        """Wait until all that is on the topics of a replay now has been handled.

        Raises
        ------
        BusUnavailable
            When the broker does not say what there is.
        """

    async def stop(self) -> None:
        """Stop handing over messages; the batch in hand is finished or will be handed over again."""


class Bus(Protocol):
    """What services know of the bus."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    @property
    def incarnation(self) -> str | None:
        """Names the contents of the broker; another value means that it came back without them. None: not known yet."""

    def on_incarnation(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``incarnation`` has changed, first when it becomes known."""

    async def publish(self, messages: Sequence[Message]) -> Sequence[Receipt]:
        """Put messages on the bus, in order for each key.

        Raises
        ------
        BusUnavailable
            When not all were acknowledged; some may be on the bus nevertheless.
        """

    async def subscribe(
        self, topics: Sequence[str], group: str, handler: Handler, *, replay: bool = False
    ) -> Subscription:
        """Hand batches to ``handler``; when it raises, the batch is handed over again.

        Members of one ``group`` share the keys. With ``replay`` the subscriber gets every message, from the oldest
        kept (of a compacted topic: the newest of each key) on, whoever else reads, each time it subscribes.
        """

    async def confirmed(self, topic: str, group: str) -> Mapping[int, int]:
        """For each partition the offset before which ``group`` has handled everything."""
