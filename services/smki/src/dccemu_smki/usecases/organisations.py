"""Organisation CSRs by request and approval, acceptance and rejection (smki.md sections 5.3 and 5.6)."""

from __future__ import annotations

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, csr, serial_text
from dccemu_protocol.pki.csr import SigningRequest

from ..domain.eligibility import check_organisation
from ..domain.errors import BAD_STATUS, UNKNOWN_REQUEST
from ..domain.records import CertificateRecord
from .audit import note
from .context import LIVE, TEST, Smki
from .issuing import Wanted, issue
from .officers import check_may_submit
from .sets import claim_keys
from .subscribers import Subscriber, applicant_of, check_test_participant

_PUT = """
INSERT INTO requests (party, officer, csr, kind, eui, role, usage, top_up, hierarchy, status, submitted_at)
VALUES ($1, $2, $3, 'organisation', $4, $5, $6, $7, $8, 'submitted', $9) RETURNING *"""
_GET = "SELECT * FROM requests WHERE id = $1"
_LIST = """
SELECT * FROM requests WHERE ($1::text IS NULL OR party = $1) AND ($2::text IS NULL OR status = $2)
ORDER BY id DESC LIMIT $3"""
_ISSUED = """
UPDATE requests SET status = 'issued', decided_at = $2, decided_by = $3, issuer = $4, serial = $5
WHERE id = $1 RETURNING *"""
_REJECTED = """
UPDATE requests SET status = 'rejected', decided_at = $2, decided_by = $3, reason = $4 WHERE id = $1 RETURNING *"""


async def submit(
    smki: Smki, subscriber: Subscriber, officer: str | None, text: bytes, *, top_up: bool = False, test: bool = False
) -> asyncpg.Record:
    """Take an Organisation CSR: form and signature, subscriber and officer, role eligibility.

    Raises
    ------
    ProtocolError
        ``CSR_*``, ``NOT_*``: nothing was recorded, the Subscriber may submit again with the same key pair.
    """
    request = csr.read(csr.decode_portal_text(text))
    if request.kind is not Kind.ORGANISATION:
        raise ProtocolError(
            "CSR_SUBJECT", "the subject is empty: this is a Device's request", source="smki.md section 4"
        )
    acting = await check_may_submit(smki, subscriber, officer, device=False, euis=[request.eui])
    if test:
        check_test_participant(subscriber)
    else:
        check_organisation(applicant_of(smki, subscriber), request.eui, request.role or 0)
    async with smki.database.transaction() as connection:
        row = _there(
            await connection.fetchrow(
                _PUT,
                subscriber.party,
                acting,
                request.der,
                request.eui.octets,
                request.role,
                request.usage.value,
                top_up,
                TEST if test else LIVE,
                smki.now(),
            )
        )
        await note(
            smki, connection, "organisation-csr", "submitted", party=subscriber.party, officer=acting, id=row["id"]
        )
        if smki.settings.approve_requests:
            row = await _approve(smki, connection, row, "registration authority")
    return row


async def approve(smki: Smki, request_id: int, by: str) -> asyncpg.Record:
    """The Registration Authority approves: issued, lodged, offered for download.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_REQUEST``, ``BAD_STATUS`` or ``DUPLICATE_KEY``.
    """
    async with smki.database.transaction() as connection:
        return await _approve(smki, connection, await _open(connection, request_id), by)


async def refuse(smki: Smki, request_id: int, by: str, reason: str) -> asyncpg.Record:
    """The Registration Authority rejects."""
    async with smki.database.transaction() as connection:
        row = await _open(connection, request_id)
        await note(smki, connection, "organisation-csr", "rejected", party=row["party"], id=row["id"], reason=reason)
        return _there(await connection.fetchrow(_REJECTED, request_id, smki.now(), by, reason))


async def find(smki: Smki, request_id: int, party: str | None = None) -> asyncpg.Record:
    """A request, of this Party where one is given.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_REQUEST``.
    """
    row = await smki.database.pool.fetchrow(_GET, request_id) if 0 < request_id < 2**63 else None
    if row is None or (party is not None and row["party"] != party):
        raise _unknown(request_id)
    return row


async def listed(smki: Smki, party: str | None, status: str | None, limit: int = 100) -> list[asyncpg.Record]:
    """The newest requests first."""
    rows: list[asyncpg.Record] = await smki.database.pool.fetch(_LIST, party, status, limit)
    return rows


async def certificate_of(smki: Smki, row: asyncpg.Record) -> CertificateRecord | None:
    """The certificate that came of a request."""
    if row["serial"] is None:
        return None
    return await smki.store.find(row["issuer"], int.from_bytes(row["serial"], "big"))


def shown(row: asyncpg.Record) -> dict[str, object]:
    """A request as JSON."""
    return {
        "id": row["id"],
        "party": row["party"],
        "officer": row["officer"],
        "eui": str(Eui64(row["eui"])),
        "role": row["role"],
        "usage": row["usage"],
        "top_up": row["top_up"],
        "test": row["hierarchy"] == TEST,
        "status": row["status"],
        "reason": row["reason"],
        "submitted_at": row["submitted_at"],
        "decided_at": row["decided_at"],
        "serial": None if row["serial"] is None else serial_text(int.from_bytes(row["serial"], "big")),
    }


async def _open(connection: PoolConnectionProxy, request_id: int) -> asyncpg.Record:
    row = await connection.fetchrow(_GET + " FOR UPDATE", request_id) if 0 < request_id < 2**63 else None
    if row is None:
        raise _unknown(request_id)
    if row["status"] != "submitted":
        raise ProtocolError(BAD_STATUS, f"request {request_id} is {row['status']} already")
    return row


async def _approve(smki: Smki, connection: PoolConnectionProxy, row: asyncpg.Record, by: str) -> asyncpg.Record:
    request: SigningRequest = csr.read(row["csr"])
    await claim_keys(smki, connection, [request])
    wanted = Wanted(request, party=row["party"], top_up=row["top_up"])
    (record,) = await issue(smki, connection, [wanted], row["hierarchy"])
    await note(
        smki,
        connection,
        "organisation-csr",
        "issued",
        party=row["party"],
        id=row["id"],
        serial=record.serial_hex,
        by=by,
    )
    serial = record.serial.to_bytes(16, "big")
    return _there(await connection.fetchrow(_ISSUED, row["id"], smki.now(), by, record.issuer, serial))


def _there(row: asyncpg.Record | None) -> asyncpg.Record:
    assert row is not None, "RETURNING gives the row"
    return row


def _unknown(request_id: int) -> ProtocolError:
    return ProtocolError(UNKNOWN_REQUEST, f"there is no request {request_id}")
