"""The one place that knows every concrete class of the SMKI."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import structlog
from starlette.types import ASGIApp

from dccemu_contracts.envelope import Contract
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact
from dccemu_contracts.topics import SMKI_CERTIFICATES, SMKI_REVOCATIONS
from dccemu_protocol.pki import Keystore, RemotePartyRole, keystore
from dccemu_runtime.consumers import Consumer
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Component, Listener, Runtime, Service
from dccemu_runtime.snapshots import Owner
from dccemu_runtime.timers import Timers

from .adapters.batch_items import BatchItems
from .adapters.batch_store import BatchStore
from .adapters.certificate_rows import certificate_fact
from .adapters.keystore import AuthorityKeys
from .adapters.parties import Parties
from .adapters.pkcs11_keys import Pkcs11Keys
from .adapters.software_keys import SoftwareKeys, sealing_key_of_file, sealing_key_of_passphrase
from .adapters.store import Store
from .entrypoints import admin, consumers, http, timers
from .entrypoints.announcer import Announcer
from .entrypoints.batch_worker import BatchWorker
from .settings import Settings
from .usecases import targets
from .usecases.context import TEST, Smki
from .usecases.establish import establish, missing
from .usecases.revoke import publish_first_lists

FactT = TypeVar("FactT", bound=Contract)
log = structlog.get_logger(__name__)
_MIGRATIONS = "dccemu_smki.adapters.migrations"


async def build(settings: Settings, runtime: Runtime) -> Service:
    """Build the service: database open and walked, hierarchy made, nothing running yet."""
    database = await Database.open(
        settings.database_url, settings.database_schema or "smki", migrations_package=_MIGRATIONS
    )
    try:
        return await _build(settings, runtime, database)
    except BaseException:
        await database.close()
        raise


async def _build(settings: Settings, runtime: Runtime, database: Database) -> Service:
    entropy = runtime.entropy_of("smki", database)
    vault = SoftwareKeys(database.pool, await asyncio.to_thread(_sealing_key, settings, entropy), entropy)
    smki = Smki(
        settings=settings,
        database=database,
        outbox=Outbox(database, runtime.bus),
        timers=Timers(database, runtime.clock),
        clock=runtime.clock,
        entropy=entropy,
        store=Store(database.pool),
        keys=await asyncio.to_thread(_authority_keys, settings, vault),
        vault=vault,
        parties=Parties(runtime.clock, _dcc(settings)),
        batches=BatchStore(database.pool),
        items=BatchItems(database.pool),
    )
    imported, roots = await asyncio.to_thread(_read_material, settings)
    await establish(smki, imported, roots)
    await publish_first_lists(smki)
    await targets.load(smki)
    journal = Journal(database)
    consumer = Consumer(runtime.bus, database, "smki")
    consumers.register(consumer, smki)
    timers.register(smki)
    owner = Owner(
        runtime.bus,
        "smki",
        {SMKI_CERTIFICATES: lambda: _certificates(smki), SMKI_REVOCATIONS: lambda: _revocations(smki)},
    )
    established = Established(smki)
    components: list[Component] = [
        _Closing(database, smki.keys),
        smki.outbox,
        owner,
        smki.timers,
        consumer,
        *_projections(smki, runtime),
        Announcer(runtime.bus, smki),
        BatchWorker(smki),
        consumers.RecoveryAnswers(runtime.bus, database, smki),
        established,
    ]
    return Service(
        name="smki",
        listeners=_listeners(settings, http.application(smki)),
        admin=admin.router(smki),
        journal=journal,
        components=components,
        conditions=[established.unmet],
    )


class Established:
    """Watches whether the DCC's own certificates are all there (checklist B8)."""

    def __init__(self, smki: Smki) -> None:
        self._smki = smki
        self._missing: list[str] = ["the certificate hierarchy"]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="smki established")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def unmet(self) -> str | None:
        return f"no certificate yet of: {', '.join(self._missing)}" if self._missing else None

    async def _watch(self) -> None:
        while self._missing:
            try:
                self._missing = await missing(self._smki)
            except OSError as error:
                log.warning("cannot tell what is established", error=repr(error))
            await asyncio.sleep(0.1)


class _Closing:
    """Stopped last: key store and database."""

    def __init__(self, database: Database, keys: AuthorityKeys) -> None:
        self._database = database
        self._keys = keys

    async def start(self) -> None:
        """Nothing: both were opened to build."""

    async def stop(self) -> None:
        await self._keys.close()
        await self._database.close()


def _listeners(settings: Settings, app: ASGIApp) -> list[Listener]:
    """The plain port, and one with mutual TLS where its three files are set."""
    made = [Listener("smki", app, host=settings.host, port=settings.http_port)]
    if settings.tls_certificate and settings.tls_key and settings.tls_client_ca:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        context.load_verify_locations(settings.tls_client_ca)
        made.append(Listener("smki_tls", app, host=settings.host, port=settings.tls_port, tls=context))
    return made


def _projections(smki: Smki, runtime: Runtime) -> list[Component]:
    """What the registration authority must know of Parties, Devices and registrations."""

    means = (smki.database, runtime.bus, runtime.clock, smki.entropy)
    parties = Projection(PartyFact, *means, requester="smki")
    devices = Projection(DeviceFact, *means, requester="smki", shelf=smki.parties.records)
    registrations = Projection(RegistrationFact, *means, requester="smki", shelf=smki.parties.registrations)
    parties.on_change(smki.parties.learn_party)
    devices.on_change(smki.parties.learn_device)
    return [parties, devices, registrations]


def _dcc(settings: Settings) -> dict[str, int | None]:
    return {
        settings.recovery_eui: RemotePartyRole.RECOVERY,
        settings.broker_eui: RemotePartyRole.ACCESS_CONTROL_BROKER,
        settings.cos_eui: RemotePartyRole.TRANSITIONAL_COS,
        settings.wan_provider_eui: RemotePartyRole.WAN_PROVIDER,
    }


def _authority_keys(settings: Settings, vault: SoftwareKeys) -> AuthorityKeys:
    if settings.key_store == "software":
        return vault
    return Pkcs11Keys(Path(settings.key_store), settings.key_store_token, settings.key_store_pin.get_secret_value())


def _sealing_key(settings: Settings, entropy: Entropy) -> bytes:
    passphrase = settings.key_passphrase.get_secret_value()
    if passphrase:
        return sealing_key_of_passphrase(passphrase)
    if settings.data_dir is not None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return sealing_key_of_file(settings.data_dir / "smki-sealing.key", entropy.child("sealing key"))
    log.warning("CA keys are sealed with a passphrase that everybody knows: set a data folder or a passphrase")
    return sealing_key_of_passphrase("TEST ONLY")


def _read_material(settings: Settings) -> tuple[Keystore | None, bytes | None]:
    imported = None if settings.keystore is None else keystore.load(settings.keystore)
    roots = None if settings.trusted_roots is None else settings.trusted_roots.read_bytes()
    return imported, roots


async def _certificates(smki: Smki) -> AsyncIterator[Contract]:
    at = smki.now()
    async for record in smki.store.each("hierarchy <> $1", TEST):
        yield certificate_fact(record, at)


async def _revocations(smki: Smki) -> AsyncIterator[Contract]:
    async for fact in smki.store.revocations():
        yield fact
