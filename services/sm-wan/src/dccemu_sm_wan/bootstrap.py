"""The object graph of the SM WAN."""

from __future__ import annotations

from dccemu_contracts.firmware import FirmwareDistribution, FirmwarePiece
from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_contracts.smki import CertificateFact
from dccemu_protocol.gbcs.respond.hub import LOG
from dccemu_runtime.database import Database
from dccemu_runtime.journal import Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Component, Listener, Runtime, Service

from .adapters.distributions import DistributionStore
from .adapters.store import Store
from .domain.seeding import plain
from .entrypoints import admin, http
from .entrypoints.consumers import DeviceConsumer
from .settings import Settings
from .usecases.administration import OUTAGE, Administration
from .usecases.agenda import Agenda
from .usecases.distribution import FIRMWARE, DistributeFirmware
from .usecases.enrolment import Enrolment
from .usecases.fleet import INSTRUCTION, Fleet
from .usecases.instructions import Instructions
from .usecases.joining import JOIN, Joining
from .usecases.notified import Notified
from .usecases.receive import DELIVERY, Receive
from .usecases.stocking import stock
from .usecases.tenure import Tenure

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
    clock, entropy, bus = runtime.clock, runtime.entropy_of(NAME, database), runtime.bus
    outbox, journal, agenda = Outbox(database, bus, sole=True), Journal(database), Agenda(clock)
    fleet = Fleet(database, Store(database), outbox, agenda, clock, entropy)
    scenario = Scenario(name="none")
    if settings.scenario is not None:
        scenario = parse_scenario(settings.scenario.read_text("utf-8"))
    dated = settings.keystore is None
    certificates = Projection(CertificateFact, database, bus, clock, entropy, requester=NAME)
    enrolment = Enrolment(fleet, certificates, [plain(device.device) for device in scenario.devices])
    receive = Receive(fleet, journal, runtime.faults, whitelist_enforced=settings.whitelist_enforced)
    firmware = DistributeFirmware(fleet, DistributionStore(database), journal, runtime.faults, settings.pace())
    administration, joining = Administration(fleet), Joining(fleet)
    fleet.on_change(lambda device, changes: joining.look(device) if LOG in changes else None)
    agenda.on(DELIVERY, receive.arrive)
    agenda.on(INSTRUCTION, Instructions(fleet).fire)
    agenda.on(JOIN, joining.join)
    agenda.on(OUTAGE, administration.outage_lasts)
    agenda.on(FIRMWARE, firmware.step)

    async def begin() -> None:
        await fleet.load()
        await stock(fleet, scenario, dated=dated)
        await receive.load()
        administration.load()
        joining.load()
        await firmware.load()

    components: list[Component] = [
        _Closing(database, journal),
        Tenure(database, begin),
        outbox,
        certificates,
        enrolment,
    ]
    if settings.simulate_notified:
        records = Projection(DeviceFact, database, bus, clock, entropy, requester=NAME)
        components += [records, Notified(fleet, enrolment, records, scenario.dcc, dated=dated)]
    consumer = DeviceConsumer(bus, database, NAME, fleet, receive)
    consumer.on(FirmwarePiece, firmware.take_piece)
    consumer.on(FirmwareDistribution, firmware.take_order)
    components += [agenda, consumer]
    service = Service(
        NAME,
        admin=admin.routes(fleet, administration, receive),
        journal=journal,
        components=components,
        conditions=[enrolment.unmet],
    )
    app = http.application(fleet, service.unready, settings.max_body_bytes)
    service.listeners = [Listener("sm_wan", app, host=settings.host, port=settings.port)]
    return service
