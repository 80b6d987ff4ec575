"""Batches at night: chunks of certificates, each decided and issued in one transaction (smki.md section 5.3).

Certificates, counts, claimed keys and item results of a chunk commit together, so nothing is ever half-issued.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from dccemu_protocol.pki import Kind

from ..adapters.device_rows import copy_rows
from ..domain.codes import BatchStatus
from ..domain.eligibility import Applicant
from ..domain.lifecycle import Status
from ..domain.records import DeviceLot, DeviceMade, OpenItems
from ..domain.timing import is_batch_window
from .audit import note
from .batch_chunks import Chunk, chunks
from .batch_decide import decide
from .context import LIVE, Smki
from .issuing import open_press
from .subscribers import applicant_of, find_subscriber
from .targets import BATCH, judge


async def process(smki: Smki, number: int) -> None:
    """All chunks of a batch while the window is open."""
    press = await open_press(smki, Kind.DEVICE, LIVE, smki.now(), Status.IN_USE)
    batch = await smki.batches.find(number)
    if batch is None:
        return
    lot = press.lot(batch.party)
    async with aclosing(chunks(smki, press, batch)) as made:
        async for chunk in made:
            if not await _commit(smki, lot, number, chunk):
                return
    await _complete(smki, number)


def may_run(smki: Smki) -> bool:
    """Whether batches are worked on now."""
    return not smki.settings.enforce_batch_window or is_batch_window(smki.now())


async def _commit(smki: Smki, lot: DeviceLot, number: int, chunk: Chunk) -> bool:
    """One chunk: checks, certificates and results in one transaction; False when it is not to go on."""
    async with smki.database.transaction() as connection:
        batch = await smki.batches.lock(connection, number)
        if batch is None or batch.status is not BatchStatus.PROCESSING or not may_run(smki):
            return False
        if not await smki.items.are_open(connection, number, chunk.items):
            return False
        subscriber = await find_subscriber(smki, batch.party)
        applicant = Applicant(batch.party, {}, {}) if subscriber is None else applicant_of(smki, subscriber)
        granted, refused = await decide(smki, connection, number, applicant, chunk.items)
        made = _made_for(chunk, granted)
        await copy_rows(connection, [one.row for one in made])
        await smki.items.finish_refused(connection, number, refused)
        serials = [one.serial for one in made]
        await smki.items.finish_issued(connection, number, lot.issuer, granted.positions, serials)
    await smki.announce((lot, made))
    return True


def _made_for(chunk: Chunk, granted: OpenItems) -> Sequence[DeviceMade]:
    if len(granted) == len(chunk.made):
        return chunk.made
    positions = set(granted.positions)
    return [made for position, made in zip(chunk.items.positions, chunk.made, strict=True) if position in positions]


async def _complete(smki: Smki, number: int) -> None:
    async with smki.database.transaction() as connection:
        batch = await smki.batches.lock(connection, number)
        if batch is None or batch.status is not BatchStatus.PROCESSING or batch.done < batch.size:
            return
        await smki.batches.set_status(connection, number, BatchStatus.COMPLETED, completed_at=smki.now())
        await note(smki, connection, "batch", "completed", party=batch.party, batch=number, size=batch.size)
    await judge(smki, BATCH, smki.now() - batch.submitted_at)
