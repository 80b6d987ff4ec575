"""The object graph of the SM WAN."""

from __future__ import annotations

from dccemu_contracts.scenario import parse_scenario
from dccemu_contracts.smki import CertificateFact
from dccemu_runtime.database import Database
from dccemu_runtime.journal import Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Listener, Runtime, Service

from .adapters.store import Store
from .entrypoints import admin, http
from .entrypoints.consumers import DeviceConsumer
from .settings import Settings
from .usecases.administration import OUTAGE, Administration
from .usecases.agenda import Agenda
from .usecases.enrolment import Enrolment
from .usecases.fleet import INSTRUCTION, Fleet
from .usecases.instructions import Instructions
from .usecases.receive import DELIVERY, Receive
from .usecases.stocking import stock

NAME = "sm-wan"
_SCHEMA = "sm_wan"


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
    """Open the database, make the Devices that are missing, and wire everything."""
    database = await Database.open(
        settings.database_url,
        settings.database_schema or _SCHEMA,
        migrations_package="dccemu_sm_wan.adapters.migrations",
    )
    try:
        return await _build(settings, runtime, database)
    except BaseException:
        await database.close()
        raise


async def _build(settings: Settings, runtime: Runtime, database: Database) -> Service:
    clock, entropy, bus = runtime.clock, runtime.entropy.child(NAME), runtime.bus
    outbox, journal, agenda = Outbox(database, bus), Journal(database), Agenda(clock)
    fleet = Fleet(database, Store(database), outbox, agenda, clock, entropy)
    await fleet.load()
    if settings.scenario is not None:
        scenario = parse_scenario(settings.scenario.read_text("utf-8"))
        await stock(fleet, scenario, dated=settings.keystore is None)
    certificates = Projection(CertificateFact, database, bus, clock, entropy, requester=NAME)
    enrolment = Enrolment(fleet, certificates)
    receive = Receive(fleet, journal, runtime.faults, whitelist_enforced=settings.whitelist_enforced)
    await receive.load()
    administration = Administration(fleet)
    administration.load()
    agenda.on(DELIVERY, receive.arrive)
    agenda.on(INSTRUCTION, Instructions(fleet).fire)
    agenda.on(OUTAGE, administration.outage_lasts)
    service = Service(
        NAME,
        admin=admin.routes(fleet, administration),
        journal=journal,
        components=[
            _Closing(database, journal),
            outbox,
            certificates,
            enrolment,
            agenda,
            DeviceConsumer(bus, database, NAME, fleet, receive),
        ],
        conditions=[enrolment.unmet],
    )
    app = http.application(fleet, service.unready, settings.max_body_bytes)
    service.listeners = [Listener("sm_wan", app, host=settings.host, port=settings.port)]
    return service
