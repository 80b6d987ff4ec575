"""The SMKI as a whole on a real PostgreSQL and the in-process bus, and clients of its ports."""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from dccemu_contracts.envelope import Contract
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact, RoleSpan, UserFact
from dccemu_contracts.smki import CertificateFact, CertificateRequest, RevocationFact
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, csr
from dccemu_runtime.bus import Message
from dccemu_runtime.http import app as applications
from dccemu_runtime.outbox import message_of
from dccemu_runtime.roles import drop
from dccemu_runtime.service import Runtime, Service
from dccemu_runtime.timers import Timer, Timers
from dccemu_smki import bootstrap
from dccemu_smki.entrypoints.batch_worker import BatchWorker
from dccemu_smki.settings import Settings
from dccemu_smki.usecases.context import Smki

ROOT = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("DCCEMU_VECTORS", ROOT / ".." / "shared" / "vectors"))
SUPPLIER, OTHER_SUPPLIER = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
NETWORK, MANUFACTURER = "90-B3-D5-1F-30-02-00-00", "90-B3-D5-1F-30-06-00-00"
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def vectors() -> Path:
    if not VECTORS.is_dir():
        pytest.skip(f"published vectors are not at {VECTORS}")
    return VECTORS


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def device_csr(number: int, device: str, usage: Usage = Usage.DIGITAL_SIGNATURE) -> bytes:
    return csr.build_device_csr(key(number), Eui64.parse(device), usage)


def base64_csr(number: int, device: str, usage: Usage = Usage.DIGITAL_SIGNATURE) -> str:
    return base64.b64encode(device_csr(number, device, usage)).decode()


def organisation_pem(number: int, eui: str = SUPPLIER, role: int = 2, usage: Usage = Usage.DIGITAL_SIGNATURE) -> bytes:
    """An organisation's CSR as a portal takes it."""
    der = csr.build_organisation_csr(key(number), Eui64.parse(eui), role, usage)
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)


@dataclass
class House:
    """A running SMKI with its neighbours played by the test."""

    service: Service
    runtime: Runtime
    client: httpx.AsyncClient
    admin: httpx.AsyncClient
    schema: str
    heard: list[Contract] = field(default_factory=list)
    version: int = 0

    async def publish(self, *contracts: Contract) -> None:
        await self.runtime.bus.publish([message_of(contract) for contract in contracts])

    @property
    def smki(self) -> Smki:
        """The parts of the service."""
        return next(part for part in self.service.components if isinstance(part, BatchWorker))._smki

    async def submit(self, body: bytes, party: str = "SUPPLIER1", **query: str) -> httpx.Response:
        """An Organisation CSR at the portal."""
        return await self.client.post("/portal/organisation-requests", params={"apikey": party, **query}, content=body)

    async def issued(self, body: bytes, party: str = "SUPPLIER1") -> str:
        """The serial of what came of an Organisation CSR that was approved."""
        number = (await self.submit(body, party)).json()["id"]
        answer = await self.admin.post(f"/admin/smki/requests/{number}", json={"approve": True})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["serial"])

    async def by_hand(self) -> None:
        """Batches go on only when a test says ``work_once``."""
        await next(part for part in self.service.components if isinstance(part, BatchWorker)).stop()

    def next_version(self) -> int:
        self.version += 1
        return self.version

    async def party(self, party: str, users: dict[str, list[str]], remote_party_role: int | None = None) -> None:
        await self.publish(
            PartyFact(
                id=uuid.uuid4().hex,
                at=self.runtime.clock.now(),
                version=self.next_version(),
                party=party,
                name=party,
                users=tuple(
                    UserFact(user=user, roles=dict.fromkeys(roles, "Active"), remote_party_role=remote_party_role)
                    for user, roles in users.items()
                ),
            )
        )

    async def device(self, device: str, kind: str, status: str | None, mpxn: str | None = None) -> None:
        await self.publish(
            DeviceFact.model_validate(
                {
                    "id": uuid.uuid4().hex,
                    "at": self.runtime.clock.now(),
                    "version": self.next_version(),
                    "device": device,
                    "type": kind,
                    "status": status,
                    "import_mpxn": mpxn,
                }
            )
        )

    async def registered(self, mpxn: str, fuel: str, role: str, user: str) -> None:
        span = RoleSpan.model_validate({"role": role, "user": user, "effective_from": "2015-01-01"})
        await self.publish(
            RegistrationFact.model_validate(
                {
                    "id": uuid.uuid4().hex,
                    "at": self.runtime.clock.now(),
                    "version": self.next_version(),
                    "mpxn": mpxn,
                    "fuel": fuel,
                    "spans": [span.model_dump()],
                }
            )
        )

    async def ask(self, requester: str, der: bytes, kind: str = "organisation") -> None:
        await self.publish(
            CertificateRequest.model_validate(
                {
                    "id": uuid.uuid4().hex,
                    "at": self.runtime.clock.now(),
                    "requester": requester,
                    "kind": kind,
                    "csr": der.hex(),
                }
            )
        )

    async def dcc_services(self) -> None:
        """The gateway and the CoS Party ask for their certificates, as they do at their start."""
        broker, cos = Eui64.parse("90-B3-D5-1F-30-00-00-02"), Eui64.parse("90-B3-D5-1F-30-00-00-04")
        await self.ask("gateway", csr.build_organisation_csr(key(901), broker, 4, Usage.DIGITAL_SIGNATURE))
        await self.ask("gateway", csr.build_organisation_csr(key(902), broker, 4, Usage.KEY_AGREEMENT))
        await self.ask("gateway", csr.build_organisation_csr(key(903), broker, 137, Usage.DIGITAL_SIGNATURE))
        await self.ask("cos-party", csr.build_organisation_csr(key(904), cos, 5, Usage.DIGITAL_SIGNATURE))

    async def timers(self) -> list[Timer]:
        """What is set to happen."""
        return await next(part for part in self.service.components if isinstance(part, Timers)).pending()

    def certificates(self) -> dict[str, CertificateFact]:
        """The newest fact of each certificate heard on the bus."""
        newest: dict[str, CertificateFact] = {}
        for fact in self.heard:
            if isinstance(fact, CertificateFact):
                known = newest.get(fact.key)
                if known is None or known.version < fact.version:
                    newest[fact.key] = fact
        return newest

    def revocations(self) -> list[RevocationFact]:
        return [fact for fact in self.heard if isinstance(fact, RevocationFact)]


Open = Callable[..., Awaitable[House]]


@pytest_asyncio.fixture
async def open_house(postgres_url: str, runtime: Runtime, tmp_path: Path) -> AsyncIterator[Open]:
    """``await open_house(enforce_rates=False, ...)``: an SMKI on a fresh schema; again: the same after a restart."""
    schema = f"t_{uuid.uuid4().hex[:10]}_smki"
    houses: list[House] = []
    heard: list[Contract] = []

    async def hear(batch: list[Message]) -> None:
        for message in batch:
            model = CertificateFact if message.topic == "smki.certificates.v1" else RevocationFact
            heard.append(model.from_bytes(message.value))

    async def opened(**options: Any) -> House:
        settings = Settings.model_validate(
            {"database_url": postgres_url, "database_schema": schema, "http_port": 0, "data_dir": tmp_path, **options}
        )
        service = await bootstrap.build(settings, runtime)
        await service.start()
        admin = applications.create("admin", unready=service.unready)
        assert service.admin is not None
        admin.include_router(service.admin)
        house = House(
            service,
            runtime,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(service.listeners[0].app, raise_app_exceptions=False),
                base_url="http://smki",
            ),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(admin, raise_app_exceptions=False), base_url="http://admin"
            ),
            schema,
            heard,
        )
        houses.append(house)
        return house

    listening = await runtime.bus.subscribe(["smki.certificates.v1", "smki.revocations.v1"], "test", hear, replay=True)
    yield opened
    for house in houses:
        await house.client.aclose()
        await house.admin.aclose()
        await house.service.stop()
    await listening.stop()
    await drop(postgres_url, schema)


@pytest_asyncio.fixture
async def house(open_house: Open, eventually: Eventually) -> House:
    """A minted SMKI whose neighbours have their certificates, with a Supplier, a network party and a manufacturer."""
    return await populated(await open_house(), eventually)


async def populated(made: House, eventually: Eventually) -> House:
    """Give a house its neighbours and Parties, and wait until they are known."""
    await made.dcc_services()
    await made.party("SUPPLIER1", {SUPPLIER: ["IS", "GS"]})
    await made.party("SUPPLIER2", {OTHER_SUPPLIER: ["IS"]})
    await made.party("NETWORK1", {NETWORK: ["ED"]})
    await made.party("MAKER1", {MANUFACTURER: ["OU"]})
    await eventually(lambda: not made.service.unready())
    parties = ("SUPPLIER1", "SUPPLIER2", "NETWORK1", "MAKER1")
    await eventually(lambda: all(made.smki.parties.applicant(party) for party in parties))
    return made
