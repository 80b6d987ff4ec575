"""A DCC service, or the SM WAN for its Devices, asks for a certificate over the bus (``CertificateRequest``).

The requester republishes its CSR until it sees the certificate, so the same key is answered with the same certificate;
when that has run out, an organisation's key is certified again for the same owner and purpose.
"""

from __future__ import annotations

import structlog
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.smki import CertificateRequest
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, RemotePartyRole, csr, key_identifier
from dccemu_protocol.pki.csr import SigningRequest

from ..domain.errors import DUPLICATE_KEY, NOT_ELIGIBLE
from ..domain.lifecycle import Status
from ..domain.records import CertificateRecord, key_digest, key_owner
from .audit import note
from .context import LIVE, Smki
from .issuing import Wanted, issue

log = structlog.get_logger(__name__)

# Which service of the DCC may have certificates of which role.
_ROLES: dict[str, frozenset[int]] = {
    "gateway": frozenset({RemotePartyRole.ACCESS_CONTROL_BROKER, RemotePartyRole.DSP_XML_SIGNING}),
    "cos-party": frozenset({RemotePartyRole.TRANSITIONAL_COS}),
    "smki": frozenset({RemotePartyRole.RECOVERY, RemotePartyRole.WAN_PROVIDER}),
}
_DEVICE_REQUESTERS = frozenset({"sm-wan"})


async def answer_request(smki: Smki, connection: PoolConnectionProxy, message: CertificateRequest) -> None:
    """Issue what was asked, or publish it again; a request that cannot be granted is noted and dropped."""
    try:
        request = csr.read(_octets(message.csr))
        _check(message, request)
        await _answer(smki, connection, message.requester, request)
    except ProtocolError as error:
        log.warning("certificate request refused", requester=message.requester, rule=error.rule, detail=error.detail)
        await note(
            smki,
            connection,
            "certificate-request",
            "refused",
            party=message.requester,
            rule=error.rule,
            why=error.detail,
        )


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ProtocolError("CSR_UNREADABLE", "not hexadecimal") from None


def _check(message: CertificateRequest, request: SigningRequest) -> None:
    if request.kind is Kind.DEVICE and message.requester in _DEVICE_REQUESTERS:
        return
    if request.kind is Kind.ORGANISATION and request.role in _ROLES.get(message.requester, frozenset()):
        return
    raise ProtocolError(
        NOT_ELIGIBLE,
        f"{message.requester} asks for a {request.kind} certificate of role {request.role}",
        source="SEC stage 4, 179",
    )


async def _answer(smki: Smki, connection: PoolConnectionProxy, requester: str, request: SigningRequest) -> None:
    digest, owner = key_digest(request.point), key_owner(request.kind, request.eui, request.role)
    if await smki.store.claim_keys(connection, [(digest, owner, request.usage.value)]):
        (record,) = await issue(smki, connection, [Wanted(request, party="DCC")])
        await note(smki, connection, "certificate-request", "issued", party=requester, serial=record.serial_hex)
    else:
        record = await _issued_before(smki, connection, request, digest, owner)
        if record.status is Status.EXPIRED and request.kind is Kind.ORGANISATION:
            (record,) = await issue(smki, connection, [Wanted(request, party="DCC")])
            await note(smki, connection, "certificate-request", "renewed", party=requester, serial=record.serial_hex)
        else:
            await smki.publish(connection, record)
    if request.kind is Kind.DEVICE:
        await _count(smki, connection, request.eui)
        # The Device holds this key already: what it had before is out of use.
        await smki.publish(
            connection, *await smki.store.supersede(connection, request.eui, request.usage, record.version)
        )


async def _issued_before(
    smki: Smki, connection: PoolConnectionProxy, request: SigningRequest, digest: bytes, owner: bytes
) -> CertificateRecord:
    holder = (await smki.store.certified(connection, [digest])).get(digest)
    known = [
        record
        for record in await smki.store.by_key(connection, request.eui, key_identifier(request.point))
        if (record.hierarchy == LIVE or record.kind is Kind.ORGANISATION)
        and (record.role, record.usage) == (request.role, request.usage)
    ]
    if holder != (owner, request.usage.value) or not known:
        raise ProtocolError(
            DUPLICATE_KEY, "this public key is certified for another owner or usage", source="SEC Appendix M"
        )
    return known[-1]


async def _count(smki: Smki, connection: PoolConnectionProxy, device: Eui64) -> None:
    counts = await smki.store.lock_counts(connection, [device.octets])
    await smki.store.set_counts(connection, {device.octets: counts[device.octets][0] + 1})
