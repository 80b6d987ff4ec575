"""What the SMKI hears on the bus."""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.smki import CertificateRequest
from dccemu_contracts.wan import DeviceMessage
from dccemu_runtime.bus import Bus, Message, Subscription
from dccemu_runtime.consumers import Consumer
from dccemu_runtime.database import Database

from ..usecases.answer_requests import answer_request
from ..usecases.context import Smki
from ..usecases.recovery_progress import PREFIX, take_answer
from ..usecases.recovery_views import has_open_recovery

_GROUP = "smki-recovery"


def register(consumer: Consumer, smki: Smki) -> None:
    """Handle requests of the DCC's services for certificates."""

    async def requested(connection: PoolConnectionProxy, message: CertificateRequest) -> None:
        await answer_request(smki, connection, message)

    consumer.on(CertificateRequest, requested)


class RecoveryAnswers:
    """Hears Devices only while a recovery is open: their answers are the gateway's business otherwise."""

    def __init__(self, bus: Bus, database: Database, smki: Smki) -> None:
        self._bus = bus
        self._smki = smki
        self._consumer = Consumer(bus, database, _GROUP)
        self._subscription: Subscription | None = None
        self._consumer.on(DeviceMessage, self._spoke)
        smki.hear_devices = self.hear

    async def start(self) -> None:
        """Hear on where a restart cut a recovery short."""
        if await has_open_recovery(self._smki):
            await self.hear()

    async def hear(self) -> None:
        """Begin to listen, and return when nothing said from now on is missed."""
        if self._subscription is None:
            self._subscription = await self._bus.subscribe([DeviceMessage.topic.name], _GROUP, self._take)
            await self._subscription.caught_up()

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()
            self._subscription = None

    async def _take(self, batch: Sequence[Message]) -> None:
        wanted = [message for message in batch if PREFIX.encode() in message.value]
        if wanted:
            await self._consumer.handle(wanted)

    async def _spoke(self, connection: PoolConnectionProxy, message: DeviceMessage) -> None:
        await take_answer(self._smki, connection, message)
