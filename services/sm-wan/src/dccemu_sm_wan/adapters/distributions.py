"""Images and open distributions in PostgreSQL.

An image is locked by its row while a piece or an order comes in, so that whoever comes last sees the other and the
distribution begins exactly once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.firmware import FirmwareDistribution, FirmwarePiece
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write, delete, update

from ..domain.distribution import Stage

_NAME = """
INSERT INTO firmware_images (image, named_at) VALUES ($1, $2)
ON CONFLICT (image) DO UPDATE SET named_at = EXCLUDED.named_at RETURNING octets IS NOT NULL"""
_PIECE = "INSERT INTO firmware_pieces (image, number, octets) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_PIECES = "SELECT count(*) FROM firmware_pieces WHERE image = $1"
_WHOLE = "SELECT string_agg(octets, ''::bytea ORDER BY number) FROM firmware_pieces WHERE image = $1"
_COMPLETE = "UPDATE firmware_images SET octets = $2 WHERE image = $1"
_NO_PIECES = "DELETE FROM firmware_pieces WHERE image = $1"
_OPEN = """
INSERT INTO firmware_distributions (id, device, image, version, request_id, user_, until, stage, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING"""
_BEGIN = """
UPDATE firmware_distributions SET stage = 'to-hub', due_at = $2 WHERE image = $1 AND stage = 'waiting' RETURNING id"""
_NAMES = "id, device, image, version, request_id, user_, stage, due_at, attempts"
_ONE = f"SELECT {_NAMES} FROM firmware_distributions WHERE id = $1"  # noqa: S608 - columns
_ALL = f"SELECT {_NAMES} FROM firmware_distributions ORDER BY due_at, id"  # noqa: S608 - columns
_TIDY = """
DELETE FROM firmware_images i WHERE named_at < $1
AND NOT EXISTS (SELECT 1 FROM firmware_distributions d WHERE d.image = i.image) RETURNING image"""
_MOVE = update("firmware_distributions", {"id": "text"}, {"stage": "text", "due_at": "timestamptz", "attempts": "int"})
_CLOSE = delete("firmware_distributions", {"id": "text"})
_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Distribution:
    """An open distribution: an image on its way to a Device (EUI-64 with hyphens)."""

    id: str
    device: str
    image: str
    version: str
    request_id: str | None
    user: str | None
    stage: Stage
    due_at: datetime
    attempts: int


class DistributionStore:
    """Reads and rows of the firmware tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_piece(
        self, connection: PoolConnectionProxy, piece: FirmwarePiece, now: datetime, due_at: datetime
    ) -> list[str]:
        """Keep a piece; when it was the last, the ids of the distributions that waited, now due at ``due_at``.

        Raises
        ------
        ProtocolError
            ``FIRMWARE_HASH`` when the pieces are not the image they say; they are forgotten.
        """
        if await connection.fetchval(_NAME, piece.image, now):
            return []
        await connection.execute(_PIECE, piece.image, piece.number, bytes.fromhex(piece.octets))
        if await connection.fetchval(_PIECES, piece.image) < piece.total:
            return []
        octets = await connection.fetchval(_WHOLE, piece.image)
        if hashlib.sha256(octets).hexdigest() != piece.image:
            raise ProtocolError("FIRMWARE_HASH", f"the pieces of {piece.image} have another hash")
        await connection.execute(_COMPLETE, piece.image, octets)
        await connection.execute(_NO_PIECES, piece.image)
        return [row[0] for row in await connection.fetch(_BEGIN, piece.image, due_at)]

    async def take_order(
        self, connection: PoolConnectionProxy, order: FirmwareDistribution, now: datetime, due_at: datetime
    ) -> datetime:
        """Keep an order; gives when its next step is due: to the hub, or when to give up waiting for the image."""
        is_whole = await connection.fetchval(_NAME, order.image, now)
        stage, due = (Stage.TO_HUB, due_at) if is_whole else (Stage.WAITING, order.until)
        await connection.execute(
            _OPEN,
            *(order.id, order.device, order.image, order.version, order.request_id, order.user, order.until),
            *(stage.value, due),
        )
        return due

    async def find(self, distribution_id: str) -> Distribution | None:
        """An open distribution."""
        row = await self._database.pool.fetchrow(_ONE, distribution_id)
        return None if row is None else _read(row)

    async def all(self) -> list[Distribution]:
        """Every open distribution, the next due first."""
        return [_read(row) for row in await self._database.pool.fetch(_ALL)]

    async def octets(self, image: str) -> bytes | None:
        """An image, once it is whole."""
        sql = "SELECT octets FROM firmware_images WHERE image = $1"
        found: bytes | None = await self._database.pool.fetchval(sql, image)
        return found

    async def tidy(self, now: datetime) -> None:
        """Forget images that nobody has named for a day."""
        async with self._database.transaction() as connection:
            for row in await connection.fetch(_TIDY, now - _KEPT):
                await connection.execute(_NO_PIECES, row[0])

    def move(self, one: Distribution, stage: Stage, due_at: datetime, attempts: int = 0) -> Write:
        """The row of a distribution that came a stage further, or is tried again."""
        return Write(_MOVE, (one.id, stage.value, due_at, attempts))

    def close(self, one: Distribution) -> Write:
        """Take a distribution off: it has ended."""
        return Write(_CLOSE, (one.id,))


def _read(row: asyncpg.Record) -> Distribution:
    return Distribution(
        id=row["id"],
        device=row["device"],
        image=row["image"],
        version=row["version"],
        request_id=row["request_id"],
        user=row["user_"],
        stage=Stage(row["stage"]),
        due_at=row["due_at"],
        attempts=row["attempts"],
    )
