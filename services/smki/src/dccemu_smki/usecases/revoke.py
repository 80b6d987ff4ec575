"""Revocation: request recorded, certificate revoked, new list lodged, everyone told (smki.md section 7)."""

from __future__ import annotations

from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Kind, assemble, serial_text
from dccemu_protocol.pki.revocation import Revocation, list_content

from ..domain.errors import NOT_REVOCABLE, UNKNOWN_CERTIFICATE
from ..domain.grounds import crl_reason
from ..domain.lifecycle import Event, next_status
from ..domain.records import Authority, CertificateRecord
from ..domain.timing import ARL_PUBLISHED_EVERY, ARL_USABLE, CRL_PUBLISHED_EVERY, CRL_USABLE
from .audit import note
from .context import TEST, Smki

_NEXT_NUMBER = "SELECT coalesce(max(number), 0) + 1 FROM lists WHERE issuer = $1"
_KEEP = """
INSERT INTO lists (issuer, number, list, authority, this_update, next_update, der)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_FORGET = "DELETE FROM lists WHERE issuer = $1 AND number <= $2 - 50"
_NEWEST = """
SELECT DISTINCT ON (issuer) issuer, number, list, authority, this_update, next_update, der
FROM lists WHERE list = $1 ORDER BY issuer, number DESC"""


async def revoke(
    smki: Smki, connection: PoolConnectionProxy, issuer: str, serial: int, grounds: str, asked_by: str
) -> CertificateRecord:
    """Revoke one certificate, publish the fact and a new list at once.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_CERTIFICATE``, ``NOT_REVOCABLE`` (Devices), ``BAD_GROUNDS`` or ``BAD_STATUS`` (revoked before).
    """
    reason = crl_reason(grounds)
    record = await smki.store.lock(connection, issuer, serial)
    if record is None:
        raise ProtocolError(UNKNOWN_CERTIFICATE, f"no certificate {serial_text(serial)} of {issuer}")
    if record.kind is Kind.DEVICE or record.kind is Kind.ROOT:
        raise ProtocolError(
            NOT_REVOCABLE,
            f"a {record.kind} certificate is never revoked: it is replaced",
            source="smki.md sections 1 and 7",
        )
    return await _revoke(smki, connection, record, Event.REVOKED, grounds, reason, asked_by)


async def reject(
    smki: Smki, connection: PoolConnectionProxy, issuer: str, serial: int, asked_by: str
) -> CertificateRecord:
    """The Subscriber rejects a certificate: an organisation's is revoked, a Device's goes out of use (section 5.6)."""
    record = await smki.store.lock(connection, issuer, serial)
    if record is None:
        raise ProtocolError(UNKNOWN_CERTIFICATE, f"no certificate {serial_text(serial)} of {issuer}")
    if record.kind is not Kind.DEVICE:
        grounds = "rejected-by-subscriber"
        return await _revoke(smki, connection, record, Event.REJECTED, grounds, crl_reason(grounds), asked_by)
    return await change_status(smki, connection, record, Event.REJECTED, asked_by)


async def change_status(
    smki: Smki, connection: PoolConnectionProxy, record: CertificateRecord, event: Event, asked_by: str
) -> CertificateRecord:
    """Walk the table of section 6 and tell everybody."""
    status = next_status(record.kind, record.status, event)
    changed = await smki.store.set_status(connection, record.issuer, record.serial, status)
    await smki.publish(connection, changed)
    await note(smki, connection, "status", event.value, party=asked_by, serial=record.serial_hex, status=status.value)
    return changed


async def _revoke(
    smki: Smki,
    connection: PoolConnectionProxy,
    record: CertificateRecord,
    event: Event,
    grounds: str,
    reason: str,
    asked_by: str,
) -> CertificateRecord:
    status = next_status(record.kind, record.status, event)
    changed = await smki.store.set_status(connection, record.issuer, record.serial, status)
    fact = await smki.store.revoke(connection, record, smki.now(), grounds, reason, asked_by)
    if fact is not None and record.hierarchy != TEST:
        await smki.outbox.add(connection, fact)
    await smki.publish(connection, changed)
    await note(smki, connection, "revoke", "revoked", party=asked_by, serial=record.serial_hex, grounds=grounds)
    for authority in smki.authorities.values():
        if authority.certificate.subject == record.issuer and authority.key_name:
            await publish_list(smki, connection, authority)
    return changed


async def publish_list(smki: Smki, connection: PoolConnectionProxy, authority: Authority) -> datetime:
    """Sign and lodge the next list of an authority: a CRL of an issuing OCA, an ARL of a root OCA.

    Returns
    -------
    datetime
        When the next one is due.
    """
    certificate = authority.certificate
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"list {certificate.subject}")
    kind = list_kind(authority)
    at = smki.now().replace(microsecond=0)
    every, usable = (CRL_PUBLISHED_EVERY, CRL_USABLE) if kind == "crl" else (ARL_PUBLISHED_EVERY, ARL_USABLE)
    number = await connection.fetchval(_NEXT_NUMBER, certificate.subject)
    entries = [Revocation(*row) for row in await smki.store.listed(connection, certificate.subject, at)]
    content = list_content(issuer=certificate, number=number, this_update=at, next_update=at + usable, entries=entries)
    sign = await smki.sign_of(authority)
    der = assemble(content, sign(content))
    await connection.execute(_KEEP, certificate.subject, number, kind, authority.name, at, at + usable, der)
    await connection.execute(_FORGET, certificate.subject, number)
    await smki.timers.set(connection, "revocation-list", authority.name, at + every)
    return at + every


def list_kind(authority: Authority) -> str:
    """``crl`` of an issuing CA, ``arl`` of a root."""
    return "arl" if authority.certificate.kind is Kind.ROOT else "crl"


async def publish_first_lists(smki: Smki) -> None:
    """Lodge a list of every organisation CA that has none yet."""
    async with smki.database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('smki lists'))")
        known = {row[0] for row in await connection.fetch("SELECT DISTINCT authority FROM lists")}
        for authority in smki.authorities.values():
            if authority.key_name and authority.duty.endswith("-oca") and authority.name not in known:
                await publish_list(smki, connection, authority)
        await smki.timers.set(connection, "sweep", "all", smki.now())


async def newest_lists(smki: Smki, kind: str) -> dict[str, bytes]:
    """The newest lists of a kind by the name of their authority."""
    return {row["authority"]: row["der"] for row in await smki.database.pool.fetch(_NEWEST, kind)}
