"""What the SMKI hears on the bus."""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.smki import CertificateRequest
from dccemu_runtime.consumers import Consumer

from ..usecases.answer_requests import answer_request
from ..usecases.context import Smki


def register(consumer: Consumer, smki: Smki) -> None:
    """Handle requests of the DCC's services for certificates."""

    async def requested(connection: PoolConnectionProxy, message: CertificateRequest) -> None:
        await answer_request(smki, connection, message)

    consumer.on(CertificateRequest, requested)
