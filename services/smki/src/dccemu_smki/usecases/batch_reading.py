"""Reading the Device CSRs of a batch; their signatures are checked outside of the interpreter's lock, in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Kind, csr

from ..adapters.batch_items import ParsedItem
from ..domain.codes import outcome_of
from ..domain.messages import BatchItem, Identified, read_batch
from ..domain.portal import read_zip
from ..domain.records import DeviceWish

_THREADS = min(4, os.cpu_count() or 1)


async def read_all(source: str, content: bytes, max_octets: int) -> list[ParsedItem]:
    """Every item of a batch's content (of the ``service`` or the portal), with what its CSR asks for or its refusal."""
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
