"""First start: the certificate authorities, the DCC's own certificates, and what is imported beside them.

Every step does nothing where its outcome is there already, so a start that was cut short is finished by the next one.
"""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import (
    DEVICE_POLICY,
    ORGANISATION_POLICY,
    TEST_POLICY,
    Keystore,
    Kind,
    RemotePartyRole,
    SmkiCertificate,
    TrustStore,
    Usage,
    assemble,
    csr,
    draw_serial,
    issuing_oca_z1,
    parse,
    profiles,
)
from dccemu_protocol.pki.certificate import parse_pem_bundle
from dccemu_protocol.pki.keystore import private_pem
from dccemu_protocol.pki.subjects import authority_name

from ..adapters.store import record_of
from ..domain.lifecycle import Status
from ..domain.records import DCC_CERTIFICATES, Authority, key_digest, key_owner
from .context import IMPORTED, LIVE, TEST, Smki
from .issuing import Wanted, issue
from .revoke import publish_list

CONTINGENCY_KEY = "contingency"

# (duty, its root's duty or None, Remote Party Role in the name, last letter or digit of the name)
_DUTIES: tuple[tuple[str, str | None, int | None, str], ...] = (
    ("root-oca", None, RemotePartyRole.ROOT, "R"),
    ("issuing-oca", "root-oca", RemotePartyRole.ISSUING_AUTHORITY, "1"),
    ("root-dca", None, None, "D"),
    ("issuing-dca", "root-dca", None, "E"),
)


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
        for hierarchy in (LIVE, TEST):
            for duty, root, role, letter in _DUTIES:
                if not _has(smki, duty, hierarchy):
                    await _make_authority(smki, connection, duty, root, role, letter, hierarchy)
        if imported is not None:
            await _import(smki, connection, imported)
        if roots is not None:
            for certificate in parse_pem_bundle(roots):
                await _trust(smki, connection, certificate)
        await _own_certificates(smki, connection)
    await smki.load_authorities()
    # Put aside for an emergency (replacement mode 9), outside of the root certificate (smki.md section 2.3).
    await smki.vault.create(CONTINGENCY_KEY)


async def add_issuing_authority(smki: Smki, duty: str, hierarchy: str = LIVE) -> Authority:
    """Another issuing CA beside those there are; it issues from now on, the others stay trusted."""
    places = {name: (root, role) for name, root, role, _ in _DUTIES}
    root, role = places[duty]
    if root is None:
        raise EmulatorError(f"a {duty} cannot be added to a hierarchy")
    number = sum(1 for a in smki.authorities.values() if a.duty == duty and a.hierarchy == hierarchy)
    letters = "123456789" if duty == "issuing-oca" else "EFGHJKLMN"
    if number >= len(letters):
        raise ProtocolError("TOO_MANY_AUTHORITIES", f"there are {number} {duty}s already")
    letter = letters[number]
    async with smki.database.transaction() as connection:
        authority = await _make_authority(smki, connection, duty, root, role, letter, hierarchy)
    await smki.load_authorities()
    if duty == "issuing-oca":
        async with smki.database.transaction() as connection:
            await publish_list(smki, connection, authority)
    return authority


async def missing(smki: Smki) -> list[str]:
    """Which of the DCC's own certificates are not there yet (checklist B8)."""
    held = await smki.store.held(smki.database.pool)
    return [name for name, kind, role, usage in DCC_CERTIFICATES if (kind.value, role, usage.value) not in held]


def _has(smki: Smki, duty: str, hierarchy: str) -> bool:
    return any(a.duty == duty and a.hierarchy == hierarchy for a in smki.authorities.values())


async def _make_authority(
    smki: Smki,
    connection: PoolConnectionProxy,
    duty: str,
    root: str | None,
    role: int | None,
    letter: str,
    hierarchy: str,
) -> Authority:
    letters = smki.settings.test_letters if hierarchy == TEST else smki.settings.authority_letters
    text = f"{letters}{'DCC'}"[:3] + letter
    name = f"{hierarchy} {duty} {text}"
    key = await smki.keys.create(name)
    policy = DEVICE_POLICY if role is None else ORGANISATION_POLICY
    policy = TEST_POLICY if hierarchy == TEST else policy
    serial = draw_serial(smki.entropy.octets)
    if root is None:
        content = profiles.root_content(
            name=authority_name(text, role), key=key, serial=serial, start=smki.now(), policy=policy
        )
        sign = await smki.keys.signer(name)
    else:
        issuer = smki.authority(root, hierarchy)
        content = profiles.issuing_content(
            issuer=issuer.certificate,
            name=authority_name(text, role),
            key=key,
            serial=serial,
            start=smki.now(),
            policy=policy,
        )
        sign = await smki.sign_of(issuer)
    authority = Authority(name, hierarchy, duty, parse(assemble(content, sign(content))), name)
    smki.authorities[name] = authority
    await smki.store.add_authority(connection, authority)
    await _lodge(smki, connection, authority.certificate, hierarchy)
    return authority


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


def own_key_name(role: int, usage: Usage) -> str:
    """The name in the vault of a key of the DCC that lives in this service."""
    return f"{RemotePartyRole(role).name.lower()} {usage.short}"


async def _import(smki: Smki, connection: PoolConnectionProxy, keystore: Keystore) -> None:
    """Lodge certificates of existing test material; pin those that no known CA signed.

    Of private keys only those of this service's own duties (Recovery, WAN Provider) are kept as keys. The whole set is
    published material, so the key bundle offers it as it was imported.
    """
    z1 = issuing_oca_z1()
    if any(entry.certificate is not None and entry.certificate.issuer == z1.subject for entry in keystore):
        await _trust(smki, connection, z1)
    trusted = TrustStore()
    for authority in smki.authorities.values():
        trusted.add_anchor(authority.certificate)
    # The store lists what it prefers first; of several certificates in use, the one lodged last is what others take.
    for entry in reversed(list(keystore)):
        certificate = entry.certificate
        if certificate is None:
            continue
        if certificate.is_authority:
            await _trust(smki, connection, certificate)
            trusted.add_anchor(certificate)
            continue
        await _lodge(
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


async def _trust(smki: Smki, connection: PoolConnectionProxy, certificate: SmkiCertificate) -> None:
    """Trust a CA of others, by its certificate: a root of its own, or an issuing CA whose root is not to be had."""
    name = f"{IMPORTED} {certificate.subject} {certificate.serial_hex}"
    if name in smki.authorities:
        return
    duty = ("root" if certificate.kind is Kind.ROOT else "issuing") + ("-dca" if certificate.role is None else "-oca")
    authority = Authority(name, IMPORTED, duty, certificate, None)
    smki.authorities[name] = authority
    await smki.store.add_authority(connection, authority)
    await _lodge(smki, connection, certificate, IMPORTED, pinned=True, dated=False)


async def _lodge(
    smki: Smki,
    connection: PoolConnectionProxy,
    certificate: SmkiCertificate,
    hierarchy: str,
    *,
    top_up: bool = False,
    pinned: bool = False,
    dated: bool | None = None,
) -> None:
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
