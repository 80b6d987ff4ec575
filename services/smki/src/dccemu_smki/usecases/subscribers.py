"""The registration authority's records: Authorised Subscribers and their responsible officers (smki.md section 5.1).

A Party is an Authorised Subscriber for Organisation Certificates, Device Certificates or both. Its Senior Responsible
Officers (SRO) nominate Authorised Responsible Officers (ARO); an officer acts for all of the Party's EUI-64
identifiers or for named ones. Systems are known by an API key. With ``open_subscribers`` every Party on record counts
as registered with one officer, and its Party ID is its API key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64

from ..domain.eligibility import Applicant
from ..domain.errors import NOT_OFFICER, NOT_SUBSCRIBER, NOT_TEST_PARTICIPANT, UNKNOWN_PARTY, UNKNOWN_USER
from .audit import note
from .context import Smki

_SOURCE = "smki.md section 5.1"
_PUT = """
INSERT INTO subscribers (party, organisation, device, test_participant, route, verified_at, api_key, registered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $6)
ON CONFLICT (party) DO UPDATE SET organisation = EXCLUDED.organisation, device = EXCLUDED.device,
    test_participant = EXCLUDED.test_participant, route = EXCLUDED.route
RETURNING party, organisation, device, test_participant, route, api_key"""
_GET = "SELECT party, organisation, device, test_participant, route, api_key FROM subscribers "
_PUT_OFFICER = """
INSERT INTO officers (id, party, name, duty, organisation, device, users, nominated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_OFFICERS = """
SELECT id, party, name, duty, organisation, device, users, nominated_by, is_active FROM officers
WHERE ($1::text IS NULL OR party = $1) ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An Authorised Subscriber. ``route`` is ``gateway``, or ``light`` for a Party without a connection."""

    party: str
    organisation: bool
    device: bool
    test_participant: bool
    route: str
    api_key: str | None


@dataclass(frozen=True, slots=True)
class Officer:
    """A responsible officer. ``users`` None: every EUI-64 of the Party."""

    id: str
    party: str
    name: str
    duty: str
    organisation: bool
    device: bool
    users: tuple[str, ...] | None
    nominated_by: str | None
    is_active: bool = True


async def register(
    smki: Smki, party: str, *, organisation: bool, device: bool, test_participant: bool = False, route: str = "gateway"
) -> Subscriber:
    """Record a Party as Authorised Subscriber and give it an API key; a repeat changes the flags.

    A testing participant need not be a Party (it signs a contract, SEC stage 4, 216); anybody else must be on record.
    """
    if smki.parties.applicant(party) is None and not test_participant:
        raise ProtocolError(UNKNOWN_PARTY, f"{party[:40]!r} is not on the record of Parties", source=_SOURCE)
    key = smki.entropy.octets(16).hex()
    async with smki.database.transaction() as connection:
        row = await connection.fetchrow(_PUT, party, organisation, device, test_participant, route, smki.now(), key)
        await note(smki, connection, "subscriber", "registered", party=party, organisation=organisation, device=device)
    assert row is not None, "RETURNING gives the row"
    return Subscriber(*row)


async def nominate(smki: Smki, officer: Officer) -> None:
    """Record an officer: an SRO by the Party itself, an ARO by one of the Party's SROs.

    Raises
    ------
    ProtocolError
        ``NOT_SUBSCRIBER``, ``NOT_OFFICER`` or ``UNKNOWN_USER``.
    """
    if await find_subscriber(smki, officer.party) is None:
        raise ProtocolError(NOT_SUBSCRIBER, f"{officer.party} is not an Authorised Subscriber", source=_SOURCE)
    known = {one.id: one for one in await officers(smki, officer.party)}
    if officer.duty == "ARO":
        senior = known.get(officer.nominated_by or "")
        if senior is None or senior.duty != "SRO" or not senior.is_active:
            raise ProtocolError(NOT_OFFICER, "an ARO is nominated by an SRO of the same Party", source=_SOURCE)
    applicant = smki.parties.applicant(officer.party)
    for user in officer.users or ():
        if applicant is None or not applicant.owns(Eui64.parse(user)):
            raise ProtocolError(UNKNOWN_USER, f"{user} is not a User ID of {officer.party}", source=_SOURCE)
    async with smki.database.transaction() as connection:
        await connection.execute(
            _PUT_OFFICER,
            officer.id,
            officer.party,
            officer.name,
            officer.duty,
            officer.organisation,
            officer.device,
            None if officer.users is None else list(officer.users),
            officer.nominated_by,
        )
        await note(smki, connection, "officer", "nominated", party=officer.party, officer=officer.id, duty=officer.duty)


async def dismiss(smki: Smki, officer_id: str) -> None:
    """End an officer's nomination."""
    async with smki.database.transaction() as connection:
        party = await connection.fetchval(
            "UPDATE officers SET is_active = false WHERE id = $1 RETURNING party", officer_id
        )
        if party is None:
            raise ProtocolError(NOT_OFFICER, f"there is no officer {officer_id[:40]!r}", source=_SOURCE)
        await note(smki, connection, "officer", "dismissed", party=party, officer=officer_id)


async def find_subscriber(smki: Smki, party: str) -> Subscriber | None:
    """The record of a Party; in an open registration authority every Party on record has one."""
    row = await smki.database.pool.fetchrow(_GET + "WHERE party = $1", party)
    return _or_open(smki, party, None if row is None else Subscriber(*row))


async def subscriber_of_key(smki: Smki, api_key: str | None) -> Subscriber:
    """Who a system is, by its API key.

    Raises
    ------
    ProtocolError
        ``NOT_SUBSCRIBER``.
    """
    if api_key and api_key.isprintable():
        row = await smki.database.pool.fetchrow(_GET + "WHERE api_key = $1", api_key)
        if row is not None and hmac.compare_digest(row["api_key"], api_key):
            return Subscriber(*row)
        found = await find_subscriber(smki, api_key) if smki.settings.open_subscribers else None
        if found is not None:
            return found
    raise ProtocolError(
        NOT_SUBSCRIBER, "the API key (query parameter apikey) is not one of an Authorised Subscriber", source=_SOURCE
    )


def _or_open(smki: Smki, party: str, found: Subscriber | None) -> Subscriber | None:
    if found is None and smki.settings.open_subscribers and smki.parties.applicant(party) is not None:
        return Subscriber(party, True, True, True, "gateway", party)
    return found


async def subscribers(smki: Smki) -> list[Subscriber]:
    """All that are registered."""
    return [Subscriber(*row) for row in await smki.database.pool.fetch(_GET + "ORDER BY party")]


async def officers(smki: Smki, party: str | None = None) -> list[Officer]:
    """Officers, of one Party or all."""
    rows = await smki.database.pool.fetch(_OFFICERS, party)
    return [
        Officer(r[0], r[1], r[2], r[3], r[4], r[5], None if r[6] is None else tuple(r[6]), r[7], r[8]) for r in rows
    ]


def applicant_of(smki: Smki, subscriber: Subscriber) -> Applicant:
    """The Party behind a subscriber; a testing participant without a record has no identifiers."""
    return smki.parties.applicant(subscriber.party) or Applicant(subscriber.party, {}, {})


async def check_may_submit(
    smki: Smki, subscriber: Subscriber, officer: str | None, *, device: bool, euis: Sequence[Eui64] = ()
) -> str:
    """Check that a subscriber may ask for this kind, by an officer who may act for these identifiers.

    Returns
    -------
    str
        The officer's id.

    Raises
    ------
    ProtocolError
        ``NOT_SUBSCRIBER`` or ``NOT_OFFICER``.
    """
    if not (subscriber.device if device else subscriber.organisation):
        kind = "Device" if device else "Organisation"
        raise ProtocolError(
            NOT_SUBSCRIBER,
            f"{subscriber.party} is not an Authorised Subscriber for {kind} Certificates",
            source=_SOURCE,
        )
    known = [one for one in await officers(smki, subscriber.party) if one.is_active]
    if not known and smki.settings.open_subscribers:
        return officer or f"{subscriber.party} ARO"
    for one in known:
        if officer is not None and one.id != officer:
            continue
        acts = one.device if device else one.organisation
        if acts and (one.users is None or all(str(eui) in one.users for eui in euis)):
            return one.id
    raise ProtocolError(
        NOT_OFFICER,
        f"no active responsible officer{f' {officer}' if officer else ''} of {subscriber.party} may act in this",
        source=_SOURCE,
    )


def check_test_participant(subscriber: Subscriber) -> None:
    """Test Certificates are for registered testing participants only (SEC stage 4, 215 to 220).

    Raises
    ------
    ProtocolError
        ``NOT_TEST_PARTICIPANT``.
    """
    if not subscriber.test_participant:
        raise ProtocolError(
            NOT_TEST_PARTICIPANT, f"{subscriber.party} is not a testing participant", source="SEC stage 4, 215-220"
        )


async def allow_device(smki: Smki, connection: PoolConnectionProxy, device: Eui64, allowed: int) -> None:
    """The service desk raises the limit of certificates for one Device ID."""
    await smki.store.allow(connection, device, allowed)
    await note(smki, connection, "device-limit", "raised", device=str(device), allowed=allowed)
