"""The object graph of the inventory service."""

from __future__ import annotations

from fastapi import APIRouter

from dccemu_contracts.firmware import FirmwareReport
from dccemu_contracts.inventory import CommandOutcome, InventoryRequest
from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_contracts.topics import (
    INVENTORY_CONSENTS,
    INVENTORY_DEVICES,
    INVENTORY_PARTIES,
    INVENTORY_PRODUCTS,
    INVENTORY_REGISTRATIONS,
)
from dccemu_runtime.consumers import Consumer
from dccemu_runtime.database import Database
from dccemu_runtime.journal import Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.service import Listener, Runtime, Service
from dccemu_runtime.snapshots import Owner

from .adapters.device_certificates import DeviceCertificates
from .adapters.records import Records
from .adapters.views import Views
from .entrypoints.admin import admin_routes
from .entrypoints.admin_market import party_routes, product_routes, registration_routes
from .entrypoints.consents import admin_consent_routes, consent_routes
from .entrypoints.http import create_app
from .entrypoints.settling import Settling
from .settings import Settings
from .usecases.administration import Administration
from .usecases.answers import Answers
from .usecases.consents import Consents
from .usecases.dcc import DccParties
from .usecases.documents import Documents
from .usecases.feeds import Feeds
from .usecases.hub_firmware import HubFirmware
from .usecases.hubs import Hubs
from .usecases.parties import Parties
from .usecases.products import Products
from .usecases.requests import Requests
from .usecases.seeding import Seeding

NAME = "inventory"


class _Closing:
    """Closes the database last."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        await self._journal.stop()
        await self._database.close()


def read_scenario(settings: Settings) -> Scenario | None:
    """Read the scenario file that the settings name."""
    return None if settings.scenario is None else parse_scenario(settings.scenario.read_text("utf-8"))


async def build(settings: Settings, runtime: Runtime) -> Service:
    """Open the database, seed it at the first start, and wire everything."""
    schema = settings.database_schema or NAME
    database = await Database.open(
        settings.database_url, schema, migrations_package="dccemu_inventory.adapters.migrations"
    )
    clock, entropy = runtime.clock, runtime.entropy_of(NAME, database)
    outbox, journal = Outbox(database, runtime.bus), Journal(database)
    records, views, dcc = Records(database, outbox, entropy), Views(database), DccParties()
    seeding = Seeding(database, records, dcc, clock)
    scenario = read_scenario(settings)
    if scenario is not None:
        await seeding.seed_once(scenario)
    requests = Requests(records, journal, dcc, clock, entropy)
    certificates = DeviceCertificates(database, runtime)
    answers = Answers(records, journal, clock, entropy, certificates.has)
    administration = Administration(database, records, dcc, clock)
    feeds = Feeds(database, records, clock, entropy, check_digits=settings.check_digits)
    hubs = Hubs(database, records, dcc, clock, certificates.has)
    products = Products(database, records, clock)
    hub_firmware = HubFirmware(database, records, outbox, journal, clock, entropy)
    parties = Parties(database, records, clock, entropy, settings.registry_entry)
    consents = Consents(database, records, clock, entropy)
    settling = Settling(database, settings.admin_grace_seconds)
    admin = admin_routes(views, administration, seeding, clock, settling)
    market = APIRouter()
    market.include_router(admin)
    market.include_router(party_routes(parties, views, settling))
    market.include_router(registration_routes(feeds, Documents(database, clock), views, settling))
    market.include_router(product_routes(products, hubs, hub_firmware, views, clock, settling))
    market.include_router(admin_consent_routes(consents, settling))
    consumer = Consumer(runtime.bus, database, NAME)
    consumer.on(InventoryRequest, requests.carry_out)
    consumer.on(CommandOutcome, answers.apply)
    consumer.on(FirmwareReport, hub_firmware.hear)
    owner = Owner(
        runtime.bus,
        NAME,
        {
            INVENTORY_DEVICES: records.all_devices,
            INVENTORY_REGISTRATIONS: records.all_points,
            INVENTORY_PARTIES: records.all_parties,
            INVENTORY_PRODUCTS: lambda: records.product_rows.all_products(clock.now()),
            INVENTORY_CONSENTS: records.all_consents,
        },
    )
    service = Service(
        NAME,
        admin=market,
        journal=journal,
        components=[_Closing(database, journal), outbox, owner, certificates, consumer],
    )
    app = create_app(views, feeds, service.unready, settings.feed_max_bytes)
    app.include_router(consent_routes(consents))
    service.listeners = [Listener("inventory", app, host=settings.host, port=settings.port)]
    return service
