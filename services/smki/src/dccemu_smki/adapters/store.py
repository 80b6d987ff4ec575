"""Certificates and authorities in PostgreSQL: short statements, each with its purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, Usage, parse, serial_text

from ..domain.lifecycle import Status
from ..domain.records import Authority, CertificateRecord
from .certificate_rows import COLUMNS, NAMES, read_record, row_of, serial_octets
from .claims import Claims
from .revocation_store import Revocations

_SELECT = f"SELECT {NAMES} FROM certificates "  # noqa: S608 - names of this module
_INSERT = (
    f"INSERT INTO certificates ({NAMES}) VALUES "  # noqa: S608
    f"({', '.join(f'${place}' for place in range(1, len(COLUMNS) + 1))}) ON CONFLICT DO NOTHING"
)
_VERSIONS = "SELECT array_agg(nextval('fact_version')) FROM generate_series(1, $1)"
_AUTHORITIES = "SELECT name, hierarchy, duty, der, key_name, is_current FROM authorities ORDER BY name"
_ADD_AUTHORITY = """
INSERT INTO authorities (name, hierarchy, duty, issuer, serial, der, key_name, is_current)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_SET_STATUS = (
    """
UPDATE certificates SET status = $3, version = nextval('fact_version')
WHERE issuer = $1 AND serial = $2 RETURNING """
    + NAMES
)
# Older certificates in use of the same Device and usage, when a later one is on the Device.
_SUPERSEDE = f"""
UPDATE certificates SET status = 'N', version = nextval('fact_version')
WHERE eui = $1 AND usage = $2 AND kind = 'device' AND status = 'I' AND version < $3 RETURNING {NAMES}"""  # noqa: S608
_EXPIRE = f"""
UPDATE certificates SET status = 'E', version = nextval('fact_version')
WHERE kind <> 'device' AND dated AND status IN ('I', 'N') AND not_after < $1 RETURNING {NAMES}"""  # noqa: S608


class Store(Claims, Revocations):
    """Reads go to the pool; writes take the connection of the use case's transaction."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    # Authorities

    async def authorities(self) -> list[Authority]:
        rows = await self._pool.fetch(_AUTHORITIES)
        return [Authority(r[0], r[1], r[2], parse(r[3]), r[4], r[5]) for r in rows]

    async def add_authority(self, connection: PoolConnectionProxy, authority: Authority) -> None:
        certificate = authority.certificate
        await connection.execute(
            _ADD_AUTHORITY,
            authority.name,
            authority.hierarchy,
            authority.duty,
            certificate.issuer,
            serial_octets(certificate.serial),
            certificate.der,
            authority.key_name,
            authority.is_current,
        )

    async def retire_authority(self, connection: PoolConnectionProxy, name: str) -> None:
        await connection.execute("UPDATE authorities SET is_current = false WHERE name = $1", name)

    # Certificates

    async def versions(self, connection: PoolConnectionProxy, count: int) -> list[int]:
        """Numbers that rise with every change of any fact."""
        return await connection.fetchval(_VERSIONS, count) or []

    async def add(self, connection: PoolConnectionProxy, records: Sequence[CertificateRecord]) -> None:
        """Lodge certificates; those there already stay as they are."""
        await connection.executemany(_INSERT, [row_of(record) for record in records])

    async def by_owner(self, eui: Eui64, kind: Kind) -> list[CertificateRecord]:
        rows = await self._pool.fetch(_SELECT + "WHERE eui = $1 AND kind = $2 ORDER BY version", eui.octets, kind.value)
        return [read_record(row) for row in rows]

    async def by_serial(self, serial: int) -> list[CertificateRecord]:
        if serial >= 2**128:
            return []
        rows = await self._pool.fetch(_SELECT + "WHERE serial = $1 ORDER BY version", serial_octets(serial))
        return [read_record(row) for row in rows]

    async def find(self, issuer: str, serial: int) -> CertificateRecord | None:
        row = await self._pool.fetchrow(_SELECT + "WHERE issuer = $1 AND serial = $2", issuer, serial_octets(serial))
        return None if row is None else read_record(row)

    async def by_key(self, connection: PoolConnectionProxy, eui: Eui64, ski: bytes) -> list[CertificateRecord]:
        """The owner's certificates of one key."""
        rows = await connection.fetch(_SELECT + "WHERE eui = $1 AND ski = $2 ORDER BY version", eui.octets, ski)
        return [read_record(row) for row in rows]

    async def lodged(
        self, kinds: Sequence[str], limit: int, after: tuple[bytes, str] | None = None
    ) -> list[CertificateRecord]:
        """A page of certificates in order of serial and issuer."""
        rows = await self._pool.fetch(
            _SELECT + "WHERE kind = ANY($1::text[]) AND (serial, issuer) > ($2, $3) ORDER BY serial, issuer LIMIT $4",
            list(kinds),
            *(after or (b"", "")),
            limit,
        )
        return [read_record(row) for row in rows]

    async def each(self, where: str = "true", *arguments: object, page: int = 500) -> AsyncIterator[CertificateRecord]:
        """All certificates that fit, page by page in order of serial and issuer."""
        last: tuple[bytes, str] = (b"", "")
        count = len(arguments)
        statement = (
            f"{_SELECT} WHERE ({where}) AND (serial, issuer) > (${count + 1}, ${count + 2}) "
            f"ORDER BY serial, issuer LIMIT {page}"
        )
        while True:
            rows = await self._pool.fetch(statement, *arguments, *last)
            for row in rows:
                yield read_record(row)
            if len(rows) < page:
                return
            last = (rows[-1]["serial"], rows[-1]["issuer"])

    async def held(self, connection: PoolConnectionProxy | asyncpg.Pool) -> set[tuple[str, int | None, str]]:
        """Which (kind, role, usage) are in use outside the device certificates: for the list of checklist B8."""
        rows = await connection.fetch(
            "SELECT DISTINCT kind, role, usage FROM certificates WHERE kind <> 'device' AND status = 'I'"
        )
        return {(row[0], row[1], row[2]) for row in rows}

    async def set_status(
        self, connection: PoolConnectionProxy, issuer: str, serial: int, status: Status
    ) -> CertificateRecord:
        row = await connection.fetchrow(_SET_STATUS, issuer, serial_octets(serial), status.value)
        if row is None:
            raise EmulatorError(f"no certificate {serial_text(serial)} of {issuer} to change")
        return read_record(row)

    async def lock(self, connection: PoolConnectionProxy, issuer: str, serial: int) -> CertificateRecord | None:
        row = await connection.fetchrow(
            _SELECT + "WHERE issuer = $1 AND serial = $2 FOR UPDATE", issuer, serial_octets(serial)
        )
        return None if row is None else read_record(row)

    async def supersede(
        self, connection: PoolConnectionProxy, eui: Eui64, usage: Usage, version: int
    ) -> list[CertificateRecord]:
        rows = await connection.fetch(_SUPERSEDE, eui.octets, usage.value, version)
        return [read_record(row) for row in rows]

    async def expire(self, connection: PoolConnectionProxy, at: datetime) -> list[CertificateRecord]:
        """Mark what has run out as expired; Devices' certificates never do."""
        return [read_record(row) for row in await connection.fetch(_EXPIRE, at)]
