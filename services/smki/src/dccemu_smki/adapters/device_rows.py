"""Rows of Device Certificates for COPY, written as octets: a form with the common columns, filled like the DER.

Eighteen columns of each row are sixty thousand times the same in a night's batches. PostgreSQL's binary COPY format
(documentation of COPY, "Binary Format") is a length before each value, so what is common is written once.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.pki import Usage
from dccemu_protocol.pki.profiles import NEVER_EXPIRES

from ..domain.records import DeviceLot

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = struct.pack("!h", -1)
_COMMON = (
    *("issuer", "kind", "role", "usage", "status", "not_after", "issued_at", "party"),
    *("hierarchy", "top_up", "pinned", "dated", "manufacturing"),
)
_OWN = ("serial", "eui", "ski", "version", "der")
_LENGTHS = [struct.pack("!i", length) for length in range(1024)]
_VERSION = struct.Struct("!iqi").pack


class DeviceRows:
    """The rows of one lot."""

    def __init__(self, lot: DeviceLot) -> None:
        self._heads = {usage.value: self._head(lot, usage) for usage in Usage}

    def row(self, usage: str, serial: bytes, eui: bytes, ski: bytes, version: int, der: bytes) -> bytes:
        """One row; ``serial`` is 16 octets, ``eui`` and ``ski`` 8."""
        return b"".join(
            (
                self._heads[usage],
                serial,
                _LENGTHS[8],
                eui,
                _LENGTHS[8],
                ski,
                _VERSION(8, version, len(der)),
                der,
            )
        )

    @staticmethod
    def _head(lot: DeviceLot, usage: Usage) -> bytes:
        never = _microseconds(NEVER_EXPIRES)
        values = (
            *(lot.issuer.encode(), b"device", None, usage.value.encode(), lot.status.value.encode()),
            *(never, _microseconds(lot.at), lot.party.encode(), lot.hierarchy.encode()),
            *(b"\0", b"\0", b"\1", b"\1"),
        )
        fields = b"".join(
            struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values
        )
        return struct.pack("!h", len(_COMMON) + len(_OWN)) + fields + _LENGTHS[16]


async def copy_rows(connection: PoolConnectionProxy, rows: Iterable[bytes]) -> None:
    """Lodge many new certificates; one that is there already fails them all."""
    await connection.copy_to_table("certificates", source=_file(rows), columns=[*_COMMON, *_OWN], format="binary")


async def _file(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    """In one piece; the driver would read a file object in another thread."""
    yield b"".join((_HEADER, *rows, _TRAILER))


def _microseconds(at: datetime) -> bytes:
    return struct.pack("!q", (at - _EPOCH) // timedelta(microseconds=1))
