"""Reading and writing inventory records around a use case.

``load`` fetches the *surroundings* of the Devices and meter points concerned (their hub, all on it, what they are
joined to, who holds their MPxNs, the registrations) into a ``DeviceIndex``, inside the transaction and after taking a
lock for each Device named, so that two use cases on one Device follow one another. ``save`` stores what a ledger
collected and puts facts and alerts into the outbox, in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TypeVar, cast

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.consent import ConsentFact
from dccemu_contracts.device_index import DeviceIndex, normal_post_code
from dccemu_contracts.envelope import Contract
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.groupcommit import upsert
from dccemu_runtime.outbox import Outbox

from ..domain.duties import TERM
from ..domain.ledger import Ledger
from ..domain.products import ProductsList
from .products import ProductRows

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7))"
_BY_ID = "SELECT body FROM devices WHERE device = ANY($1::text[]) AND NOT removed"
_BY_HUB = "SELECT body FROM devices WHERE hub = ANY($1::text[]) AND NOT removed"
_BY_METER = "SELECT body FROM devices WHERE meters && $1::text[] AND NOT removed"
_BY_MPXN = "SELECT body FROM devices WHERE mpxns && $1::text[] AND NOT removed"
_POINTS = "SELECT body FROM meter_points WHERE mpxn = ANY($1::text[]) AND NOT removed"
_VERSIONS = "SELECT nextval('fact_version') FROM generate_series(1, $1)"
_PUT_DEVICE = """
INSERT INTO devices (device, version, removed, type, status, manufacturer, model, firmware_version, hub, meters, mpxns,
                     uprn, post_code, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (device) DO UPDATE SET version = EXCLUDED.version, removed = EXCLUDED.removed, type = EXCLUDED.type,
  status = EXCLUDED.status, manufacturer = EXCLUDED.manufacturer, model = EXCLUDED.model,
  firmware_version = EXCLUDED.firmware_version, hub = EXCLUDED.hub, meters = EXCLUDED.meters, mpxns = EXCLUDED.mpxns,
  uprn = EXCLUDED.uprn, post_code = EXCLUDED.post_code, body = EXCLUDED.body"""
_PUT_POINTS = upsert(
    "meter_points",
    {"mpxn": "text", "version": "bigint", "removed": "bool", "fuel": "text", "network": "text", "body": "text"},
    ("mpxn",),
)
_PUT_PARTY = """
INSERT INTO parties (party, version, removed, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (party) DO UPDATE SET version = EXCLUDED.version, removed = EXCLUDED.removed, body = EXCLUDED.body"""
_PUT_CONSENT = """
INSERT INTO consents (consent, version, removed, user_, body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (consent) DO UPDATE SET version = EXCLUDED.version, removed = EXCLUDED.removed, user_ = EXCLUDED.user_,
  body = EXCLUDED.body"""
_PUT_HISTORY = """
INSERT INTO device_history (device, old, new, at, event, cause, request_id, user_)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_OPEN_DUTY = """
INSERT INTO duties (device, duty, opened_at, due_at, note) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (device, duty) DO UPDATE SET note = EXCLUDED.note"""
_CLOSE_DUTY = "UPDATE duties SET done_at = $3, note = '' WHERE device = $1 AND duty = $2 AND done_at IS NULL"

_FactT = TypeVar("_FactT", DeviceFact, RegistrationFact, PartyFact, ConsentFact)


class Records:
    """The inventory's records in its database."""

    def __init__(self, database: Database, outbox: Outbox, entropy: Entropy) -> None:
        self._database = database
        self._outbox = outbox
        self.product_rows = ProductRows(database)
        self._entropy = entropy

    async def lock(self, connection: PoolConnectionProxy, names: Iterable[str]) -> None:
        """Let one use case at a time work on each of the names, in one order."""
        for name in sorted(set(names)):
            await connection.execute(_LOCK, name)

    async def load(
        self, connection: PoolConnectionProxy, devices: Iterable[str], mpxns: Iterable[str] = ()
    ) -> DeviceIndex:
        """Fetch the surroundings of some Devices and meter points."""
        seeds = sorted({eui for eui in devices if eui})
        await self.lock(connection, seeds)
        index = DeviceIndex()
        wanted = set(seeds)
        for _ in range(2):
            for fact in await _facts(connection, _BY_ID, wanted):
                index.put(fact)
            found = list(index.devices())
            hubs = {fact.device for fact in found if fact.type == "CHF"} | {fact.hub for fact in found if fact.hub}
            for fact in await _facts(connection, _BY_HUB, hubs):
                index.put(fact)
            for fact in await _facts(connection, _BY_METER, {fact.device for fact in index.devices()}):
                index.put(fact)
            wanted = hubs | {eui for fact in index.devices() for eui in (*fact.meters, fact.gpf, fact.hub) if eui}
            wanted -= {fact.device for fact in index.devices()}
        points = {mpxn for mpxn in mpxns if mpxn} | {mpxn for fact in index.devices() for mpxn in mpxns_of(fact)}
        for fact in await _facts(connection, _BY_MPXN, points):
            index.put(fact)
        for row in await connection.fetch(_POINTS, sorted(points)):
            index.put_registration(RegistrationFact.from_bytes(row[0].encode()))
        return index

    async def products(self, connection: PoolConnectionProxy, models: Sequence[str] | None = None) -> ProductsList:
        """Fetch the Certified Products List, or its entries of some models."""
        return ProductsList(await self.product_rows.listed(connection, None if models is None else list(models)))

    async def save(self, connection: PoolConnectionProxy, ledger: Ledger) -> list[DeviceFact]:
        """Store what a use case changed; its facts, which are given back, and alerts go out with it."""
        facts = await self.save_devices(connection, ledger.changed.values())
        await connection.executemany(
            _PUT_HISTORY,
            [
                (entry.device, entry.old, entry.new, entry.at, entry.event, entry.cause, entry.request_id, entry.user)
                for entry in ledger.history
            ],
        )
        for mark in ledger.duties:
            if mark.done:
                await connection.execute(_CLOSE_DUTY, mark.device, mark.duty, ledger.now)
            else:
                due = ledger.now + TERM
                await connection.execute(_OPEN_DUTY, mark.device, mark.duty, ledger.now, due, mark.note)
        orders = [
            DccAlertOrder(
                id=self._entropy.uuid(),
                at=ledger.now,
                code=alert.code,
                alert=alert.element,
                recipients=tuple(sorted(alert.recipients)),
                device=alert.device,
                body=dict(alert.body),
            )
            for alert in ledger.alerts
        ]
        await self._send(connection, [*facts, *orders])
        return facts

    async def save_devices(self, connection: PoolConnectionProxy, devices: Iterable[DeviceFact]) -> list[DeviceFact]:
        """Store records under new versions; gives the facts to publish."""
        return await self._save(connection, devices, _PUT_DEVICE, device_row)

    async def save_points(
        self, connection: PoolConnectionProxy, points: Iterable[RegistrationFact]
    ) -> list[RegistrationFact]:
        """Store meter points under new versions; gives the facts to publish."""
        facts = await self._renewed(connection, {point.mpxn: point for point in points}.values())
        rows = [
            (fact.mpxn, fact.version, fact.removed, fact.fuel, fact.network, fact.to_bytes().decode()) for fact in facts
        ]
        if rows:
            await connection.execute(_PUT_POINTS.sql, *(list(column) for column in zip(*rows, strict=True)))
        return facts

    async def save_parties(self, connection: PoolConnectionProxy, parties: Iterable[PartyFact]) -> list[PartyFact]:
        """Store Parties under new versions; gives the facts to publish."""
        return await self._save(
            connection, parties, _PUT_PARTY, lambda f: (f.party, f.version, f.removed, f.to_bytes().decode())
        )

    async def save_consents(
        self, connection: PoolConnectionProxy, consents: Iterable[ConsentFact]
    ) -> list[ConsentFact]:
        """Store consents under new versions; gives the facts to publish."""
        return await self._save(
            connection,
            consents,
            _PUT_CONSENT,
            lambda f: (f.consent, f.version, f.removed, f.user, f.to_bytes().decode()),
        )

    async def _save(
        self,
        connection: PoolConnectionProxy,
        facts: Iterable[_FactT],
        statement: str,
        row_of: Callable[[_FactT], tuple[object, ...]],
    ) -> list[_FactT]:
        saved = await self._renewed(connection, facts)
        await connection.executemany(statement, [row_of(fact) for fact in saved])
        return saved

    async def _renewed(self, connection: PoolConnectionProxy, facts: Iterable[_FactT]) -> list[_FactT]:
        """The facts under new versions and ids."""
        changed = list(facts)
        versions = await self._versions(connection, len(changed))
        return [
            fact.model_copy(update={"version": version, "id": self._entropy.uuid()})
            for fact, version in zip(changed, versions, strict=True)
        ]

    async def publish(self, connection: PoolConnectionProxy, facts: Sequence[Contract]) -> None:
        """Put facts into the outbox."""
        await self._send(connection, facts)

    async def publish_alike(self, connection: PoolConnectionProxy, facts: Sequence[Contract]) -> None:
        """Put many facts of one kind into the outbox."""
        await self._outbox.copy(connection, facts)

    async def _send(self, connection: PoolConnectionProxy, contracts: Sequence[Contract]) -> None:
        if contracts:
            await self._outbox.add(connection, *contracts)

    async def _versions(self, connection: PoolConnectionProxy, count: int) -> list[int]:
        return [row[0] for row in await connection.fetch(_VERSIONS, count)] if count else []

    async def device(self, eui: str) -> DeviceFact | None:
        """Give one record."""
        row = await self._database.pool.fetchrow(_BY_ID, [eui])
        return None if row is None else DeviceFact.from_bytes(row[0].encode())

    async def parties(self, connection: PoolConnectionProxy | None = None) -> dict[str, PartyFact]:
        """Give all Parties by Party ID."""
        source = connection or self._database.pool
        rows = await source.fetch("SELECT body FROM parties WHERE NOT removed ORDER BY party")
        return {fact.party: fact for fact in (PartyFact.from_bytes(row[0].encode()) for row in rows)}

    async def point(self, mpxn: str) -> RegistrationFact | None:
        """Give one meter point."""
        row = await self._database.pool.fetchrow(_POINTS, [mpxn])
        return None if row is None else RegistrationFact.from_bytes(row[0].encode())

    def all_devices(self) -> AsyncIterator[Contract]:
        """Every record, tombstones too, for a snapshot."""
        return self._all("SELECT device, version, body FROM devices", DeviceFact)

    def all_consents(self) -> AsyncIterator[Contract]:
        """Every consent, for a snapshot."""
        return self._all("SELECT consent, version, body FROM consents", ConsentFact)

    def all_points(self) -> AsyncIterator[Contract]:
        """Every meter point, for a snapshot."""
        return self._all("SELECT mpxn, version, body FROM meter_points", RegistrationFact)

    def all_parties(self) -> AsyncIterator[Contract]:
        """Every Party, for a snapshot."""
        return self._all("SELECT party, version, body FROM parties", PartyFact)

    async def _all(self, query: str, model: type[Contract]) -> AsyncIterator[Contract]:
        stored = type(model.__name__, (_Stored,), {"topic": model.topic})
        async with self._database.pool.acquire() as connection, connection.transaction():
            async for row in connection.cursor(query, prefetch=1000):
                yield cast(Contract, stored(row[0], f"{row[0]} {row[1]}", row[2]))


class _Stored:
    """A fact as it lies in its row: a snapshot says it again without reading it."""

    __slots__ = ("body", "id", "key")

    def __init__(self, key: str, id: str, body: str) -> None:
        self.key = key
        self.id = id
        self.body = body

    def to_bytes(self) -> bytes:
        """Give the JSON that was stored."""
        return self.body.encode()


async def _facts(connection: PoolConnectionProxy, query: str, names: Iterable[str]) -> list[DeviceFact]:
    wanted = sorted(set(names))
    if not wanted:
        return []
    return [DeviceFact.from_bytes(row[0].encode()) for row in await connection.fetch(query, wanted)]


def mpxns_of(fact: DeviceFact) -> list[str]:
    """List the MPxNs of a record."""
    return [mpxn for mpxn in (fact.import_mpxn, fact.secondary_import_mpan, fact.export_mpan) if mpxn]


def device_row(fact: DeviceFact) -> tuple[object, ...]:
    """Give the row of a record, in the order of the table's columns."""
    return (
        fact.device,
        fact.version,
        fact.removed,
        fact.type,
        fact.status,
        fact.manufacturer,
        fact.model,
        fact.firmware_version,
        fact.hub,
        list(fact.meters),
        mpxns_of(fact),
        fact.uprn,
        normal_post_code(fact.post_code) if fact.post_code else None,
        fact.to_bytes().decode(),
    )
