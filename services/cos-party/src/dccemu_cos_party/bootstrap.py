"""The object graph of the CoS Party."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from dccemu_contracts.cos import CosRequest
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.consumers import Consumer
from dccemu_runtime.database import Database
from dccemu_runtime.journal import Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.service import Listener, Runtime, Service
from dccemu_runtime.timers import Timers

from .adapters.book import Book
from .adapters.facts import NAME, Facts
from .adapters.signing_key import SigningKey
from .domain.threshold import Thresholds
from .entrypoints.admin import admin_routes
from .entrypoints.anomaly import admin_anomaly_routes, anomaly_routes
from .entrypoints.following import ConsumeWhenReady, FollowRegistrations
from .entrypoints.ngi import create_app, ngi_admin_routes
from .settings import Settings
from .usecases.anomaly_files import AnomalyFiles
from .usecases.decide import HOLD_TIMER, Decisions, Tools
from .usecases.non_gateway import NgiTools, NonGateway
from .usecases.signing import Signer


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


async def build(settings: Settings, runtime: Runtime) -> Service:
    """Open the database, prepare the key and wire everything."""
    schema = settings.database_schema or "cos_party"
    database = await Database.open(
        settings.database_url, schema, migrations_package="dccemu_cos_party.adapters.migrations"
    )
    clock, entropy = runtime.clock, runtime.entropy_of(NAME, database)
    outbox, journal, timers = Outbox(database, runtime.bus), Journal(database), Timers(database, clock)
    facts = Facts(database, runtime, enforce_dates=settings.enforce_dates)
    eui = Eui64.parse(settings.eui)
    key = SigningKey(database, facts, outbox, clock, entropy, eui, settings.keystore)
    book = Book(
        database,
        Thresholds(settings.user_threshold, settings.threshold),
        timedelta(seconds=settings.window_seconds),
    )
    tools = Tools(
        book=book,
        evidence=facts,
        signer=Signer(eui, await key.prepare()),
        outbox=outbox,
        timers=timers,
        journal=journal,
        clock=clock,
        entropy=entropy,
        hold=timedelta(days=settings.hold_days),
        patience=settings.evidence_patience,
        news=facts.changed,
    )
    decisions = Decisions(tools)
    timers.on(HOLD_TIMER, decisions.hold_over)
    consumer = Consumer(runtime.bus, database, NAME)
    consumer.on(CosRequest, decisions.take)
    consuming = ConsumeWhenReady(consumer, facts, key)
    interface = NonGateway(NgiTools(database, facts, book, outbox, journal, clock, entropy, settings.ngi_threshold))
    routes = APIRouter()
    routes.include_router(admin_routes(database, book, decisions, key))
    routes.include_router(ngi_admin_routes(interface))
    files = AnomalyFiles(database, facts, decisions, journal, clock, entropy, str(eui))
    routes.include_router(admin_anomaly_routes(files))
    service = Service(
        NAME,
        admin=routes,
        journal=journal,
        components=[
            _Closing(database, journal),
            outbox,
            facts,
            key,
            consuming,
            FollowRegistrations(database, facts, decisions),
            timers,
        ],
        conditions=[key.unmet, consuming.unmet],
    )
    app = create_app(interface, service.unready, settings.max_body_bytes)
    app.include_router(anomaly_routes(files))
    service.listeners = [Listener(NAME, app, host=settings.host, port=settings.port)]
    return service
