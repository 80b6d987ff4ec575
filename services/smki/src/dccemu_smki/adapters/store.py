"""Certificates, authorities and revocations in PostgreSQL: short statements, each with its purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.smki import CertificateFact, RevocationFact
from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, SmkiCertificate, Usage, parse, serial_text

from ..domain.lifecycle import Status
from ..domain.records import Authority, CertificateRecord
from .claims import Claims

_COLUMNS = (
    "issuer",
    "serial",
    "kind",
    "eui",
    "role",
    "usage",
    "status",
    "ski",
    "der",
    "not_after",
    "issued_at",
    "party",
    "hierarchy",
    "version",
    "top_up",
    "pinned",
    "dated",
    "manufacturing",
)
_NAMES = ", ".join(_COLUMNS)
_SELECT = f"SELECT {_NAMES} FROM certificates "  # noqa: S608 - names of this module
_INSERT = (
    f"INSERT INTO certificates ({_NAMES}) VALUES "  # noqa: S608
    f"({', '.join(f'${place}' for place in range(1, len(_COLUMNS) + 1))}) ON CONFLICT DO NOTHING"
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
    + _NAMES
)
# Older certificates in use of the same Device and usage, when a later one is on the Device.
_SUPERSEDE = f"""
UPDATE certificates SET status = 'N', version = nextval('fact_version')
WHERE eui = $1 AND usage = $2 AND kind = 'device' AND status = 'I' AND version < $3 RETURNING {_NAMES}"""  # noqa: S608
_EXPIRE = f"""
UPDATE certificates SET status = 'E', version = nextval('fact_version')
WHERE kind <> 'device' AND dated AND status IN ('I', 'N') AND not_after < $1 RETURNING {_NAMES}"""  # noqa: S608
_REVOKE = """
INSERT INTO revocations (issuer, serial, revoked_at, grounds, reason, list, asked_by, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, nextval('fact_version')) ON CONFLICT DO NOTHING
RETURNING issuer, serial, revoked_at, reason, list, version"""
_LISTED = """
SELECT r.serial, r.revoked_at, r.reason FROM revocations r
LEFT JOIN certificates c ON c.issuer = r.issuer AND c.serial = r.serial
WHERE r.issuer = $1 AND (c.not_after IS NULL OR c.not_after >= $2)"""


class Store(Claims):
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
        await connection.executemany(_INSERT, [_row(record) for record in records])

    async def by_owner(self, eui: Eui64, kind: Kind) -> list[CertificateRecord]:
        rows = await self._pool.fetch(_SELECT + "WHERE eui = $1 AND kind = $2 ORDER BY version", eui.octets, kind.value)
        return [_record(row) for row in rows]

    async def by_serial(self, serial: int) -> list[CertificateRecord]:
        if serial >= 2**128:
            return []
        rows = await self._pool.fetch(_SELECT + "WHERE serial = $1 ORDER BY version", serial_octets(serial))
        return [_record(row) for row in rows]

    async def find(self, issuer: str, serial: int) -> CertificateRecord | None:
        row = await self._pool.fetchrow(_SELECT + "WHERE issuer = $1 AND serial = $2", issuer, serial_octets(serial))
        return None if row is None else _record(row)

    async def by_key(self, connection: PoolConnectionProxy, eui: Eui64, ski: bytes) -> list[CertificateRecord]:
        """The owner's certificates of one key."""
        rows = await connection.fetch(_SELECT + "WHERE eui = $1 AND ski = $2 ORDER BY version", eui.octets, ski)
        return [_record(row) for row in rows]

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
        return [_record(row) for row in rows]

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
                yield _record(row)
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
        return _record(row)

    async def lock(self, connection: PoolConnectionProxy, issuer: str, serial: int) -> CertificateRecord | None:
        row = await connection.fetchrow(
            _SELECT + "WHERE issuer = $1 AND serial = $2 FOR UPDATE", issuer, serial_octets(serial)
        )
        return None if row is None else _record(row)

    async def supersede(
        self, connection: PoolConnectionProxy, eui: Eui64, usage: Usage, version: int
    ) -> list[CertificateRecord]:
        rows = await connection.fetch(_SUPERSEDE, eui.octets, usage.value, version)
        return [_record(row) for row in rows]

    async def expire(self, connection: PoolConnectionProxy, at: datetime) -> list[CertificateRecord]:
        """Mark what has run out as expired; Devices' certificates never do."""
        return [_record(row) for row in await connection.fetch(_EXPIRE, at)]

    # Revocation

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


def serial_octets(serial: int) -> bytes:
    """A serial as the tables keep it."""
    return serial.to_bytes(16, "big")


def certificate_fact(record: CertificateRecord, at: datetime) -> CertificateFact:
    """The fact that the other services learn."""
    serial = record.serial_hex
    return CertificateFact(
        id=f"certificate {record.issuer} {serial} {record.version}",
        at=at,
        version=record.version,
        serial=serial,
        issuer=record.issuer,
        kind=record.kind.value,
        eui=None if record.eui is None else str(record.eui),
        role=record.role,
        usage=record.usage.value,
        top_up=record.top_up,
        status=record.status.value,
        ski=record.ski.hex(),
        der=record.der.hex(),
        pinned=record.pinned,
        dated=record.dated,
    )


def record_of(
    certificate: SmkiCertificate,
    *,
    status: Status,
    at: datetime,
    version: int,
    hierarchy: str,
    party: str | None = None,
    top_up: bool = False,
    pinned: bool = False,
    dated: bool = True,
) -> CertificateRecord:
    """The record of a certificate that was read."""
    return CertificateRecord(
        issuer=certificate.issuer,
        serial=certificate.serial,
        kind=certificate.kind,
        eui=certificate.eui,
        role=certificate.role,
        usage=certificate.usage,
        status=status,
        ski=certificate.ski,
        der=certificate.der,
        not_after=certificate.not_after,
        issued_at=at,
        party=party,
        hierarchy=hierarchy,
        version=version,
        top_up=top_up,
        pinned=pinned,
        dated=dated,
    )


def _row(record: CertificateRecord) -> tuple[object, ...]:
    return (
        record.issuer,
        serial_octets(record.serial),
        record.kind.value,
        None if record.eui is None else record.eui.octets,
        record.role,
        record.usage.value,
        record.status.value,
        record.ski,
        record.der,
        record.not_after,
        record.issued_at,
        record.party,
        record.hierarchy,
        record.version,
        record.top_up,
        record.pinned,
        record.dated,
        record.manufacturing,
    )


def _record(row: asyncpg.Record) -> CertificateRecord:
    return CertificateRecord(
        issuer=row["issuer"],
        serial=int.from_bytes(row["serial"], "big"),
        kind=Kind(row["kind"]),
        eui=None if row["eui"] is None else Eui64(row["eui"]),
        role=row["role"],
        usage=Usage(row["usage"]),
        status=Status(row["status"]),
        ski=row["ski"],
        der=row["der"],
        not_after=row["not_after"],
        issued_at=row["issued_at"],
        party=row["party"],
        hierarchy=row["hierarchy"],
        version=row["version"],
        top_up=row["top_up"],
        pinned=row["pinned"],
        dated=row["dated"],
        manufacturing=row["manufacturing"],
    )


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
