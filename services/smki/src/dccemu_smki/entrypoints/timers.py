"""What the SMKI does at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.timers import Timer

from ..domain.lifecycle import Event, Status
from ..usecases.batches import forget_old
from ..usecases.context import Smki
from ..usecases.recovery_progress import REPEAT, repeat
from ..usecases.revoke import change_status, publish_list

SWEEP_EVERY = timedelta(hours=1)


def register(smki: Smki) -> None:
    """Revocation lists at their times, the end of acceptance windows, and recovery Commands that nobody answered."""

    async def list_due(connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        authority = smki.authorities.get(timer.key)
        if authority is None:
            return None
        await publish_list(smki, connection, authority)
        return None

    async def acceptance_over(connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        issuer, _, serial = timer.key.rpartition("|")
        record = await smki.store.lock(connection, issuer, int(serial, 16))
        if record is not None and record.status is Status.PENDING:
            try:
                await change_status(smki, connection, record, Event.ACCEPTED, "acceptance window")
            except ProtocolError:
                return None
        return None

    async def sweep(connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        await smki.publish(connection, *await smki.store.expire(connection, smki.now()))
        await forget_old(smki)
        return smki.now() + SWEEP_EVERY

    async def repeat_due(connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        return await repeat(smki, connection, timer)

    smki.timers.on("sweep", sweep)
    smki.timers.on(REPEAT, repeat_due)
    smki.timers.on("revocation-list", list_due)
    smki.timers.on("acceptance", acceptance_over)
