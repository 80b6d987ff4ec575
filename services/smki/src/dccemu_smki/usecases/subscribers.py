"""The registration authority's records: Authorised Subscribers (smki.md section 5.1).

A Party is an Authorised Subscriber for Organisation Certificates, Device Certificates or both; its officers act for it
(:mod:`.officers`). Systems are known by an API key. With ``open_subscribers`` every Party on record counts as
registered with one officer, and its Party ID is its API key.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64

from ..domain.eligibility import Applicant
from ..domain.errors import NOT_SUBSCRIBER, NOT_TEST_PARTICIPANT, UNKNOWN_PARTY
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


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An Authorised Subscriber. ``route`` is ``gateway``, or ``light`` for a Party without a connection."""

    party: str
    organisation: bool
    device: bool
    test_participant: bool
    route: str
    api_key: str | None


async def register(
    smki: Smki, party: str, *, organisation: bool, device: bool, test_participant: bool = False, route: str = "gateway"
) -> Subscriber:
    """Record a Party as Authorised Subscriber and give it an API key; a repeat changes the flags.

    A testing participant need not be a Party (it signs a contract, SEC stage 4, 216); anybody else must be on record.
    """
    if smki.parties.applicant(party) is None and not test_participant:
        raise ProtocolError(UNKNOWN_PARTY, f"{party[:40]!r} is not on the record of Parties", source=_SOURCE)
    key = smki.entropy.stream(f"subscriber {party}").octets(16).hex()
    async with smki.database.transaction() as connection:
        row = await connection.fetchrow(_PUT, party, organisation, device, test_participant, route, smki.now(), key)
        await note(smki, connection, "subscriber", "registered", party=party, organisation=organisation, device=device)
    assert row is not None, "RETURNING gives the row"
    return Subscriber(*row)


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


def applicant_of(smki: Smki, subscriber: Subscriber) -> Applicant:
    """The Party behind a subscriber; a testing participant without a record has no identifiers."""
    return smki.parties.applicant(subscriber.party) or Applicant(subscriber.party, {}, {})


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
