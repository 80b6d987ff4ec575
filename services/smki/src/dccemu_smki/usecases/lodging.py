"""Lodging a certificate that was not issued from a request: of a CA, or of existing test material."""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.pki import SmkiCertificate

from ..adapters.certificate_rows import record_of
from ..domain.lifecycle import Status
from ..domain.records import key_digest, key_owner
from .context import IMPORTED, Smki


async def lodge(
    smki: Smki,
    connection: PoolConnectionProxy,
    certificate: SmkiCertificate,
    hierarchy: str,
    *,
    top_up: bool = False,
    pinned: bool = False,
    dated: bool | None = None,
) -> None:
    """Lodge and publish it, once."""
    known = await connection.fetchval(
        "SELECT 1 FROM certificates WHERE issuer = $1 AND serial = $2",
        certificate.issuer,
        certificate.serial.to_bytes(16, "big"),
    )
    if known:
        return
    (version,) = await smki.store.versions(connection, 1)
    digest = key_digest(certificate.point)
    record = record_of(
        certificate,
        status=Status.IN_USE,
        at=smki.now(),
        version=version,
        hierarchy=hierarchy,
        top_up=top_up,
        pinned=pinned,
        dated=hierarchy != IMPORTED if dated is None else dated,
    )
    await smki.store.add(connection, [record])
    if certificate.eui is not None:
        owner = key_owner(certificate.kind, certificate.eui, certificate.role)
        await smki.store.claim_keys(connection, [(digest, owner, certificate.usage.value)])
    await smki.publish(connection, record)
