"""Batches of Device CSRs as subscribers and the Registration Authority see them (smki.md section 5.5).

Submitted, approved, and fetched when they are completed; in between they are worked on (:mod:`.batches`).
"""

from __future__ import annotations

import asyncio
import hashlib

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError

from ..adapters.batch_store import Batch
from ..domain.codes import BatchStatus
from ..domain.errors import BAD_STATUS, UNKNOWN_BATCH
from ..domain.messages import ItemResult, read_batch
from ..domain.portal import read_zip
from ..domain.timing import DAILY_BATCH_CSRS, POLL_PACE, RESULTS_KEPT
from .audit import note
from .context import Smki
from .officers import check_may_submit
from .subscribers import Subscriber

_SOURCE = "SEC Appendix M; smki.md section 5.5"


async def submit_xml(smki: Smki, subscriber: Subscriber, body: bytes) -> tuple[str, int]:
    """The batch web service: gives the message's ID and the batch's number.

    Raises
    ------
    Identified
        FORMAT_ERROR: the whole batch is refused.
    ProtocolError
        ``NOT_SUBSCRIBER`` or ``NOT_OFFICER``.
    """
    await check_may_submit(smki, subscriber, None, device=True)
    request = await asyncio.to_thread(read_batch, body, smki.settings.max_batch_bytes)
    return request.id, await _submit(smki, subscriber, "service", request.id, body, len(request.items))


async def submit_zip(smki: Smki, subscriber: Subscriber, officer: str | None, name: str, content: bytes) -> int:
    """The portal: gives the batch's number.

    Raises
    ------
    ProtocolError
        ``BAD_MESSAGE``, ``TOO_MANY_REQUESTS``, ``NOT_SUBSCRIBER`` or ``NOT_OFFICER``.
    """
    await check_may_submit(smki, subscriber, officer, device=True)
    items = await asyncio.to_thread(read_zip, content)
    return await _submit(smki, subscriber, "portal", name, content, len(items))


async def _submit(smki: Smki, subscriber: Subscriber, source: str, name: str, content: bytes, size: int) -> int:
    status = BatchStatus.PARSING if smki.settings.approve_batches else BatchStatus.PENDING
    async with smki.database.transaction() as connection:
        number = await smki.batches.add(
            connection,
            party=subscriber.party,
            source=source,
            name=name,
            status=status,
            content=content,
            digest=hashlib.sha256(content).digest(),
            size=size,
            at=smki.now(),
        )
        await note(smki, connection, "batch", "submitted", party=subscriber.party, batch=number, size=size)
        await _note_forecast(smki, connection, subscriber.party)
        smki.database.after_commit(connection, smki.wake_batches)
    return number


async def _note_forecast(smki: Smki, connection: PoolConnectionProxy, party: str) -> None:
    """More than fifty thousand CSRs in a day are to be announced a week ahead: noted, not refused."""
    day = await connection.fetchval(
        "SELECT sum(size) FROM batches WHERE party = $1 AND submitted_at > $2::timestamptz - interval '24 hours'",
        party,
        smki.now(),
    )
    if day > DAILY_BATCH_CSRS:
        await note(smki, connection, "forecast", "exceeded", party=party, batch_csrs=int(day))


async def decide(smki: Smki, number: int, *, approve: bool, by: str) -> None:
    """The Registration Authority approves or rejects a batch that is pending.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_BATCH`` or ``BAD_STATUS``.
    """
    async with smki.database.transaction() as connection:
        batch = await smki.batches.lock(connection, number)
        if batch is None:
            raise unknown(number)
        if batch.status is not BatchStatus.PENDING:
            raise ProtocolError(BAD_STATUS, f"batch {number} is {batch.status.value}, not PENDING", source=_SOURCE)
        status = BatchStatus.PARSING if approve else BatchStatus.REJECTED
        await smki.batches.set_status(connection, number, status, completed_at=None if approve else smki.now())
        await note(smki, connection, "batch", status.value, party=batch.party, batch=number, by=by)
        smki.database.after_commit(connection, smki.wake_batches)


async def poll(smki: Smki, subscriber: Subscriber, number: int) -> tuple[Batch, list[ItemResult]]:
    """The state of a subscriber's own batch; its results when it is completed.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_BATCH`` (also for the batch of another), ``RESULTS_GONE`` after 30 days, ``POLLED_TOO_OFTEN``.
    """
    batch = await smki.batches.find(number)
    if batch is None or batch.party != subscriber.party:
        raise unknown(number)
    now = smki.now()
    if batch.completed_at is not None and now > batch.completed_at + RESULTS_KEPT:
        raise ProtocolError("RESULTS_GONE", f"batch {number} was kept for {RESULTS_KEPT.days} days", source=_SOURCE)
    if batch.status is not BatchStatus.COMPLETED:
        last = batch.polled_at
        if smki.settings.enforce_rates and last is not None and last <= now < last + POLL_PACE:
            raise ProtocolError("POLLED_TOO_OFTEN", f"batch {number} is polled at most hourly", source=_SOURCE)
        async with smki.database.transaction() as connection:
            await smki.batches.polled(connection, number, now)
        return batch, []
    return batch, await smki.items.results(number)


def unknown(number: int) -> ProtocolError:
    """The refusal of a batch that is not there or not one's own."""
    return ProtocolError(UNKNOWN_BATCH, f"there is no batch {number} of this subscriber", source=_SOURCE)
