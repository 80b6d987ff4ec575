"""Registration Data files from providers: one file, one transaction, one Response File.

Generations of a provider rise by one. A gap holds the file until the missing one has come; a generation seen before is
answered as it was and changes nothing. A bad file raises an Incident; a bad record is rejected alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.inventory import PartyFact, RegistrationFact
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy

from ..adapters.records import Records
from ..domain.feed_files import FileHead, RowError, check_count, read_head, response_file
from ..domain.feeds import FeedRow, read_rows
from ..domain.registrations import apply_row

#: Records that are read and stored at a time: other work of the process gets its turn between two chunks.
CHUNK = 1000
_Item = TypeVar("_Item")
MAX_LISTED = 1000
_PROVIDER = "SELECT networks FROM providers WHERE provider = $1"
_LAST = "SELECT max(generation) FROM feeds WHERE provider = $1 AND status <> 'held'"
_SEEN = "SELECT status, digest, accepted, rejected, response FROM feeds WHERE provider = $1 AND generation = $2"
_HELD = "SELECT content FROM feeds WHERE provider = $1 AND generation = $2 AND status = 'held'"
_POINTS = "SELECT body FROM meter_points WHERE mpxn = ANY($1::text[])"
_OF_NETWORKS = "SELECT mpxn FROM meter_points WHERE network = ANY($1::text[]) AND fuel = $2 AND NOT removed"
_KEEP = """
INSERT INTO feeds (provider, generation, kind, fuel, digest, received_at, status, accepted, rejected, response, content)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (provider, generation) DO UPDATE SET status = EXCLUDED.status, accepted = EXCLUDED.accepted,
  rejected = EXCLUDED.rejected, response = EXCLUDED.response, content = EXCLUDED.content"""
_INCIDENT = "INSERT INTO incidents (id, at, kind, subject, detail) VALUES ($1, $2, $3, $4, $5)"


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What became of a file: ``accepted``, ``held`` or ``rejected``; counts of records; the Response File."""

    status: str
    accepted: int
    rejected: int
    response: str


class Feeds:
    """Takes Registration Data files."""

    def __init__(
        self, database: Database, records: Records, clock: Clock, entropy: Entropy, *, check_digits: bool
    ) -> None:
        self._database = database
        self._records = records
        self._clock = clock
        self._entropy = entropy
        self._check_digits = check_digits

    async def set_provider(self, provider: str, networks: list[str]) -> None:
        """Record which network operators a provider serves."""
        await self._database.pool.execute(
            "INSERT INTO providers (provider, networks) VALUES ($1, $2)"
            " ON CONFLICT (provider) DO UPDATE SET networks = EXCLUDED.networks",
            provider,
            networks,
        )

    async def take(self, provider: str, text: str) -> FeedResult:
        """Take one file.

        Raises
        ------
        ProtocolError
            ``FEED_PROVIDER_UNKNOWN``: nobody to answer.
        """
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL has no text with a zero in it
        async with self._database.transaction() as connection:
            await self._records.lock(connection, [f"provider {provider}"])
            networks = await connection.fetchval(_PROVIDER, provider)
            if networks is None:
                raise ProtocolError("FEED_PROVIDER_UNKNOWN", f"{provider} is not a known provider", source="4.1")
            try:
                head = read_head(text)
                if head.provider != provider:
                    raise ProtocolError("FEED_HEADER", f"the file is of {head.provider}, sent by {provider}")
            except ProtocolError as error:
                await self._incident(connection, provider, error.detail)
                blank = FileHead(provider, 0, "update", "gas")
                return FeedResult("rejected", 0, 0, response_file(blank, "rejected", 0, [], error.detail))
            result = await self._file(connection, head, text, list(networks))
            if result.status == "accepted":
                await self._held_ones(connection, head, list(networks))
        return result

    async def _file(
        self, connection: PoolConnectionProxy, head: FileHead, text: str, networks: list[str]
    ) -> FeedResult:
        digest = hashlib.sha256(text.encode()).hexdigest()
        seen = await connection.fetchrow(_SEEN, head.provider, head.generation)
        if seen is not None and seen["status"] != "held":
            if seen["digest"] == digest:
                return FeedResult(seen["status"], seen["accepted"], seen["rejected"], seen["response"])
            detail = f"generation {head.generation} was received before with other content"
            await self._incident(connection, head.provider, detail)
            return FeedResult("rejected", 0, 0, response_file(head, "rejected", 0, [], detail))
        last = await connection.fetchval(_LAST, head.provider)
        if last is not None and head.generation != last + 1:
            status = "held" if head.generation > last else "rejected"
            detail = f"generation {last + 1} is next, this is {head.generation}"
            return await self._set_aside(connection, head, text, digest, status, detail)
        try:
            check_count(text, head)
        except ProtocolError as error:
            return await self._set_aside(connection, head, text, digest, "rejected", error.detail)
        accepted, errors = await self._apply(connection, head, text, networks)
        listed = errors[:MAX_LISTED]
        result = FeedResult("accepted", accepted, len(errors), response_file(head, "accepted", accepted, listed))
        await self._keep(connection, head, digest, result, None)
        return result

    async def _set_aside(
        self, connection: PoolConnectionProxy, head: FileHead, text: str, digest: str, status: str, detail: str
    ) -> FeedResult:
        """A whole file that is not applied now: an Incident, and a Response File that says why."""
        await self._incident(connection, head.provider, detail)
        result = FeedResult(status, 0, 0, response_file(head, status, 0, [], detail))
        if status == "held":
            await self._keep(connection, head, digest, result, text)
        return result

    async def _held_ones(self, connection: PoolConnectionProxy, head: FileHead, networks: list[str]) -> None:
        """Files that waited for this generation follow at once."""
        number = head.generation + 1
        while (content := await connection.fetchval(_HELD, head.provider, number)) is not None:
            if (await self._file(connection, read_head(content), content, networks)).status != "accepted":
                return
            number += 1

    async def _keep(
        self, connection: PoolConnectionProxy, head: FileHead, digest: str, result: FeedResult, content: str | None
    ) -> None:
        await connection.execute(
            _KEEP,
            *(head.provider, head.generation, head.kind, head.fuel, digest, self._clock.now()),
            *(result.status, result.accepted, result.rejected, result.response, content),
        )

    async def _incident(self, connection: PoolConnectionProxy, provider: str, detail: str) -> None:
        values = (self._entropy.uuid(), self._clock.now(), "registration file", provider, detail)
        await connection.execute(_INCIDENT, *values)

    async def _apply(
        self, connection: PoolConnectionProxy, head: FileHead, text: str, networks: list[str]
    ) -> tuple[int, list[RowError]]:
        users = Participants((await self._records.parties(connection)).values())
        errors: list[RowError] = []
        accepted = 0
        missing: set[str] = set()
        if head.kind == "refresh":
            missing = {row[0] for row in await connection.fetch(_OF_NETWORKS, networks, head.fuel)}
        rows = read_rows(text, head, check_digits=self._check_digits)
        refreshed: set[str] = set()
        for chunk in _chunks(rows, CHUNK):
            good = [row for row in chunk if isinstance(row, FeedRow)]
            errors += [row for row in chunk if isinstance(row, RowError)]
            missing -= {row.point for row in chunk}
            held = {
                fact.mpxn: fact
                for fact in (
                    RegistrationFact.from_bytes(found[0].encode())
                    for found in await connection.fetch(_POINTS, list({row.point for row in good}))
                )
            }
            changed: dict[str, RegistrationFact] = {}
            for row in good:
                before = changed.get(row.point) or held.get(row.point)
                if head.kind == "refresh" and row.point not in refreshed and before is not None:
                    before = before.model_copy(update={"spans": ()})
                try:
                    if row.network not in networks:
                        raise ValueError(f"{row.network} is not a network operator that {head.provider} serves")
                    changed[row.point] = apply_row(before, row, head.fuel, users.user_of, self._clock.now())
                except ValueError as error:
                    errors.append(RowError(row.number, row.point, str(error)))
                    continue
                refreshed.add(row.point)
                accepted += 1
            await self._store(connection, changed.values())
        for names in _chunks(iter(sorted(missing)), CHUNK):
            gone = await connection.fetch(_POINTS, names)
            facts = [RegistrationFact.from_bytes(found[0].encode()) for found in gone]
            await self._store(connection, [fact.model_copy(update={"removed": True}) for fact in facts])
        return accepted, sorted(errors, key=lambda error: error.number)

    async def _store(self, connection: PoolConnectionProxy, facts: Iterable[RegistrationFact]) -> None:
        saved = await self._records.save_points(connection, facts)
        await self._records.publish_alike(connection, saved)


class Participants:
    """Market participant ids to User IDs, from the Panel's record of Parties."""

    def __init__(self, parties: Iterable[PartyFact]) -> None:
        self._parties = {participant: party for party in parties for participant in party.participants}

    def user_of(self, participant: str, role: str) -> str:
        """Give the User ID of a participant in a role.

        Raises
        ------
        ValueError
            When there is no such Party, or none of its User IDs has the role.
        """
        party = self._parties.get(participant)
        if party is None:
            raise ValueError(f"market participant {participant!r} belongs to no Party")
        for user in party.users:
            if role in user.roles:
                return user.user
        raise ValueError(f"{party.party} has no User ID as {role}")


def _chunks(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while chunk := list(islice(items, size)):
        yield chunk


def described(result: FeedResult) -> dict[str, object]:
    """Write a result as JSON."""
    return {"status": result.status, "accepted": result.accepted, "rejected": result.rejected}
