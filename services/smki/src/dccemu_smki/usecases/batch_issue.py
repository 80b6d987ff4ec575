"""Batches at night: chunks of certificates, each decided and issued in one transaction (smki.md section 5.3).

Certificates, counts, claimed keys and item results of a chunk commit together, so nothing is ever half-issued.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Kind, draw_serial

from ..adapters.batch_store import Batch, RefusedItem
from ..adapters.device_rows import DeviceRows, copy_rows
from ..domain.codes import BatchStatus, outcome_of
from ..domain.eligibility import Applicant, check_device
from ..domain.lifecycle import Status
from ..domain.records import DeviceLot, DeviceMade, DeviceWish, key_digest
from ..domain.timing import is_batch_window
from .audit import note
from .context import LIVE, Smki
from .devices import duplicate, too_many
from .issuing import Press, open_press
from .subscribers import applicant_of, find_subscriber
from .targets import BATCH, judge

Items = Sequence[tuple[int, DeviceWish]]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Items of a batch with the certificates that are made for them ahead of the decision."""

    items: Items
    made: Mapping[int, DeviceMade]


class _Irregular(Exception):
    """A chunk that cannot be granted as a whole: what was written for it is rolled back."""


async def process(smki: Smki, number: int) -> None:
    """All chunks of a batch while the window is open: the next is signed while the present one is committed.

    A certificate made ahead is nothing until its chunk commits; one that is then refused is thrown away.
    """
    press = await open_press(smki, Kind.DEVICE, LIVE, smki.now(), Status.IN_USE)
    batch = await smki.batches.find(number)
    if batch is None:
        return
    lot = press.lot(batch.party)
    rows = DeviceRows(lot)
    chunk = await _prepare(smki, press, rows, batch, -1)
    while chunk.items:
        following = asyncio.create_task(_prepare(smki, press, rows, batch, chunk.items[-1][0]))
        try:
            go_on = await _commit(smki, lot, number, chunk)
        except BaseException:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            raise
        chunk = await following
        if not go_on:
            return
    await _complete(smki, number)


def may_run(smki: Smki) -> bool:
    """Whether batches are worked on now."""
    return not smki.settings.enforce_batch_window or is_batch_window(smki.now())


async def _prepare(smki: Smki, press: Press, rows: DeviceRows, batch: Batch, after: int) -> _Chunk:
    items = await smki.batches.next_items(batch.id, after, smki.settings.batch_chunk)
    serials = _serials(smki, len(items))
    async with smki.database.pool.acquire() as connection:
        versions = await smki.store.versions(connection, len(items))
    return _Chunk(items, await asyncio.to_thread(_make, press, rows, items, serials, versions))


def _make(
    press: Press, rows: DeviceRows, items: Items, serials: Sequence[bytes], versions: Sequence[int]
) -> dict[int, DeviceMade]:
    """Certificates by position."""
    return {
        position: press.make(rows, wish, serial, version)
        for (position, wish), serial, version in zip(items, serials, versions, strict=True)
    }


def _serials(smki: Smki, count: int) -> list[bytes]:
    """Serial numbers out of one draw; the few that may not stand (first octet zero) are drawn again."""
    drawn = smki.entropy.octets(16 * count)
    serials = []
    for place in range(0, 16 * count, 16):
        first = drawn[place] & 0x7F
        again = draw_serial(smki.entropy.octets).to_bytes(16, "big") if not first else b""
        serials.append(again or bytes((first,)) + drawn[place + 1 : place + 16])
    return serials


async def _commit(smki: Smki, lot: DeviceLot, number: int, chunk: _Chunk) -> bool:
    """One chunk: checks, certificates and results in one transaction; False when it is not to go on."""
    async with smki.database.transaction() as connection:
        batch = await smki.batches.lock(connection, number)
        if batch is None or batch.status is not BatchStatus.PROCESSING or not may_run(smki):
            return False
        if not await smki.batches.are_open(connection, number, chunk.items):
            return False
        subscriber = await find_subscriber(smki, batch.party)
        applicant = Applicant(batch.party, {}, {}) if subscriber is None else applicant_of(smki, subscriber)
        granted, refused = await _decide(smki, connection, applicant, chunk.items)
        made = [chunk.made[position] for position in granted]
        await copy_rows(connection, [one.row for one in made])
        await smki.batches.finish_refused(connection, number, refused)
        await smki.batches.finish_issued(connection, number, lot.issuer, granted, [one.serial for one in made])
    await smki.announce((lot, made))
    return True


async def _complete(smki: Smki, number: int) -> None:
    async with smki.database.transaction() as connection:
        batch = await smki.batches.lock(connection, number)
        if batch is None or batch.status is not BatchStatus.PROCESSING or batch.done < batch.size:
            return
        await smki.batches.set_status(connection, number, BatchStatus.COMPLETED, completed_at=smki.now())
        await note(smki, connection, "batch", "completed", party=batch.party, batch=number, size=batch.size)
    await judge(smki, BATCH, smki.now() - batch.submitted_at)


async def _decide(
    smki: Smki, connection: PoolConnectionProxy, applicant: Applicant, items: Items
) -> tuple[list[int], list[RefusedItem]]:
    """Eligibility, then the hundred-certificate limit, then the duplicate check; gives the positions to issue.

    What is eligible is taken as a whole where it can be, and one by one, in order, where it cannot.
    """
    refused: list[RefusedItem] = []
    eligible: list[tuple[int, DeviceWish]] = []
    for position, wish in items:
        try:
            check_device(applicant, wish.eui, smki.parties.device(wish.eui))
            eligible.append((position, wish))
        except ProtocolError as error:
            refused.append(RefusedItem(position, outcome_of(error, ad_hoc=False)))
    # Octets as keys: they are hashed much faster than values with types.
    claims = [(key_digest(wish.point), wish.eui.octets, wish.usage.value) for _, wish in eligible]
    try:
        async with connection.transaction():
            if not await smki.store.take_all(connection, claims, Counter(claim[1] for claim in claims)):
                raise _Irregular
        return [position for position, _ in eligible], refused
    except _Irregular:
        granted, more = await _decide_each(smki, connection, eligible, claims)
        return granted, refused + more


async def _decide_each(
    smki: Smki,
    connection: PoolConnectionProxy,
    eligible: Items,
    claims: Sequence[tuple[bytes, bytes, str]],
) -> tuple[list[int], list[RefusedItem]]:
    counts = await smki.store.lock_counts(connection, {wish.eui.octets for _, wish in eligible})
    free = await smki.store.claim_keys(connection, list({claim[0]: claim for claim in claims}.values()))
    granted: list[int] = []
    refused: list[RefusedItem] = []
    unused: list[bytes] = []
    issued = {octets: count for octets, (count, _) in counts.items()}
    for (position, wish), (digest, octets, _) in zip(eligible, claims, strict=True):
        allowed = counts[octets][1]
        if issued[octets] >= allowed:
            refused.append(RefusedItem(position, outcome_of(too_many(wish.eui, allowed), ad_hoc=False)))
            if digest in free:
                free.discard(digest)
                unused.append(digest)
        elif digest not in free:
            refused.append(RefusedItem(position, outcome_of(duplicate(), ad_hoc=False)))
        else:
            free.discard(digest)
            issued[octets] += 1
            granted.append(position)
    if unused:
        await connection.execute("DELETE FROM certified_keys WHERE key_digest = ANY($1::bytea[])", unused)
    await smki.store.set_counts(connection, {octets: n for octets, n in issued.items() if n != counts[octets][0]})
    return granted, refused
