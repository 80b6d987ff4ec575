"""Parties, User IDs from the central registry entry, the User Entry Process, suspension of rights."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.inventory import PartyFact, UserFact
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy

from ..adapters.records import Records
from ..domain.entry import check_roles, elements_of, remote_party_role, status_after
from ..domain.suspensions import RIGHTS, Right, restored, suspended

_EXTENSION_START = 0x1000000
_TAKEN = "SELECT eui FROM identifiers WHERE eui LIKE $1"
_GIVE = (
    "INSERT INTO identifiers (eui, party, purpose, given_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1"
)
_ELEMENT = """
INSERT INTO entry_elements (user_, role, element, done_at, proven_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_, role, element) DO NOTHING"""
_DONE = (
    "SELECT element, done_at, proven_by FROM entry_elements WHERE user_ = $1 AND role = $2 ORDER BY done_at, element"
)
_SUSPEND = """
INSERT INTO suspensions (id, party, right_, services, state, requested_at, approved_at, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)"""


class Parties:
    """Use cases on the register of Parties."""

    def __init__(
        self, database: Database, records: Records, clock: Clock, entropy: Entropy, registry_entry: str
    ) -> None:
        self._database = database
        self._records = records
        self._clock = clock
        self._entropy = entropy
        self._entry = registry_entry.upper()

    async def accede(self, name: str, category: str | None, participants: Sequence[str]) -> PartyFact:
        """A new SEC Party: gets a unique Party ID made of its name."""
        stem = re.sub(r"[^A-Z0-9]", "", name.upper())[:12].ljust(4, "X")
        async with self._database.transaction() as connection:
            await self._records.lock(connection, ["parties"])
            taken = {row[0] for row in await connection.fetch("SELECT party FROM parties")}
            number, party = 1, stem
            while party in taken:
                number += 1
                party = f"{stem}{number}"
            fact = PartyFact(
                id=party,
                at=self._clock.now(),
                version=0,
                party=party,
                name=name,
                category=category,
                participants=tuple(participants),
            )
            return await self._publish(connection, fact)

    async def give_user_id(self, party: str, roles: Sequence[str], wanted: str | None) -> UserFact:
        """A User ID with a unique extension identifier of the registry entry, or a wanted one that is free.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_PARTY``, ``BAD_ROLE``, ``ROLES_CONFLICT``, ``IDENTIFIER_TAKEN``.
        """
        check_roles(roles)

        def add(fact: PartyFact) -> PartyFact:
            return fact.model_copy(update={"users": (*fact.users, user)})

        async with self._database.transaction() as connection:
            await self._records.lock(connection, ["identifiers"])
            eui = str(Eui64.parse(wanted)) if wanted else await self._next(connection)
            if await connection.fetchval(_GIVE, eui, party, "User ID", self._clock.now()) is None:
                raise ProtocolError("IDENTIFIER_TAKEN", f"{eui} was given out before", source="004 7.2")
            user = UserFact(user=eui, roles=dict.fromkeys(roles, "Applied"), remote_party_role=remote_party_role(roles))
            await self._change(connection, party, add)
        return user

    async def _next(self, connection: PoolConnectionProxy) -> str:
        prefix = "-".join(re.findall("..", self._entry[:8]))
        taken = {row[0] for row in await connection.fetch(_TAKEN, f"{prefix}%")}
        extension = _EXTENSION_START
        while (eui := str(Eui64.from_hex(f"{self._entry}{extension:07X}"))) in taken:
            extension += 1
        return eui

    async def prove(self, party: str, user: str, role: str, element: str, proven_by: str | None) -> dict[str, object]:
        """An element of the User Entry Process is done, by oneself or by reference to another Party's proof.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_PARTY``, ``UNKNOWN_USER``, ``BAD_ELEMENT`` or ``NO_SUCH_PROOF``.
        """
        if element not in elements_of(role):
            wanted = ", ".join(elements_of(role))
            raise ProtocolError("BAD_ELEMENT", f"{element!r} is not one of: {wanted}", place="element")
        async with self._database.transaction() as connection:
            if proven_by is not None:
                await self._check_reference(connection, proven_by, element)
            await connection.execute(_ELEMENT, user, role, element, self._clock.now(), proven_by)
            done = await connection.fetch(_DONE, user, role)
            status = status_after(role, [row[0] for row in done])
            await self._change(connection, party, lambda fact: _with_status(fact, user, role, status))
        return {"user": user, "role": role, "status": status, "done": [dict(row) for row in done]}

    async def _check_reference(self, connection: PoolConnectionProxy, party: str, element: str) -> None:
        fact = (await self._records.parties(connection)).get(party)
        users = [user.user for user in fact.users] if fact else []
        proof = (
            "SELECT 1 FROM entry_elements WHERE user_ = ANY($1::text[]) AND element = $2 AND proven_by IS NULL LIMIT 1"
        )
        if await connection.fetchval(proof, users, element) is None:
            raise ProtocolError("NO_SUCH_PROOF", f"{party} has not proven {element!r}", place="proven_by")

    async def suspend(self, party: str, right: str, services: Sequence[str], reason: str) -> dict[str, object]:
        """The Panel suspends a right: at once, or when the Authority has approved (M8.6).

        Raises
        ------
        ProtocolError
            ``UNKNOWN_PARTY`` or ``BAD_RIGHT``.
        """
        found = RIGHTS.get(right)
        if found is None:
            raise ProtocolError("BAD_RIGHT", f"{right!r} is not one of: {', '.join(RIGHTS)}", place="right")
        identifier, now = self._entropy.uuid(), self._clock.now()
        state = "awaiting approval" if found.needs_approval else "in force"
        approved = None if found.needs_approval else now
        async with self._database.transaction() as connection:
            if state == "in force":
                await self._change(connection, party, lambda fact: suspended(fact, found, tuple(services)))
            elif party not in await self._records.parties(connection):
                raise ProtocolError("UNKNOWN_PARTY", f"no Party {party}")
            detail = json.dumps({"reason": reason})
            await connection.execute(_SUSPEND, identifier, party, right, list(services), state, now, approved, detail)
        return {"id": identifier, "party": party, "right": right, "state": state}

    async def approve(self, identifier: str) -> dict[str, object]:
        """The Authority approves: the suspension comes into force."""
        return await self._turn(identifier, "awaiting approval", "in force", "approved_at", suspended)

    async def lift(self, identifier: str) -> dict[str, object]:
        """The Panel lifts a suspension."""
        return await self._turn(identifier, "in force", "lifted", "lifted_at", restored)

    async def _turn(
        self,
        identifier: str,
        old: str,
        new: str,
        column: str,
        change: Callable[[PartyFact, Right, tuple[str, ...]], PartyFact],
    ) -> dict[str, object]:
        async with self._database.transaction() as connection:
            row = await connection.fetchrow("SELECT * FROM suspensions WHERE id = $1 FOR UPDATE", identifier)
            if row is None or row["state"] != old:
                state = "unknown" if row is None else row["state"]
                raise ProtocolError("SUSPENSION_STATE", f"the suspension is {state}, not {old}")
            services = tuple(row["services"])
            await self._change(connection, row["party"], lambda fact: change(fact, RIGHTS[row["right_"]], services))
            statement = f"UPDATE suspensions SET state = $2, {column} = $3 WHERE id = $1"  # noqa: S608 - own names
            await connection.execute(statement, identifier, new, self._clock.now())
        return {"id": identifier, "party": row["party"], "right": row["right_"], "state": new}

    async def _change(
        self, connection: PoolConnectionProxy, party: str, change: Callable[[PartyFact], PartyFact]
    ) -> PartyFact:
        await self._records.lock(connection, [f"party {party}"])
        fact = (await self._records.parties(connection)).get(party)
        if fact is None:
            raise ProtocolError("UNKNOWN_PARTY", f"no Party {party}")
        return await self._publish(connection, change(fact).model_copy(update={"at": self._clock.now()}))

    async def _publish(self, connection: PoolConnectionProxy, fact: PartyFact) -> PartyFact:
        saved = await self._records.save_parties(connection, [fact])
        await self._records.publish(connection, saved)
        return saved[0]


def _with_status(fact: PartyFact, user: str, role: str, status: str) -> PartyFact:
    if not any(one.user == user and role in one.roles for one in fact.users):
        raise ProtocolError("UNKNOWN_USER", f"{fact.party} has no User ID {user} as {role}")
    users = []
    for one in fact.users:
        if one.user == user:
            roles = {**one.roles, role: status}
            # A Supplier that becomes a User keeps its credentials and leaves the Non-Gateway Interface.
            one = one.model_copy(update={"roles": roles, "is_gateway_user": one.is_gateway_user or status == "Active"})
        users.append(one)
    return fact.model_copy(update={"users": tuple(users)})
