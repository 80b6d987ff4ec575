"""Batches of Device CSRs at work: parsed, queued for the night, processed (smki.md section 5.5).

The stages are rows, so a crash at any point is taken up where the last transaction ended.
"""

from __future__ import annotations

import hashlib

from dccemu_protocol.errors import EmulatorError

from ..adapters.batch_items import ParsedItem
from ..adapters.batch_store import Batch
from ..domain.codes import CA_FAILED, WORKFLOW_FAILED, BatchStatus, ItemStatus, Outcome
from ..domain.timing import RESULTS_KEPT, batch_window_began
from .audit import note
from .batch_issue import may_run, process
from .batch_reading import read_all
from .context import Smki

_DONE_SINCE = "SELECT coalesce(sum(size), 0) FROM batches WHERE status = 'COMPLETED' AND completed_at >= $1"
_FAIL_ITEMS = """
UPDATE batch_items SET status = $2, error_code = $3, error_text = $4 WHERE batch = $1 AND status IS NULL"""
_TAMPERED = Outcome(ItemStatus.WORKFLOW_ERROR, "WF:AA3", "the content changed between upload and parsing")


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
    if not may_run(smki) or await _is_night_full(smki, batch):
        if batch.status is not BatchStatus.PAUSED:
            await _set(smki, number, BatchStatus.PAUSED)
            return True
        return False
    if batch.status is not BatchStatus.PROCESSING:
        await _set(smki, number, BatchStatus.PROCESSING)
        return True
    await process(smki, number)
    return True


async def _is_night_full(smki: Smki, batch: Batch) -> bool:
    """Whether a batch that has not begun would go beyond the capacity of a night: then it slips to the next."""
    if batch.status is BatchStatus.PROCESSING or not smki.settings.enforce_batch_window:
        return False
    done: int = await smki.database.pool.fetchval(_DONE_SINCE, batch_window_began(smki.now()))
    return done + batch.size > smki.settings.nightly_capacity


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
        parsed = await read_all(batch.source, content, smki.settings.max_batch_bytes)
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
        await smki.items.add(connection, number, parsed)
        await smki.batches.set_status(connection, number, BatchStatus.QUEUED)
        refused = sum(1 for item in parsed if item.refused)
        await note(smki, connection, "batch", "parsed", party=batch.party, batch=number, refused=refused)


async def give_up(smki: Smki, number: int, why: Exception) -> None:
    """A batch that fails again and again is a matter for people; what was issued stays issued.

    Where it is the certificate authority that fails, what is left gets CA_ERROR and may come again; anything else is
    WORKFLOW_ERROR of the whole batch.
    """
    async with smki.database.transaction() as connection:
        if isinstance(why, EmulatorError):
            failed = (CA_FAILED.status.value, CA_FAILED.code, CA_FAILED.text)
            await connection.execute(_FAIL_ITEMS, number, *failed)
            await connection.execute("UPDATE batches SET done = size WHERE id = $1", number)
            await smki.batches.set_status(connection, number, BatchStatus.COMPLETED, completed_at=smki.now())
            await note(smki, connection, "batch", "ca failed", batch=number, why=str(why))
            return
        await smki.batches.set_status(
            connection, number, BatchStatus.WORKFLOW_ERROR, error=WORKFLOW_FAILED, completed_at=smki.now()
        )
        await note(smki, connection, "batch", "failed", batch=number)


async def forget_old(smki: Smki) -> None:
    """Results are kept for 30 days, and the batch itself for as long again, so that it is known to be gone."""
    async with smki.database.transaction() as connection:
        await smki.batches.forget(connection, smki.now() - 2 * RESULTS_KEPT)
