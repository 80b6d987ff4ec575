"""Filling an empty inventory from a scenario, and starting again from one (reset)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.consent import ConsentFact
from dccemu_contracts.device_index import normal_post_code
from dccemu_contracts.envelope import Contract
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact, UserFact
from dccemu_contracts.scenario import MeterPoint, Scenario, ScenarioConsent, ScenarioDevice, ScenarioParty
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database

from ..adapters.records import Records
from ..domain.expressible import checked
from ..domain.products import Product
from ..domain.transitions import NEW, NO_STATUS
from .dcc import DccParties

_SEEDED = "SELECT value FROM notes WHERE name = 'scenario'"
_NOTE = "INSERT INTO notes (name, value) VALUES ($1, $2::jsonb) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"
_AREA = """
INSERT INTO wan_areas (post_code, region, covered, available_from, technology, addresses)
VALUES ($1, $2, $3, $4, $5, $6)"""
_IDENTIFIER = """
INSERT INTO identifiers (eui, party, purpose, given_at) VALUES ($1, $2, $3, $4) ON CONFLICT (eui) DO NOTHING"""
_HISTORY = """
INSERT INTO device_history (device, old, new, at, event, cause) VALUES ($1, $2, $3, $4, 'seeded', $5)"""
_TOMBSTONES: Mapping[str, type[DeviceFact | RegistrationFact | PartyFact | ConsentFact]] = {
    "devices": DeviceFact,
    "meter_points": RegistrationFact,
    "parties": PartyFact,
    "consents": ConsentFact,
}


class Seeding:
    """Puts a scenario into the inventory."""

    def __init__(self, database: Database, records: Records, dcc: DccParties, clock: Clock) -> None:
        self._database = database
        self._records = records
        self._dcc = dcc
        self._clock = clock

    async def seed_once(self, scenario: Scenario) -> bool:
        """Seed at the first start; a restart keeps what has happened since, but takes up the DCC's identifiers."""
        self._dcc.identifiers = scenario.dcc
        async with self._database.transaction() as connection:
            await connection.execute("LOCK TABLE notes IN EXCLUSIVE MODE")
            if await connection.fetchval(_SEEDED) is not None:
                return False
            await self._fill(connection, scenario)
        return True

    async def reset(self, scenario: Scenario | None) -> None:
        """Begin again: every record goes, then the scenario comes; followers are told of both."""
        async with self._database.transaction() as connection:
            await connection.execute("LOCK TABLE notes IN EXCLUSIVE MODE")
            gone = await self._remove_all(connection)
            kept: list[Contract] = []
            if scenario is not None:
                self._dcc.identifiers = scenario.dcc
                kept = await self._fill(connection, scenario)
            present = {(type(fact), fact.key) for fact in kept}
            told = [fact for fact in gone if (type(fact), fact.key) not in present]
            await self._records.publish(connection, [*told, *kept])

    async def _remove_all(self, connection: PoolConnectionProxy) -> list[Contract]:
        from ..adapters.tables import TABLES  # SQLAlchemy takes long to import: only a reset needs the names

        gone: list[Contract] = []
        for table, model in _TOMBSTONES.items():
            rows = await connection.fetch(f"SELECT body FROM {table} WHERE NOT removed")  # noqa: S608 - own names
            facts = [model.from_bytes(row[0].encode()).model_copy(update={"removed": True}) for row in rows]
            gone += await self._save(connection, facts)
        products = self._records.product_rows
        listed = [product.key for product in await products.listed(connection)]
        gone += await products.remove(connection, listed, self._clock.now())
        for table in TABLES:
            if table not in _TOMBSTONES and table != "products":
                await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - own names
        return gone

    async def _save(self, connection: PoolConnectionProxy, facts: Iterable[Contract]) -> list[Contract]:
        listed = list(facts)
        saved: list[Contract] = []
        saved += await self._records.save_devices(connection, [f for f in listed if isinstance(f, DeviceFact)])
        saved += await self._records.save_points(connection, [f for f in listed if isinstance(f, RegistrationFact)])
        saved += await self._records.save_parties(connection, [f for f in listed if isinstance(f, PartyFact)])
        saved += await self._records.save_consents(connection, [f for f in listed if isinstance(f, ConsentFact)])
        return saved

    async def _fill(self, connection: PoolConnectionProxy, scenario: Scenario) -> list[Contract]:
        now = self._clock.now()
        listed = [
            Product(
                *(p.type, p.manufacturer, p.model, (p.firmware_version or "").upper()),
                *(p.smets_chts_version, p.gbcs_version, p.image_hash, p.status),
            )
            for p in scenario.products
        ]
        products = await self._records.product_rows.put(connection, listed, now)
        await connection.executemany(
            _AREA,
            [
                (
                    *(normal_post_code(area.post_code), area.region, area.covered, area.available_from),
                    *(area.wan_variant, area.addresses),
                )
                for area in scenario.wan_areas
            ],
        )
        dcc = scenario.dcc.model_dump()
        given = [(eui, "DCC", f"DCC {name}", now) for name, eui in dcc.items()]
        given += [(user.user, party.party, "User ID", now) for party in scenario.parties for user in party.users]
        await connection.executemany(_IDENTIFIER, given)
        recorded = [device for device in scenario.devices if device.recorded]
        facts = await self._save(
            connection,
            [
                *(self._party(party) for party in scenario.parties),
                *(checked(self._point(point)) for point in scenario.meter_points),
                *(checked(self._device(scenario, device)) for device in recorded),
                *(self._consent(consent) for consent in scenario.consents),
            ],
        )
        cause = f"scenario {scenario.name}"
        await connection.executemany(
            _HISTORY, [(device.device, NEW, device.status or NO_STATUS, now, cause) for device in recorded]
        )
        await connection.execute(_NOTE, "scenario", json.dumps(scenario.name))
        return [*products, *facts]

    def _party(self, party: ScenarioParty) -> PartyFact:
        users = tuple(
            UserFact(
                user=user.user,
                roles=user.statuses,
                remote_party_role=user.remote_party_role,
                receive_url=user.receive_url,
                is_gateway_user=user.gateway_user,
            )
            for user in party.users
        )
        return PartyFact(
            id=party.party,
            at=self._clock.now(),
            version=0,
            party=party.party,
            name=party.name,
            category=party.category,
            participants=tuple(party.participants),
            users=users,
        )

    def _point(self, point: MeterPoint) -> RegistrationFact:
        return RegistrationFact.model_validate(
            {
                **point.model_dump(exclude={"registrations"}),
                "id": point.mpxn,
                "at": self._clock.now(),
                "version": 0,
                "spans": tuple(registration.span() for registration in point.registrations),
            }
        )

    def _consent(self, consent: ScenarioConsent) -> ConsentFact:
        now = self._clock.now()
        given = {**consent.model_dump(), "id": consent.consent, "at": now, "version": 0, "recorded_at": now}
        return ConsentFact.model_validate(given)

    def _device(self, scenario: Scenario, device: ScenarioDevice) -> DeviceFact:
        product = scenario.product(device.product)
        given = device.model_dump(exclude={"product", "recorded", "simulated", "credentials", "simulation"})
        return DeviceFact.model_validate(
            {
                **given,
                "id": device.device,
                "at": self._clock.now(),
                "version": 0,
                "status_at": self._clock.now() if device.status else None,
                "manufacturer": product.manufacturer,
                "model": product.model,
                "firmware_version": product.firmware_version.upper() if product.firmware_version else None,
                "firmware_version_status": product.status if product.firmware_version else None,
                "cpl_status": product.status,
                "smets_chts_version": product.smets_chts_version,
                "gbcs_version": product.gbcs_version,
                "cells": scenario.cells(device),
            }
        )
