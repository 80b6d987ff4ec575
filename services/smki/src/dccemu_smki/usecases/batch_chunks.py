"""The chunks of a batch, made ahead of their decision: items are read, signed and committed in three stages at once.

A certificate made ahead is nothing until its chunk commits; one that is then refused is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from dccemu_protocol.pki import draw_serial

from ..adapters.batch_store import Batch
from ..adapters.device_rows import DeviceRows
from ..domain.records import DeviceMade, OpenItems
from .ahead import ahead
from .context import Smki
from .issuing import Press


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items of a batch, and for each the certificate that it gets if it is granted."""

    items: OpenItems
    made: Sequence[DeviceMade]


@dataclass(frozen=True, slots=True)
class _Read:
    """Items with the serial numbers and versions that their certificates will have."""

    items: OpenItems
    serials: Sequence[bytes]
    versions: Sequence[int]


def chunks(smki: Smki, press: Press, batch: Batch) -> AsyncGenerator[Chunk, None]:
    """What is open of a batch, in order; the next is read and signed while the present one is used."""
    return ahead(_made(press, DeviceRows(press.lot(batch.party)), ahead(_read(smki, batch))))


async def _read(smki: Smki, batch: Batch) -> AsyncGenerator[_Read, None]:
    step = smki.settings.batch_chunk
    for first in range(0, batch.size, step):
        if items := await smki.items.open(batch.id, first, first + step - 1):
            async with smki.database.pool.acquire() as connection:
                versions = await smki.store.versions(connection, len(items))
            octets = smki.entropy.child(f"batch {batch.id} from {items.positions[0]}").octets
            yield _Read(items, _serials(octets, len(items)), versions)


async def _made(press: Press, rows: DeviceRows, source: AsyncGenerator[_Read, None]) -> AsyncGenerator[Chunk, None]:
    async with aclosing(source):
        async for read in source:
            made = await asyncio.to_thread(press.make, rows, read.items, read.serials, read.versions)
            yield Chunk(read.items, made)


def _serials(octets: Callable[[int], bytes], count: int) -> list[bytes]:
    """Serial numbers out of one draw; the few that may not stand (first octet zero) are drawn again."""
    drawn = octets(16 * count)
    serials = []
    for place in range(0, 16 * count, 16):
        first = drawn[place] & 0x7F
        again = draw_serial(octets).to_bytes(16, "big") if not first else b""
        serials.append(again or bytes((first,)) + drawn[place + 1 : place + 16])
    return serials
