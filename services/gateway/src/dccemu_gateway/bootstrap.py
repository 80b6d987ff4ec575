"""The object graph of the gateway: the only place that knows every concrete class."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.consent import ConsentFact
from dccemu_contracts.cos import CosDecision
from dccemu_contracts.firmware import FirmwareReport
from dccemu_contracts.inventory import DeviceFact, InventoryReply, PartyFact, ProductFact, RegistrationFact
from dccemu_contracts.smki import CertificateFact, RevocationFact
from dccemu_contracts.wan import DeviceMessage
from dccemu_protocol.duis import validate
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.xmldsig import Outlines
from dccemu_runtime.consumers import Consumer
from dccemu_runtime.database import Database
from dccemu_runtime.http import app as applications
from dccemu_runtime.http.pool import Answer, RawPool
from dccemu_runtime.http.server import Bounds
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Component, Listener, Runtime, Service
from dccemu_runtime.timers import Timers

from .adapters import official_schema
from .adapters.anomaly import AnomalyRows
from .adapters.connections import Connections
from .adapters.counters import RoleCounter
from .adapters.courier import Courier, Pauses
from .adapters.directory import FactsDirectory
from .adapters.distributions import Distributions
from .adapters.operations import Delivery, DeliveryRows
from .adapters.own_keys import OwnKeys
from .adapters.receivers import Receivers
from .adapters.record import Record
from .adapters.transformer import Transformer
from .entrypoints.admin import admin_routes
from .entrypoints.anomaly import admin_anomaly_routes, anomaly_routes
from .entrypoints.consents import admin_consent_routes
from .entrypoints.front import Front
from .settings import Settings
from .usecases.alerts import Alerts
from .usecases.anomaly import Detection
from .usecases.anomaly_files import AnomalyFiles
from .usecases.anomaly_views import AnomalyViews
from .usecases.change_of_supplier import ChangeOfSupplier
from .usecases.expire import Expire
from .usecases.firmware import UpdateFirmware
from .usecases.firmware_alerts import FirmwareAlerts
from .usecases.followers import Followers
from .usecases.freshness import Freshness
from .usecases.gateway import Gateway
from .usecases.history import History
from .usecases.hold import Hold
from .usecases.inventory_replies import InventoryReplies
from .usecases.non_device import NonDevice
from .usecases.protection import Protection
from .usecases.quarantine import Quarantine
from .usecases.respond import Respond
from .usecases.schedules import Schedules
from .usecases.send import Send
from .usecases.submit import Handlers, Submit

NAME = "gateway"


class _Closing:
    """Closes the database when everything else has stopped."""

    def __init__(self, database: Database, journal: Record) -> None:
        self._database = database
        self._journal = journal

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        await self._journal.stop()
        await self._database.close()


class _Counters:
    """Starts the DCC's counters by the Clock."""

    def __init__(self, runtime: Runtime, *counters: RoleCounter) -> None:
        self._runtime = runtime
        self._counters = counters

    async def start(self) -> None:
        for counter in self._counters:
            await counter.start(self._runtime.clock.now())

    async def stop(self) -> None:
        for counter in self._counters:
            await counter.stop()


class _Posts:
    """The delivery client with the TLS identity of the gateway, which exists once the service has started."""

    def __init__(self, settings: Settings, connections: Connections) -> None:
        self._connections = connections
        self._pool = RawPool(
            per_host=settings.deliveries_per_user,
            connect_time=settings.delivery_connect_seconds,
            answer_time=settings.delivery_answer_seconds,
        )

    async def start(self) -> None:
        self._tls = self._connections.client_context()

    async def stop(self) -> None:
        await self._pool.close()

    async def post(self, url: str, body: bytes) -> Answer:
        return await self._pool.post(url, body, tls=self._tls)


class _Facts(NamedTuple):
    """The facts of the other services: some by name, and all."""

    parties: Projection[PartyFact]
    devices: Projection[DeviceFact]
    certificates: Projection[CertificateFact]
    all: list[Component]


def _projections(runtime: Runtime, database: Database, directory: FactsDirectory, keys: OwnKeys) -> _Facts:
    entropy = runtime.entropy_of(f"{NAME} projections", database)
    means = (database, runtime.bus, runtime.clock, entropy)
    parties = Projection(PartyFact, *means, requester=NAME)
    devices = Projection(DeviceFact, *means, requester=NAME, shelf=directory.devices)
    registrations = Projection(RegistrationFact, *means, requester=NAME, shelf=directory.registrations)
    certificates = Projection(CertificateFact, *means, requester=NAME)
    products = Projection(ProductFact, *means, requester=NAME)
    revocations = Projection(RevocationFact, *means, requester=NAME)
    parties.on_change(directory.learn_party)
    devices.on_change(directory.learn_device)
    registrations.on_change(directory.learn_registration)
    products.on_change(directory.learn_product)
    certificates.on_change(directory.learn_certificate)
    certificates.on_change(keys.learn_certificate)
    revocations.on_change(directory.learn_revocation)
    consents = Projection(ConsentFact, database, runtime.bus, runtime.clock, entropy, requester=NAME)
    consents.on_change(directory.learn_consent)
    everything: list[Component] = [parties, consents, devices, registrations, products, certificates, revocations]
    return _Facts(parties, devices, certificates, everything)


async def build(settings: Settings, runtime: Runtime) -> Service:
    """Open the database and wire everything."""
    service, _ = await compose(settings, runtime)
    return service


async def compose(settings: Settings, runtime: Runtime) -> tuple[Service, Gateway]:
    """The service, and the parts that its use cases share."""
    schema = settings.database_schema or NAME
    database = await Database.open(
        settings.database_url, schema, migrations_package="dccemu_gateway.adapters.migrations"
    )
    clock, entropy = runtime.clock, runtime.entropy_of(NAME, database)
    policy, broker = settings.policy(), Eui64.parse(settings.broker_eui)
    outbox, journal, timers = Outbox(database, runtime.bus, sole=True), Record(database), Timers(database, clock)
    directory = FactsDirectory()
    keys = OwnKeys(database, directory, outbox, clock, entropy, broker, settings.keystore)
    facts = _projections(runtime, database, directory, keys)
    broker_counter, alert_counter = RoleCounter(database, "broker"), RoleCounter(database, "alerts")
    events = RoleCounter(database, "quarantine events", block=1024)
    connections = Connections(database, entropy, settings.host)
    receivers = Receivers(database, directory, settings.receivers())
    posts = _Posts(settings, connections)
    courier = Courier(
        database,
        clock,
        runtime.faults,
        posts.post,
        receivers.url,
        Pauses(
            timedelta(seconds=settings.retry_first_seconds),
            timedelta(seconds=settings.retry_last_seconds),
            timedelta(seconds=settings.retry_away_seconds),
        ),
        entropy.child("courier"),
        per_user=settings.deliveries_per_user,
        bodies=settings.bodies_in_memory,
    )
    receivers.on_change(courier.receiver_changed)

    history, followers = History(database), Followers(database, timers)

    def committed(delivery: Delivery) -> None:
        courier.offer(delivery)

    gateway = Gateway(
        settings=settings,
        policy=policy,
        clock=clock,
        entropy=entropy,
        database=database,
        directory=directory,
        keys=keys,
        transformer=Transformer(directory, keys, broker_counter, clock, entropy),
        alert_counter=alert_counter,
        outbox=outbox,
        journal=journal,
        timers=timers,
        deliveries=DeliveryRows(committed),
        history=history,
        followers=followers,
        validate=validate if settings.duis_schema is None else official_schema.both(validate, settings.duis_schema),
        # What is known of an outline is what our own schema says of it.
        outlines=Outlines(policy.limits) if settings.duis_schema is None else None,
    )
    distributions = Distributions(database)
    directory.open_distributions = distributions.open
    firmware = UpdateFirmware(gateway, distributions)
    freshness = Freshness(facts.certificates)
    replies = InventoryReplies(facts.devices, courier, settings.inventory_deadline_seconds)
    alerts = Alerts(gateway, FirmwareAlerts(gateway, distributions), replies)
    respond = Respond(gateway, alerts, replies, Protection(gateway, freshness))
    hold = Hold(gateway)
    send = Send(gateway, history, hold)
    non_device = NonDevice(gateway, history, respond, Schedules(gateway, send), firmware, replies)
    change_of_supplier = ChangeOfSupplier(gateway, hold)
    hold.connect(send.prepare, send.released, change_of_supplier.hand_over)
    anomaly_rows = AnomalyRows(database)
    detection = Detection(anomaly_rows, clock)
    quarantine = Quarantine(gateway, hold, detection, anomaly_rows, events)
    files = AnomalyFiles(gateway, detection, anomaly_rows)
    anomaly_views = AnomalyViews(gateway, detection, anomaly_rows)
    handlers = Handlers(send.pre_command, send, non_device, change_of_supplier)
    submit = Submit(gateway, history, handlers, detection, quarantine, freshness)
    expire = Expire(gateway, respond)

    consumer = Consumer(runtime.bus, database, NAME)
    consumer.on_fast(DeviceMessage, respond)
    consumer.on_fast(InventoryReply, replies.hear)
    consumer.on_fast(DccAlertOrder, alerts.order)
    consumer.on_fast(FirmwareReport, firmware.hear)
    consumer.on(CosDecision, change_of_supplier.decide)

    def party_learned(_old: PartyFact | None, fact: PartyFact) -> None:
        for user in fact.users:
            courier.receiver_changed(user.user)

    facts.parties.on_change(party_learned)

    def facts_unmet() -> str | None:
        # A scenario has Parties, but may begin with an empty inventory.
        if settings.scenario is not None and not len(facts.parties):
            return "the inventory's Parties are not known yet"
        return None

    admin = admin_routes(gateway, courier, receivers, connections)
    admin.include_router(admin_anomaly_routes(files, anomaly_views, anomaly_rows))
    admin.include_router(admin_consent_routes(gateway))
    service = Service(
        NAME,
        admin=admin,
        journal=journal,
        components=[
            _Closing(database, journal),
            connections,
            receivers,
            _Counters(runtime, broker_counter, alert_counter, events),
            *facts.all,
            keys,
            detection,
            outbox,
            posts,
            courier,
            expire,
            followers,
            distributions,
            timers,
            consumer,
        ],
        conditions=[keys.unmet, facts_unmet],
    )
    behind = applications.create(
        "dccemu gateway: DUIS",
        description="The DUIS web services take POST /api/v1/serviceT, serviceS and serviceD.",
        unready=service.unready,
        max_body_bytes=settings.max_body_bytes,
    )
    behind.state.party = connections.party
    behind.include_router(anomaly_routes(files, anomaly_views))
    front = Front(
        behind,
        submit,
        connections.party,
        max_body=settings.max_body_bytes,
        max_in_flight=settings.max_in_flight,
    )
    bounds = Bounds(connections=settings.max_connections)
    service.listeners = [
        Listener("duis", front, host=settings.host, port=settings.http_port, bounds=bounds),
        Listener(
            "duis_tls",
            front,
            host=settings.host,
            port=settings.tls_port,
            tls=connections.server_context,
            bounds=bounds,
        ),
    ]
    return service, gateway
