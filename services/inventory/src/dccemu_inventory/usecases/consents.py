"""The consent register: what Energy Consumers agreed to, recorded by the Other User that relies on it.

service-request-processing.md section 14; guide to Section I: unambiguous consent, written notice of periods and
purpose, the right to withdraw, and good practice in making sure that the person is the Energy Consumer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.consent import ConsentFact, ServiceClass, Verification
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy

from ..adapters.records import Records

_SOURCE = "service-request-processing.md 14"
_ONE = "SELECT body FROM consents WHERE consent = $1 AND NOT removed FOR UPDATE"
_OF = "SELECT body FROM consents WHERE NOT removed AND ($1::text IS NULL OR user_ = $1) ORDER BY consent LIMIT $2"


class Consents:
    """Use cases on the register."""

    def __init__(self, database: Database, records: Records, clock: Clock, entropy: Entropy) -> None:
        self._database = database
        self._records = records
        self._clock = clock
        self._entropy = entropy

    async def record(
        self,
        user: str,
        classes: tuple[ServiceClass, ...],
        *,
        mpxn: str | None,
        device: str | None,
        valid_from: datetime,
        valid_to: datetime | None,
        verification: Verification,
        purpose: str,
        written_notice_at: datetime,
    ) -> ConsentFact:
        """Record a consent.

        Raises
        ------
        ProtocolError
            ``NOT_ELIGIBLE`` for who is no Other User, ``BAD_CONSENT`` for what no consent can be.
        """
        now = self._clock.now()
        if (mpxn is None) == (device is None):
            raise ProtocolError("BAD_CONSENT", "a consent is for a meter point or for a Device", source=_SOURCE)
        if valid_to is not None and valid_to <= valid_from:
            raise ProtocolError("BAD_CONSENT", "valid_to must be after valid_from", place="valid_to", source=_SOURCE)
        if verification.verified_at > now or written_notice_at > now:
            detail = "the person is verified and told in writing before the consent is recorded"
            raise ProtocolError("BAD_CONSENT", detail, source=_SOURCE)
        async with self._database.transaction() as connection:
            await self._check_user(connection, user)
            fact = ConsentFact(
                id="",
                at=now,
                version=0,
                consent=self._entropy.uuid(),
                user=user,
                mpxn=mpxn,
                device=device,
                classes=classes,
                valid_from=valid_from,
                valid_to=valid_to,
                verification=verification,
                purpose=purpose,
                written_notice_at=written_notice_at,
                recorded_at=now,
            )
            return await self._publish(connection, fact)

    async def withdraw(self, consent: str, user: str | None = None) -> ConsentFact:
        """The Energy Consumer withdraws a consent, from now on; with ``user`` it must be that User's.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_CONSENT`` or ``CONSENT_WITHDRAWN``.
        """
        async with self._database.transaction() as connection:
            body: str | None = await connection.fetchval(_ONE, consent)
            fact = None if body is None else ConsentFact.from_bytes(body.encode())
            if fact is None or user not in (None, fact.user):
                raise ProtocolError("UNKNOWN_CONSENT", f"no consent {consent[:64]} is recorded", source=_SOURCE)
            if fact.withdrawn_at is not None:
                raise ProtocolError("CONSENT_WITHDRAWN", f"withdrawn at {fact.withdrawn_at.isoformat()}")
            now = self._clock.now()
            return await self._publish(connection, fact.model_copy(update={"withdrawn_at": now, "at": now}))

    async def of(self, user: str | None, limit: int) -> list[dict[str, Any]]:
        """Consents that are recorded, of a User or of all."""
        rows = await self._database.pool.fetch(_OF, user, limit)
        return [ConsentFact.from_bytes(row[0].encode()).model_dump(mode="json", exclude={"id", "at"}) for row in rows]

    async def _check_user(self, connection: PoolConnectionProxy, user: str) -> None:
        parties = await self._records.parties(connection)
        held = {one.user: one.roles for party in parties.values() for one in party.users}
        if "OU" not in held.get(user, {}):
            raise ProtocolError("NOT_ELIGIBLE", f"{user} is no User ID with the role of Other User", source=_SOURCE)

    async def _publish(self, connection: PoolConnectionProxy, fact: ConsentFact) -> ConsentFact:
        (saved,) = await self._records.save_consents(connection, [fact])
        await self._records.publish(connection, [saved])
        return saved
