"""The parts that the use cases share, put together by ``bootstrap``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.duis import Element
from dccemu_protocol.xmldsig import Outlines
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.timers import Timers

from ..adapters.counters import RoleCounter
from ..adapters.directory import FactsDirectory
from ..adapters.operations import DeliveryRows
from ..adapters.own_keys import OwnKeys
from ..adapters.record import Record
from ..adapters.transformer import Transformer
from ..domain.commands import OpenCommands
from ..domain.policy import Policy
from ..settings import Settings
from .followers import Followers
from .history import History

NEWEST_VERSION = "5.4"
_DRAWN_AT_ONCE = 256
_seconds = lru_cache(maxsize=16)(lambda seconds: timedelta(seconds=seconds))


@dataclass(slots=True)
class Gateway:
    """What a use case may touch."""

    settings: Settings
    policy: Policy
    clock: Clock
    entropy: Entropy
    database: Database
    directory: FactsDirectory
    keys: OwnKeys
    transformer: Transformer
    alert_counter: RoleCounter
    outbox: Outbox
    journal: Record
    timers: Timers
    deliveries: DeliveryRows
    validate: Callable[[Element], None]
    outlines: Outlines | None
    history: History
    followers: Followers
    versions: dict[str, str] = field(default_factory=dict)
    open_commands: OpenCommands = field(default_factory=OpenCommands)
    _drawn: list[str] = field(default_factory=list)

    def version_of(self, user: str) -> str:
        """The schema version in which a User last spoke: Alerts to it are written in that one (duis.md section 2)."""
        return self.versions.get(user, NEWEST_VERSION)

    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> str:
        """A name for a new thing: 96 random bits."""
        if not self._drawn:
            # The operating system is asked for many at once; a seeded stream gives each its own in the order of calls.
            octets = self.entropy.octets(12 * (1 if self.entropy.is_seeded else _DRAWN_AT_ONCE))
            self._drawn = [octets[start : start + 12].hex() for start in range(0, len(octets), 12)]
        return self._drawn.pop()

    async def commit(self, unit: Unit) -> None:
        """Make a unit durable."""
        await self.database.group.commit(unit)

    @property
    def response_wait(self) -> timedelta:
        return _seconds(self.settings.response_wait_seconds)

    @property
    def execution_wait(self) -> timedelta:
        return _seconds(self.settings.execution_wait_seconds)

    def delivery(
        self,
        *,
        user: str,
        device: str,
        kind: str,
        code: str,
        document: bytes,
        request_id: str | None = None,
        response_id: str | None = None,
    ) -> Write:
        """A document that must reach a User, due now."""
        return self.deliveries.write(
            self.new_id(), user, device, kind, request_id, response_id, code, document, self.now()
        )

    async def deliver_in(self, connection: PoolConnectionProxy, *rows: Write) -> None:
        """Write rows of deliveries in an open transaction; they are taken up when it has committed."""
        await execute(connection, *rows)
        for row in rows:
            heard, values = row.op.committed, row.row
            if heard is not None:
                self.database.after_commit(connection, lambda heard=heard, values=values: heard([values]))  # type: ignore[misc]


async def execute(connection: PoolConnectionProxy, *writes: Write) -> None:
    """Carry out rows one by one in an open transaction: for use cases off the hot path."""
    for write in writes:
        await connection.execute(write.op.sql, *([value] for value in write.row))
