"""Revocations in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.smki import RevocationFact
from dccemu_protocol.pki import Kind, serial_text

from ..domain.records import CertificateRecord
from .certificate_rows import serial_octets

_REVOKE = """
INSERT INTO revocations (issuer, serial, revoked_at, grounds, reason, list, asked_by, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, nextval('fact_version')) ON CONFLICT DO NOTHING
RETURNING issuer, serial, revoked_at, reason, list, version"""
_LISTED = """
SELECT r.serial, r.revoked_at, r.reason FROM revocations r
LEFT JOIN certificates c ON c.issuer = r.issuer AND c.serial = r.serial
WHERE r.issuer = $1 AND (c.not_after IS NULL OR c.not_after >= $2)"""


class Revocations:
    """Part of the store. Reads go to the pool; writes take the connection of the use case's transaction."""

    _pool: asyncpg.Pool

    async def revoke(
        self,
        connection: PoolConnectionProxy,
        record: CertificateRecord,
        at: datetime,
        grounds: str,
        reason: str,
        asked_by: str,
    ) -> RevocationFact | None:
        which = "arl" if record.kind in (Kind.ROOT, Kind.ISSUING) else "crl"
        row = await connection.fetchrow(
            _REVOKE, record.issuer, serial_octets(record.serial), at, grounds, reason, which, asked_by
        )
        return None if row is None else _revocation(row)

    async def revocations(self) -> AsyncIterator[RevocationFact]:
        rows = await self._pool.fetch("SELECT issuer, serial, revoked_at, reason, list, version FROM revocations")
        for row in rows:
            yield _revocation(row)

    async def listed(
        self, connection: PoolConnectionProxy, issuer: str, at: datetime
    ) -> list[tuple[int, datetime, str]]:
        """What a list of this issuer holds: revoked, and not yet past its validity."""
        rows = await connection.fetch(_LISTED, issuer, at)
        return [(int.from_bytes(row[0], "big"), row[1], row[2]) for row in rows]


def _revocation(row: asyncpg.Record) -> RevocationFact:
    serial = serial_text(int.from_bytes(row["serial"], "big"))
    return RevocationFact(
        id=f"revocation {row['issuer']} {serial} {row['version']}",
        at=row["revoked_at"],
        version=row["version"],
        serial=serial,
        issuer=row["issuer"],
        revoked_at=row["revoked_at"],
        reason=row["reason"],
        list=row["list"],
    )
