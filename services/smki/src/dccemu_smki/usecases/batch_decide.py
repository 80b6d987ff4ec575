"""Which items of a chunk are granted: eligibility, then the hundred-certificate limit, then the duplicate check.

What is eligible is taken as a whole where it can be, and one by one, in order, where it cannot (smki.md section 5.3).
"""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64

from ..adapters.batch_items import RefusedItem
from ..domain.codes import Outcome, outcome_of
from ..domain.eligibility import Applicant, check_device
from ..domain.records import OpenItems, key_digest
from .context import Smki
from .devices import duplicate, too_many


class _Irregular(Exception):
    """Items that cannot be granted as a whole: what was written for them is rolled back."""


async def decide(
    smki: Smki, connection: PoolConnectionProxy, batch: int, applicant: Applicant, items: OpenItems
) -> tuple[OpenItems, list[RefusedItem]]:
    """The items to issue, their keys taken and counted, and those that are refused; ``items`` are open and locked."""
    barred = _barred(smki, applicant, items)
    refused: list[RefusedItem] = []
    if barred:
        refused = [
            RefusedItem(position, barred[eui])
            for position, eui in zip(items.positions, items.devices, strict=True)
            if eui in barred
        ]
        items = items.without({item.position for item in refused})
    if not items:
        return items, refused
    try:
        async with connection.transaction():
            if not await smki.items.take_all(connection, batch, items, [item.position for item in refused]):
                raise _Irregular
        return items, refused
    except _Irregular:
        more = await _refused_each(smki, connection, items)
        return items.without({item.position for item in more}), refused + more


def _barred(smki: Smki, applicant: Applicant, items: OpenItems) -> dict[bytes, Outcome]:
    """Why the applicant may not have certificates of some of the Devices."""
    barred = {}
    for octets in set(items.devices):
        eui = Eui64(octets)
        try:
            check_device(applicant, eui, smki.parties.device(eui))
        except ProtocolError as error:
            barred[octets] = outcome_of(error, ad_hoc=False)
    return barred


async def _refused_each(smki: Smki, connection: PoolConnectionProxy, items: OpenItems) -> list[RefusedItem]:
    """Take keys one by one and count; gives what is refused."""
    digests = [key_digest(point) for point in items.points]
    claims = list(zip(digests, items.devices, items.usages, strict=True))
    counts = await smki.store.lock_counts(connection, set(items.devices))
    free = await smki.store.claim_keys(connection, list({claim[0]: claim for claim in claims}.values()))
    refused: list[RefusedItem] = []
    unused: list[bytes] = []
    issued = {octets: count for octets, (count, _) in counts.items()}
    for position, (digest, octets, _) in zip(items.positions, claims, strict=True):
        allowed = counts[octets][1]
        if issued[octets] >= allowed:
            refused.append(RefusedItem(position, outcome_of(too_many(Eui64(octets), allowed), ad_hoc=False)))
            if digest in free:
                free.discard(digest)
                unused.append(digest)
        elif digest not in free:
            refused.append(RefusedItem(position, outcome_of(duplicate(), ad_hoc=False)))
        else:
            free.discard(digest)
            issued[octets] += 1
    await smki.store.give_keys_back(connection, unused)
    await smki.store.set_counts(connection, {octets: n for octets, n in issued.items() if n != counts[octets][0]})
    return refused
