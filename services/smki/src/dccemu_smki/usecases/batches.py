"""Batches of Device CSRs: submitted, approved, parsed, queued for the night, processed, fetched (smki.md section 5.5).

The stages are rows, so a crash at any point is taken up where the last transaction ended.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence

import structlog
from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Kind, csr

from ..adapters.batch_store import Batch, ParsedItem
from ..domain.codes import WORKFLOW_FAILED, BatchStatus, ItemStatus, Outcome, outcome_of
from ..domain.errors import BAD_STATUS, UNKNOWN_BATCH
from ..domain.messages import BatchItem, Identified, ItemResult, read_batch
from ..domain.portal import read_zip
from ..domain.records import DeviceWish
from ..domain.timing import DAILY_BATCH_CSRS, POLL_PACE, RESULTS_KEPT
from .audit import note
from .batch_issue import may_run, process
from .context import Smki
from .subscribers import Subscriber, check_may_submit

log = structlog.get_logger(__name__)
_THREADS = min(4, os.cpu_count() or 1)
_TAMPERED = Outcome(ItemStatus.WORKFLOW_ERROR, "WF:AA3", "the content changed between upload and parsing")
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
    return batch, await smki.batches.results(number)


def unknown(number: int) -> ProtocolError:
    """The refusal of a batch that is not there or not one's own."""
    return ProtocolError(UNKNOWN_BATCH, f"there is no batch {number} of this subscriber", source=_SOURCE)


async def work_once(smki: Smki) -> bool:
    """Bring the oldest open batch one step on; False when there is nothing to do now."""
    number = await smki.batches.next_open()
    if number is None:
        return False
    batch = await smki.batches.find(number)
    if batch is None:
        return True
    if batch.status is BatchStatus.PARSING:
        await _parse(smki, number)
        return True
    if not may_run(smki):
        if batch.status is not BatchStatus.PAUSED:
            await _set(smki, number, BatchStatus.PAUSED)
            return True
        return False
    if batch.status is not BatchStatus.PROCESSING:
        await _set(smki, number, BatchStatus.PROCESSING)
        return True
    await process(smki, number)
    return True


async def _set(smki: Smki, number: int, status: BatchStatus) -> None:
    async with smki.database.transaction() as connection:
        await smki.batches.set_status(connection, number, status)


async def _parse(smki: Smki, number: int) -> None:
    """Read every CSR and check its proof of possession; a content that is not what was uploaded is TAMPERED.

    The reading takes seconds for fifty thousand CSRs, so it happens before the transaction that keeps its outcome.
    """
    batch = await smki.batches.find(number)
    if batch is None:
        return
    content, digest = await smki.batches.content(number)
    is_same = hashlib.sha256(content).digest() == digest
    parsed: list[ParsedItem] = []
    if is_same:
        parsed = await _read_all(batch.source, content, smki.settings.max_batch_bytes)
    async with smki.database.transaction() as connection:
        locked = await smki.batches.lock(connection, number)
        if locked is None or locked.status is not BatchStatus.PARSING:
            return
        if not is_same:
            await smki.batches.set_status(
                connection, number, BatchStatus.TAMPERED, error=_TAMPERED, completed_at=smki.now()
            )
            await note(smki, connection, "batch", "tampered", party=batch.party, batch=number)
            return
        await smki.batches.add_items(connection, number, parsed)
        await smki.batches.set_status(connection, number, BatchStatus.QUEUED)
        refused = sum(1 for item in parsed if item.refused)
        await note(smki, connection, "batch", "parsed", party=batch.party, batch=number, refused=refused)


async def give_up(smki: Smki, number: int) -> None:
    """A batch that fails again and again is a matter for people: WORKFLOW_ERROR, what was issued stays issued."""
    async with smki.database.transaction() as connection:
        await smki.batches.set_status(
            connection, number, BatchStatus.WORKFLOW_ERROR, error=WORKFLOW_FAILED, completed_at=smki.now()
        )
        await note(smki, connection, "batch", "failed", batch=number)


async def _read_all(source: str, content: bytes, max_octets: int) -> list[ParsedItem]:
    """Signatures are checked outside of the interpreter's lock, so the work is shared by a few threads."""
    items = await asyncio.to_thread(_split, source, content, max_octets)
    share = -(-len(items) // _THREADS)
    parts = [items[place : place + share] for place in range(0, len(items), share)]
    read = await asyncio.gather(*(asyncio.to_thread(_read_part, part, source) for part in parts))
    return [item for part in read for item in part]


def _split(source: str, content: bytes, max_octets: int) -> Sequence[BatchItem]:
    try:
        return read_batch(content, max_octets).items if source == "service" else read_zip(content)
    except Identified as refused:
        raise refused.error from None


def _read_part(items: Sequence[BatchItem], source: str) -> list[ParsedItem]:
    return [_read_item(item, source) for item in items]


def _read_item(item: BatchItem, source: str) -> ParsedItem:
    try:
        decode = csr.decode_service_text if source == "service" else csr.decode_portal_text
        request = csr.read(decode(item.csr))
        if request.kind is not Kind.DEVICE:
            raise ProtocolError("CSR_SUBJECT", "the subject is not empty: this is not a Device's request")
    except ProtocolError as error:
        return ParsedItem(item.id, None, outcome_of(error, ad_hoc=False))
    wish = DeviceWish(request.eui, request.usage, request.point, request.hardware_type or "")
    return ParsedItem(item.id, wish, None)


async def forget_old(smki: Smki) -> None:
    """Results are kept for 30 days, and the batch itself for as long again, so that it is known to be gone."""
    async with smki.database.transaction() as connection:
        await smki.batches.forget(connection, smki.now() - 2 * RESULTS_KEPT)
