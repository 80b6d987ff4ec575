"""A SM WAN with real PostgreSQL, in-process bus and frozen Clock, and the parties that talk to its Devices.

The parties' certificates are made in the true profiles by a hierarchy of the tests' own; the Devices' certificates are
issued on the requests that the service publishes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from dccemu_contracts import topics
from dccemu_contracts.smki import CertificateFact, CertificateRequest
from dccemu_contracts.wan import DeviceCommand, DeviceMessage
from dccemu_protocol.gbcs import crypto
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode, encode
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, Usage, assemble, csr, draw_serial, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name
from dccemu_runtime.bus import Message
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.groupcommit import GroupCommit
from dccemu_runtime.http import problem
from dccemu_runtime.outbox import message_of
from dccemu_runtime.service import Runtime, Service
from dccemu_sm_wan.bootstrap import build
from dccemu_sm_wan.settings import Settings
from dccemu_sm_wan.usecases.agenda import Agenda

SCENARIO = Path(__file__).resolve().parents[3] / "deploy" / "scenarios" / "demo.yaml"
DS, KA = Usage.DIGITAL_SIGNATURE, Usage.KEY_AGREEMENT
START = datetime(2020, 1, 1, tzinfo=UTC)
BROKER, COS, SUPPLIER, RIVAL = (
    "90b3d51f30000002",
    "90b3d51f30000004",
    "90b3d51f30010000",
    "90b3d51f30030000",
)
NETWORK_OPERATOR, LOAD_CONTROLLER = "90b3d51f30020000", "90b3d51f30010008"
ROLES = {
    "90b3d51f30000001": 1,
    BROKER: 4,
    COS: 5,
    "90b3d51f30000007": 6,
    SUPPLIER: 2,
    RIVAL: 2,
    NETWORK_OPERATOR: 3,
    LOAD_CONTROLLER: 8,
}


class Hierarchy:
    """Certificates of everybody, in the profiles of the SMKI."""

    def __init__(self, seed: str = "sm-wan tests") -> None:
        self.entropy = Entropy(seed)
        root_key, self.issuing_key = self.entropy.private_key(), self.entropy.private_key()
        self.root = self._made(
            root_key,
            profiles.root_content(
                name=authority_name("TEST Root", 0), key=root_key.public_key(), serial=self.serial(), start=START
            ),
        )
        self.issuing = self._made(
            root_key,
            profiles.issuing_content(
                issuer=self.root,
                name=authority_name("TEST Issuing", 7),
                key=self.issuing_key.public_key(),
                serial=self.serial(),
                start=START,
            ),
        )
        self.keys: dict[tuple[str, str], ec.EllipticCurvePrivateKey] = {}
        self.certificates: dict[tuple[str, str], SmkiCertificate] = {}
        self.top_up: dict[str, SmkiCertificate] = {}
        self._version = 0
        for eui, role in ROLES.items():
            for usage in (DS, KA):
                self.enrol(eui, role, usage)
            if role == 2:
                self.enrol(eui, role, KA, top_up=True)

    def serial(self) -> int:
        return draw_serial(self.entropy.octets)

    @staticmethod
    def _made(key: ec.EllipticCurvePrivateKey, content: bytes) -> SmkiCertificate:
        return parse(assemble(content, signer(key)(content)))

    def enrol(self, eui: str, role: int, usage: Usage, *, top_up: bool = False) -> SmkiCertificate:
        key = self.entropy.private_key()
        content = profiles.organisation_content(
            issuer=self.issuing,
            eui=Eui64.from_hex(eui),
            role=role,
            usage=usage,
            key=key.public_key(),
            serial=self.serial(),
            start=START,
        )
        certificate = self._made(self.issuing_key, content)
        if top_up:
            self.keys[eui, "top-up"], self.top_up[eui] = key, certificate
        else:
            self.keys[eui, usage.value], self.certificates[eui, usage.value] = key, certificate
        return certificate

    def device(self, request: csr.SigningRequest) -> SmkiCertificate:
        content = profiles.device_content(
            issuer=self.issuing,
            eui=request.eui,
            usage=request.usage,
            key=request.public_key,
            serial=self.serial(),
            start=START,
        )
        return self._made(self.issuing_key, content)

    def fact(self, certificate: SmkiCertificate, at: datetime, *, top_up: bool = False) -> CertificateFact:
        self._version += 1
        return CertificateFact(
            id=f"certificate {self._version}",
            at=at,
            version=self._version,
            serial=certificate.serial_hex,
            issuer=certificate.issuer,
            kind=certificate.kind.value,
            eui=None if certificate.eui is None else str(certificate.eui),
            role=certificate.role,
            usage=certificate.usage.value,
            top_up=top_up,
            status="I",
            ski=certificate.ski.hex().upper(),
            der=certificate.der.hex(),
        )


@dataclass
class Wan:
    """The running service, what it sent, and ways to speak to its Devices."""

    runtime: Runtime
    hierarchy: Hierarchy
    restart: Callable[[], Awaitable[None]]
    devices: dict[tuple[str, str], SmkiCertificate] = field(default_factory=dict)
    sent: list[DeviceMessage] = field(default_factory=list)
    taken: dict[str, bytes] = field(default_factory=dict)
    settings: Settings | None = None
    service: Service | None = None
    admin: httpx.AsyncClient | None = None
    status: httpx.AsyncClient | None = None
    alerts_ordered: list[Message] = field(default_factory=list)
    commands: int = 0

    def command(
        self,
        eui: str,
        code: int,
        payload: bytes,
        counter: int,
        originator: str = SUPPLIER,
        *,
        signer: str | None = None,
        on_behalf_of: tuple[str, int] | None = None,
        mac_by: str = BROKER,
    ) -> GbcsMessage:
        """A Command: signed by ``signer`` if there is one, with the broker's MAC."""
        party, party_counter = (None, None) if on_behalf_of is None else on_behalf_of
        other = OtherInformation(code, None if party is None else Eui64.from_hex(party), party_counter)
        message = GbcsMessage(
            CRA.COMMAND, counter, Eui64.from_hex(originator), Eui64.from_hex(eui), other, payload, signature=b""
        )
        if signer is not None:
            message = crypto.sign(message, self.hierarchy.keys[signer, "digitalSignature"])
        secret = crypto.shared_secret(
            self.hierarchy.keys[mac_by, "keyAgreement"], self.devices[eui, "keyAgreement"].public_key
        )
        return crypto.add_mac(message, secret)

    async def send(self, message: GbcsMessage | bytes, *, to: str | None = None, id: str | None = None) -> str:
        """Publish a DeviceCommand; its id."""
        self.commands += 1
        identity = id or f"command {self.commands}"
        octets = message if isinstance(message, bytes) else encode(message)
        target = to or (message.target.hex if isinstance(message, GbcsMessage) else "")
        command = DeviceCommand(
            id=identity,
            at=self.runtime.clock.now(),
            device=str(Eui64.from_hex(target)),
            payload=octets.hex(),
            request_id=f"request {identity}",
        )
        await self.runtime.bus.publish([message_of(command)])
        return identity

    def group(self) -> GroupCommit:
        """The service's writer."""
        return self.service.journal._database.group

    def pending(self) -> dict[tuple[str, str], datetime]:
        """Appointments of the service."""
        (agenda,) = (one for one in self.service.components if isinstance(one, Agenda))
        return agenda.pending()

    def answers(self, identity: str) -> list[DeviceMessage]:
        return [message for message in self.sent if message.in_reply_to == identity]

    def alerts(self, code: int | None = None) -> list[GbcsMessage]:
        found = [decode(bytes.fromhex(m.payload or "")) for m in self.sent if m.kind == "alert"]
        return [message for message in found if code is None or message.message_code == code]

    async def take(self, batch: Sequence[Message]) -> None:
        """Take each message once, as an inbox does; a repeat must be the same octets."""
        for message in batch:
            known = self.taken.setdefault(message.id, message.value)
            assert known == message.value
            if known is message.value:
                self.sent.append(DeviceMessage.from_bytes(message.value))

    async def issue(self, batch: Sequence[Message]) -> None:
        facts = []
        for message in batch:
            request = csr.read(bytes.fromhex(CertificateRequest.from_bytes(message.value).csr))
            if (request.eui.hex, request.usage.value) in self.devices:
                continue
            certificate = self.hierarchy.device(request)
            self.devices[request.eui.hex, request.usage.value] = certificate
            facts.append(self.hierarchy.fact(certificate, self.runtime.clock.now()))
        await self.runtime.bus.publish([message_of(fact) for fact in facts])

    def check(self, message: GbcsMessage, reader: str) -> None:
        """Verify the protection of a Response or Alert as its receiver does."""
        device = message.originator.hex
        if message.mac is not None:
            key = self.hierarchy.keys[reader, "keyAgreement"]
            crypto.verify_mac(message, crypto.shared_secret(key, self.devices[device, "keyAgreement"].public_key))
        else:
            crypto.verify_signature(message, self.devices[device, "digitalSignature"].public_key)

    def open(self, message: GbcsMessage, blob: bytes, reader: str) -> bytes:
        secret = crypto.shared_secret(
            self.hierarchy.keys[reader, "keyAgreement"],
            self.devices[message.originator.hex, "keyAgreement"].public_key,
        )
        return crypto.decrypt(blob, crypto.encryption_key(message, secret), message.originator)


@pytest_asyncio.fixture
async def wan(postgres_url, runtime, eventually, tmp_path) -> AsyncIterator[Wan]:
    """The service on the demonstration scenario, ready."""
    import uuid

    from dccemu_runtime.roles import drop

    schema = f"t_{uuid.uuid4().hex[:10]}_sm_wan"
    settings = Settings(database_url=postgres_url, database_schema=schema, scenario=SCENARIO, port=0)

    async def start() -> None:
        if wan.service is not None:
            await stop()
        wan.service = await build(settings, runtime)
        await wan.service.start()
        app = FastAPI()
        problem.install(app)
        app.include_router(wan.service.admin)
        wan.admin = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://admin")
        wan.status = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=wan.service.listeners[0].app), base_url="http://status"
        )
        await eventually(lambda: wan.service.unready() == [])

    async def stop() -> None:
        await wan.admin.aclose()
        await wan.status.aclose()
        await wan.service.stop()

    async def ordered(batch: Sequence[Message]) -> None:
        wan.alerts_ordered += batch

    wan = Wan(runtime, Hierarchy(), start, settings=settings)
    bus, hierarchy = runtime.bus, wan.hierarchy
    subscriptions = [
        await bus.subscribe([topics.SM_WAN_RESPONSES.name], "gateway", wan.take),
        await bus.subscribe([topics.SMKI_REQUESTS.name], "smki", wan.issue),
        await bus.subscribe([topics.GATEWAY_ALERTS.name], "gateway", ordered),
    ]
    now = runtime.clock.now()
    facts = [hierarchy.fact(one, now) for one in (hierarchy.root, hierarchy.issuing, *hierarchy.certificates.values())]
    facts += [hierarchy.fact(one, now, top_up=True) for one in hierarchy.top_up.values()]
    await bus.publish([message_of(fact) for fact in facts])
    await start()
    yield wan
    await stop()
    for subscription in subscriptions:
        await subscription.stop()
    await drop(postgres_url, schema)


@pytest.fixture
def parties() -> dict[str, str]:
    """EUI-64s by name."""
    return {
        "broker": BROKER,
        "cos": COS,
        "supplier": SUPPLIER,
        "rival": RIVAL,
        "network_operator": NETWORK_OPERATOR,
        "load_controller": LOAD_CONTROLLER,
    }
