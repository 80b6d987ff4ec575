"""Certificates as rows of the repository, as records and as the fact that the other services learn."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from dccemu_contracts.smki import CertificateFact
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, SmkiCertificate, Usage

from ..domain.lifecycle import Status
from ..domain.records import CertificateRecord

COLUMNS = (
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
NAMES = ", ".join(COLUMNS)


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


def row_of(record: CertificateRecord) -> tuple[object, ...]:
    """The values of ``COLUMNS``."""
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


def read_record(row: asyncpg.Record) -> CertificateRecord:
    """From a row with ``COLUMNS``."""
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
