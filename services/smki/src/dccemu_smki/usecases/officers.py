"""Responsible officers: who nominates them, and what they may act in (smki.md section 5.1).

A Party's Senior Responsible Officers (SRO) nominate Authorised Responsible Officers (ARO); an officer acts for all of
the Party's EUI-64 identifiers or for named ones, in Organisation Certificates, Device Certificates or both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64

from ..domain.errors import NOT_OFFICER, NOT_SUBSCRIBER, UNKNOWN_USER
from .audit import note
from .context import Smki
from .subscribers import Subscriber, find_subscriber

_SOURCE = "smki.md section 5.1"
_PUT_OFFICER = """
INSERT INTO officers (id, party, name, duty, organisation, device, users, nominated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_OFFICERS = """
SELECT id, party, name, duty, organisation, device, users, nominated_by, is_active FROM officers
WHERE ($1::text IS NULL OR party = $1) ORDER BY id"""


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


async def officers(smki: Smki, party: str | None = None) -> list[Officer]:
    """Officers, of one Party or all."""
    rows = await smki.database.pool.fetch(_OFFICERS, party)
    return [
        Officer(r[0], r[1], r[2], r[3], r[4], r[5], None if r[6] is None else tuple(r[6]), r[7], r[8]) for r in rows
    ]


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
