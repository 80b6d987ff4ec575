"""First start: the certificate authorities, the DCC's own certificates, and what is imported beside them.

Every step does nothing where its outcome is there already, so a start that was cut short is finished by the next one.
"""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, csr
from dccemu_protocol.pki.certificate import parse_pem_bundle

from ..domain.lifecycle import Status
from ..domain.records import DCC_CERTIFICATES, key_digest, key_owner, own_key_name
from .authorities import make_authorities, trust
from .context import Smki
from .imports import take_in
from .issuing import Wanted, issue

CONTINGENCY_KEY = "contingency"


async def establish(smki: Smki, imported: Keystore | None = None, roots: bytes | None = None) -> None:
    """Make what is missing.

    Parameters
    ----------
    smki
        The service's parts.
    imported
        Existing test material to lodge beside one's own (``--pki import``).
    roots
        PEM of CA certificates of others to trust.
    """
    await smki.load_authorities()
    async with smki.database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('smki establish'))")
        await make_authorities(smki, connection)
        if imported is not None:
            await take_in(smki, connection, imported)
        if roots is not None:
            for certificate in parse_pem_bundle(roots):
                await trust(smki, connection, certificate)
        await _own_certificates(smki, connection)
    await smki.load_authorities()
    # Put aside for an emergency (replacement mode 9), outside of the root certificate (smki.md section 2.3).
    await smki.vault.create(CONTINGENCY_KEY)


async def missing(smki: Smki) -> list[str]:
    """Which of the DCC's own certificates are not there yet (checklist B8)."""
    held = await smki.store.held(smki.database.pool)
    return [name for name, kind, role, usage in DCC_CERTIFICATES if (kind.value, role, usage.value) not in held]


async def _own_certificates(smki: Smki, connection: PoolConnectionProxy) -> None:
    """Recovery and WAN Provider certificates, whose keys live here: made where none is in use any more."""
    for expired in await smki.store.expire(connection, smki.now()):
        await smki.publish(connection, expired)
    held = await smki.store.held(connection)
    euis = {
        RemotePartyRole.RECOVERY: smki.settings.recovery_eui,
        RemotePartyRole.WAN_PROVIDER: smki.settings.wan_provider_eui,
    }
    for name, kind, role, usage in DCC_CERTIFICATES:
        if role not in euis or (kind.value, role, usage.value) in held:
            continue
        key_name = own_key_name(role, usage)
        await smki.vault.create(key_name)
        key = await smki.vault.private_key(key_name)
        if key is None:
            raise EmulatorError(f"the key of {name} was not made")
        request = csr.read(csr.build_organisation_csr(key, Eui64.parse(euis[RemotePartyRole(role)]), role, usage))
        await smki.store.claim_keys(
            connection, [(key_digest(request.point), key_owner(kind, request.eui, role), usage.value)]
        )
        (record,) = await issue(smki, connection, [Wanted(request, party="DCC")])
        await smki.store.set_status(connection, record.issuer, record.serial, Status.IN_USE)
