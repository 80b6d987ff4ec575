"""Device Certificates one at a time: the ad hoc web service and the portal (smki.md sections 5.3 and 5.4)."""

from __future__ import annotations

from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, csr
from dccemu_protocol.pki.csr import SigningRequest

from ..domain.eligibility import Applicant, check_ad_hoc, check_device
from ..domain.errors import DUPLICATE_KEY, RATE_EXCEEDED, TOO_MANY_CERTIFICATES, UNKNOWN_DEVICE
from ..domain.records import CertificateRecord, key_digest, key_owner
from ..domain.timing import DAILY_PORTAL_CSRS, ad_hoc_pace
from .audit import note
from .context import LIVE, Smki
from .issuing import Wanted, issue
from .officers import check_may_submit
from .subscribers import Subscriber, applicant_of

_SOURCE = "SEC Appendix M; smki.md section 5.3"


async def answer_ad_hoc(smki: Smki, subscriber: Subscriber, text: bytes) -> CertificateRecord:
    """The ad hoc web service: replaces a certificate of a Device at once.

    Raises
    ------
    ProtocolError
        ``RATE_EXCEEDED``, ``CSR_*``, ``NOT_*``, ``TOO_MANY_CERTIFICATES``, ``UNKNOWN_DEVICE``, ``DUPLICATE_KEY``.
    """
    check_pace(smki, subscriber.party)
    request = _device_request(csr.decode_service_text(text))
    applicant = applicant_of(smki, subscriber)
    check_ad_hoc(applicant)
    return await _issue_one(smki, subscriber, applicant, request, None, first_allowed=False, manufacturing=False)


async def answer_portal(
    smki: Smki, subscriber: Subscriber, officer: str | None, text: bytes, *, hierarchy: str = LIVE
) -> CertificateRecord:
    """An ad hoc CSR at the portal, where a Device's first certificate may be asked for.

    Raises
    ------
    ProtocolError
        As :func:`answer_ad_hoc`, but for ``UNKNOWN_DEVICE``.
    """
    await _check_daily(smki, subscriber.party)
    request = _device_request(csr.decode_portal_text(text))
    applicant = applicant_of(smki, subscriber)
    return await _issue_one(
        smki, subscriber, applicant, request, officer, first_allowed=True, manufacturing=True, hierarchy=hierarchy
    )


def check_pace(smki: Smki, party: str) -> None:
    """At most one ad hoc CSR in 0.8 s by day, in 4 s by night, on the Clock.

    Raises
    ------
    ProtocolError
        ``RATE_EXCEEDED``.
    """
    if not smki.settings.enforce_rates:
        return
    now = smki.now()
    last: datetime | None = smki.last_ad_hoc.get(party)
    pace = ad_hoc_pace(now)
    if last is not None and last <= now < last + pace:
        raise ProtocolError(
            RATE_EXCEEDED,
            f"at most one CSR in {pace.total_seconds()} s; the next may come at {(last + pace).isoformat()}",
            source="SEC Appendix N; smki.md section 5.5",
        )
    smki.last_ad_hoc[party] = now


def _device_request(der: bytes) -> SigningRequest:
    request = csr.read(der)
    if request.kind is not Kind.DEVICE:
        raise ProtocolError("CSR_SUBJECT", "the subject is not empty: this is not a Device's request", source=_SOURCE)
    return request


async def _issue_one(
    smki: Smki,
    subscriber: Subscriber,
    applicant: Applicant,
    request: SigningRequest,
    officer: str | None,
    *,
    first_allowed: bool,
    manufacturing: bool,
    hierarchy: str = LIVE,
) -> CertificateRecord:
    acting = await check_may_submit(smki, subscriber, officer, device=True)
    check_device(applicant, request.eui, smki.parties.device(request.eui))
    async with smki.database.transaction() as connection:
        await _count_one(smki, connection, request.eui, first_allowed=first_allowed)
        claim = (key_digest(request.point), key_owner(Kind.DEVICE, request.eui, None), request.usage.value)
        if not await smki.store.claim_keys(connection, [claim]):
            raise duplicate()
        wanted = Wanted(request, party=subscriber.party, manufacturing=manufacturing)
        (record,) = await issue(smki, connection, [wanted], hierarchy)
        await note(
            smki,
            connection,
            "device-csr",
            "issued",
            party=subscriber.party,
            officer=acting,
            device=str(request.eui),
            serial=record.serial_hex,
        )
    return record


async def _count_one(smki: Smki, connection: PoolConnectionProxy, device: Eui64, *, first_allowed: bool) -> None:
    issued, allowed = (await smki.store.lock_counts(connection, [device.octets]))[device.octets]
    if issued >= allowed:
        raise too_many(device, allowed)
    if issued == 0 and not first_allowed:
        raise ProtocolError(
            UNKNOWN_DEVICE, f"no certificate was ever issued for {device}: use a batch or the portal", source=_SOURCE
        )
    await smki.store.set_counts(connection, {device.octets: issued + 1})


async def _check_daily(smki: Smki, party: str) -> None:
    """More than 150 ad hoc portal CSRs in a day are to be announced a week ahead: they are noted, not refused."""
    if not smki.settings.enforce_rates:
        return
    count = await smki.database.pool.fetchval(
        "SELECT count(*) FROM audit "
        "WHERE action = 'device-csr' AND party = $1 AND at > $2::timestamptz - interval '24 hours'",
        party,
        smki.now(),
    )
    if count >= DAILY_PORTAL_CSRS:
        async with smki.database.transaction() as connection:
            await note(smki, connection, "forecast", "exceeded", party=party, portal_csrs=count + 1)


def too_many(device: Eui64, allowed: int) -> ProtocolError:
    """The refusal of one certificate too many for a Device ID."""
    return ProtocolError(
        TOO_MANY_CERTIFICATES,
        f"{allowed} certificates are issued for {device}: the service desk must raise the limit",
        source=_SOURCE,
    )


def duplicate() -> ProtocolError:
    """The refusal of a public key that is certified already."""
    return ProtocolError(DUPLICATE_KEY, "a duplicate request is not permitted", source=_SOURCE)
