"""The certificate authorities of the SMKI: roots and issuing CAs of both trees, live and for tests (smki.md section 2).

Each is made once; another issuing CA may be added at any time, and CAs of others may be trusted by their certificates.
"""

from __future__ import annotations

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.pki import (
    DEVICE_POLICY,
    ORGANISATION_POLICY,
    TEST_POLICY,
    Kind,
    RemotePartyRole,
    SmkiCertificate,
    assemble,
    draw_serial,
    parse,
    profiles,
)
from dccemu_protocol.pki.subjects import authority_name

from ..domain.records import Authority
from .audit import note
from .context import IMPORTED, LIVE, TEST, Smki
from .lodging import lodge
from .revoke import publish_list

# (duty, its root's duty or None, Remote Party Role in the name, last letter or digit of the name)
_DUTIES: tuple[tuple[str, str | None, int | None, str], ...] = (
    ("root-oca", None, RemotePartyRole.ROOT, "R"),
    ("issuing-oca", "root-oca", RemotePartyRole.ISSUING_AUTHORITY, "1"),
    ("root-dca", None, None, "D"),
    ("issuing-dca", "root-dca", None, "E"),
)


async def make_authorities(smki: Smki, connection: PoolConnectionProxy) -> None:
    """Make the authorities that are missing, of the live and of the test hierarchy."""
    for hierarchy in (LIVE, TEST):
        for duty, root, role, letter in _DUTIES:
            if not _has(smki, duty, hierarchy):
                await _make_authority(smki, connection, duty, root, role, letter, hierarchy)


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
        await note(smki, connection, "authority", "added", name=authority.name, serial=authority.certificate.serial_hex)
    await smki.load_authorities()
    if duty == "issuing-oca":
        async with smki.database.transaction() as connection:
            await publish_list(smki, connection, authority)
    return authority


async def trust(smki: Smki, connection: PoolConnectionProxy, certificate: SmkiCertificate) -> None:
    """Trust a CA of others, by its certificate: a root of its own, or an issuing CA whose root is not to be had."""
    name = f"{IMPORTED} {certificate.subject} {certificate.serial_hex}"
    if name in smki.authorities:
        return
    duty = ("root" if certificate.kind is Kind.ROOT else "issuing") + ("-dca" if certificate.role is None else "-oca")
    authority = Authority(name, IMPORTED, duty, certificate, None)
    smki.authorities[name] = authority
    await smki.store.add_authority(connection, authority)
    await lodge(smki, connection, certificate, IMPORTED, pinned=True, dated=False)


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
    serial = draw_serial(smki.entropy.stream(f"serial {name} {smki.now()}").octets)
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
    await lodge(smki, connection, authority.certificate, hierarchy)
    return authority
