"""Files of the repository: lists, delta, full database, key bundle, policy documents (smki.md section 8)."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files

from dccemu_protocol.pki import Kind

from ..domain.records import CertificateRecord
from ..domain.search import shown_status
from .context import LIVE, Smki

CRL, ARL = "crl", "arl"
_INDEX_COLUMNS = (
    "CertificateSerial",
    "CertificateSubjectName",
    "CertificateSubjectAltName",
    "CertificateStatus",
    "CertificateRole",
    "CertificateUsage",
    "ManufacturingFlag",
)
_NEWEST = """
SELECT l.der FROM lists l JOIN authorities a ON a.name = l.authority
WHERE l.list = $1 AND (replace(a.name, ' ', '-') = $2 OR ($2 IS NULL AND a.hierarchy = $3 AND a.is_current))
ORDER BY a.name DESC, l.number DESC LIMIT 1"""
_EPOCH = (1980, 1, 1, 0, 0, 0)


async def list_file(smki: Smki, kind: str, authority: str | None) -> bytes | None:
    """The newest list in DER: of the live hierarchy's current authority, or of the one named (blanks as hyphens)."""
    if authority is not None and not re.fullmatch(r"[A-Za-z0-9-]{1,60}", authority):
        return None
    content: bytes | None = await smki.database.pool.fetchval(_NEWEST, kind, authority, LIVE)
    return content


async def full_zip(smki: Smki) -> bytes:
    """Every certificate and the index."""
    return await _zip_of(smki, smki.store.each())


async def delta_zip(smki: Smki, day: date) -> bytes:
    """What was lodged on a UTC day."""
    start = datetime.combine(day, time(), UTC)
    return await _zip_of(smki, smki.store.each("issued_at >= $1 AND issued_at < $2", start, start + timedelta(days=1)))


async def _zip_of(smki: Smki, records: AsyncIterator[CertificateRecord]) -> bytes:
    at = smki.now()
    index = io.StringIO()
    rows = csv.writer(index, lineterminator="\r\n")
    rows.writerow(_INDEX_COLUMNS)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        async for record in records:
            _put(archive, f"{record.serial_hex}.cer", record.der)
            eui = str(record.eui) if record.eui else ""
            is_device = record.kind is Kind.DEVICE
            rows.writerow(
                (
                    record.serial_hex,
                    "" if is_device else eui,
                    eui if is_device else "",
                    shown_status(record, at).value,
                    "" if record.role is None else record.role,
                    record.usage.short,
                    "true" if record.manufacturing else "false",
                )
            )
        _put(archive, "index.csv", index.getvalue().encode())
    return content.getvalue()


async def bundle_zip(smki: Smki) -> bytes:
    """The key bundle: ``org-crypto/cert/*.pem`` with ``org-crypto/key/*.key`` of the same name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in await smki.database.pool.fetch("SELECT name, certificate, private_key FROM bundle ORDER BY name"):
            _put(archive, f"org-crypto/cert/{row[0]}.pem", row[1].encode())
            _put(archive, f"org-crypto/key/{row[0]}.key", row[2].encode())
        if not archive.namelist():
            _put(archive, "org-crypto/README.txt", b"No key material is offered. TEST ONLY.\r\n")
    return content.getvalue()


def policy_document(name: str) -> bytes | None:
    """A policy document that is served with the repository."""
    if not re.fullmatch(r"[a-z-]{1,40}\.md", name):
        return None
    found = files("dccemu_smki").joinpath("policies", name)
    return found.read_bytes() if found.is_file() else None


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
