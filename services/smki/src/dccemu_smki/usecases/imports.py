"""Existing test material beside one's own (``--pki import``): lodged, trusted or pinned, offered as the key bundle."""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Keystore, Kind, RemotePartyRole, SmkiCertificate, TrustStore, issuing_oca_z1
from dccemu_protocol.pki.keystore import private_pem

from ..domain.records import own_key_name
from .authorities import trust
from .context import IMPORTED, Smki
from .lodging import lodge


async def take_in(smki: Smki, connection: PoolConnectionProxy, keystore: Keystore) -> None:
    """Lodge certificates of existing test material; pin those that no known CA signed.

    Of private keys only those of this service's own duties (Recovery, WAN Provider) are kept as keys. The whole set is
    published material, so the key bundle offers it as it was imported.
    """
    z1 = issuing_oca_z1()
    if any(entry.certificate is not None and entry.certificate.issuer == z1.subject for entry in keystore):
        await trust(smki, connection, z1)
    trusted = TrustStore()
    for authority in smki.authorities.values():
        trusted.add_anchor(authority.certificate)
    # The store lists what it prefers first; of several certificates in use, the one lodged last is what others take.
    for entry in reversed(list(keystore)):
        certificate = entry.certificate
        if certificate is None:
            continue
        if certificate.is_authority:
            await trust(smki, connection, certificate)
            trusted.add_anchor(certificate)
            continue
        await lodge(
            smki,
            connection,
            certificate,
            IMPORTED,
            top_up=entry.top_up,
            pinned=not _is_signed(trusted, certificate),
        )
        key = keystore.key_for(entry)
        if key is None or certificate.kind is Kind.DEVICE:
            continue
        await _offer(connection, entry.source, certificate, key)
        if certificate.role in (RemotePartyRole.RECOVERY, RemotePartyRole.WAN_PROVIDER):
            await smki.vault.put(own_key_name(certificate.role, certificate.usage), key)


def _is_signed(trusted: TrustStore, certificate: SmkiCertificate) -> bool:
    try:
        trusted.issuer_of(certificate)
    except ProtocolError:
        return False
    return True


async def _offer(
    connection: PoolConnectionProxy, source: str, certificate: SmkiCertificate, key: ec.EllipticCurvePrivateKey
) -> None:
    name = source.rpartition("/")[2]
    await connection.execute(
        "INSERT INTO bundle (name, certificate, private_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        name,
        certificate.pem,
        private_pem(key),
    )
