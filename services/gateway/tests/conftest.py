"""A gateway with real PostgreSQL, in-process bus and frozen Clock, among fakes that do real cryptography.

The fake SMKI certifies keys in the true profiles, the fake Device checks MACs and signatures with keys of its own
and answers real GBCS, the fake User signs DUIS with its own keys and takes Responses on a real HTTP port.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from dccemu_contracts import topics
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact, RoleSpan, UserFact
from dccemu_contracts.smki import CertificateFact, CertificateRequest
from dccemu_contracts.trust_anchors import cells_of
from dccemu_contracts.wan import DeviceCommand, DeviceMessage
from dccemu_gateway.adapters.official_schema import load
from dccemu_gateway.bootstrap import compose
from dccemu_gateway.settings import Settings
from dccemu_gateway.usecases.gateway import Gateway
from dccemu_protocol.duis import parse_document, read_response
from dccemu_protocol.duis.response import DuisResponse
from dccemu_protocol.gbcs.crypto import add_mac, shared_secret, sign, verify_mac, verify_signature
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode, encode
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, Usage, assemble, csr, draw_serial, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name
from dccemu_protocol.xmldsig import XMLSigner, verify
from dccemu_runtime.bus import Message
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.http.server import Server
from dccemu_runtime.outbox import message_of
from dccemu_runtime.service import Runtime, Service, listen

START = datetime(2020, 1, 1, tzinfo=UTC)
SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
DCC = "90-B3-D5-1F-30-00-00-02"
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
RIVAL = "90-B3-D5-1F-30-03-00-00"
OTHER_USER = "00-DB-12-34-56-78-00-04"
COS = "90-B3-D5-1F-30-00-00-04"
ESME, GSME, CHF, GPF = (f"00-DB-12-34-56-78-90-A{n}" for n in range(4))
MPAN, MPRN = "2000000000006", "3938424403"
DS, KA = Usage.DIGITAL_SIGNATURE, Usage.KEY_AGREEMENT


class FakeSMKI:
    """Makes certificates in the profiles of the SMKI and publishes them as facts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._entropy = Entropy("fake smki")
        self._version = 0
        self.requests: list[CertificateRequest] = []
        root_key, issuing_key = self._entropy.private_key(), self._entropy.private_key()
        name = authority_name("TEST Root", 0)
        self.root = parse(
            assemble_with(
                root_key, profiles.root_content(name=name, key=root_key.public_key(), serial=self.serial(), start=START)
            )
        )
        self.issuing_key = issuing_key
        self.issuing = parse(
            assemble_with(
                root_key,
                profiles.issuing_content(
                    issuer=self.root,
                    name=authority_name("TEST Issuing", 7),
                    key=issuing_key.public_key(),
                    serial=self.serial(),
                    start=START,
                ),
            )
        )

    def serial(self) -> int:
        return draw_serial(self._entropy.octets)

    def key(self) -> ec.EllipticCurvePrivateKey:
        return self._entropy.private_key()

    def organisation(
        self, eui: str, role: int, usage: Usage, key: ec.EllipticCurvePublicKey, *, start: datetime = START
    ) -> SmkiCertificate:
        content = profiles.organisation_content(
            issuer=self.issuing,
            eui=Eui64.parse(eui),
            role=role,
            usage=usage,
            key=key,
            serial=self.serial(),
            start=start,
        )
        return parse(assemble_with(self.issuing_key, content))

    def device(self, eui: str, usage: Usage, key: ec.EllipticCurvePublicKey) -> SmkiCertificate:
        content = profiles.device_content(
            issuer=self.issuing, eui=Eui64.parse(eui), usage=usage, key=key, serial=self.serial(), start=START
        )
        return parse(assemble_with(self.issuing_key, content))

    def fact(self, certificate: SmkiCertificate, status: str = "I") -> CertificateFact:
        self._version += 1
        return CertificateFact(
            id=f"certificate {self._version}",
            at=self._runtime.clock.now(),
            version=self._version,
            serial=certificate.serial_hex,
            issuer=certificate.issuer,
            kind=certificate.kind.value,
            eui=None if certificate.eui is None else str(certificate.eui),
            role=certificate.role,
            usage=certificate.usage.value,
            status=status,  # type: ignore[arg-type]
            ski=certificate.ski.hex(),
            der=certificate.der.hex(),
        )

    async def publish(self, *certificates: SmkiCertificate) -> None:
        await self._runtime.bus.publish([message_of(self.fact(one)) for one in certificates])

    async def start(self) -> None:
        await self.publish(self.root, self.issuing)
        await self._runtime.bus.subscribe([topics.SMKI_REQUESTS.name], "smki", self._requested)

    async def _requested(self, batch: Sequence[Message]) -> None:
        for message in batch:
            request = CertificateRequest.from_bytes(message.value)
            self.requests.append(request)
            asked = csr.read(bytes.fromhex(request.csr))
            assert asked.role is not None
            await self.publish(self.organisation(str(asked.eui), asked.role, asked.usage, asked.public_key))


def assemble_with(key: ec.EllipticCurvePrivateKey, content: bytes) -> bytes:
    return assemble(content, signer(key)(content))


@dataclass
class FakeUser:
    """A User with XML, signing and agreement keys, and its Receive Response Service."""

    eui: str
    signer: XMLSigner
    xml: SmkiCertificate
    ds: ec.EllipticCurvePrivateKey
    ka: ec.EllipticCurvePrivateKey
    taken: list[bytes] = field(default_factory=list)
    status: int = 204

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:  # type: ignore[type-arg]
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.taken.append(body)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def sign_pre_command(self, payload: bytes) -> bytes:
        return encode(sign(decode(payload), self.ds))


@dataclass
class FakeDevice:
    """A Device: keeps the Commands it took, checks MAC (and signature), answers with a real Response."""

    eui: str
    ds: ec.EllipticCurvePrivateKey
    ka: ec.EllipticCurvePrivateKey
    taken: list[GbcsMessage] = field(default_factory=list)
    answers: bool = True

    def answer(self, command: GbcsMessage, reader: ec.EllipticCurvePublicKey) -> bytes:
        """All results good: DA, invoke id, no data, one result 0 for each; signed if the Command was."""
        invoke = b"\x20" + command.counter.to_bytes(8, "big")[-3:]
        payload = b"\xda" + invoke + bytes.fromhex("00000100010300")
        response = GbcsMessage(
            CRA.RESPONSE, command.counter, command.target, command.originator, command.other, payload, signature=b""
        )
        if command.signature:
            return encode(sign(response, self.ds))
        return encode(add_mac(response, shared_secret(self.ka, reader)))

    def alert(self, counter: int, target: str, code: int, extra: bytes = b"", items: int = 0) -> bytes:
        """A DLMS Alert, signed."""
        body = bytes.fromhex("0f20") + counter.to_bytes(8, "big")[-3:] + b"\x00\x02" + bytes([2 + items])
        body += b"\x12" + code.to_bytes(2, "big") + bytes.fromhex("090c07df0101ff000000008000ff") + extra
        message = GbcsMessage(
            CRA.ALERT,
            counter,
            Eui64.parse(self.eui),
            Eui64.parse(target),
            OtherInformation(0x00CC if extra else 0x1000),
            body,
        )
        return encode(sign(message, self.ds))


@dataclass
class World:
    """The gateway under test and all around it."""

    runtime: Runtime
    service: Service
    gateway: Gateway
    smki: FakeSMKI
    users: dict[str, FakeUser]
    devices: dict[str, FakeDevice]
    commands: list[DeviceCommand]
    http: httpx.AsyncClient
    urls: dict[str, str]
    settings: Settings
    stops: list[Callable[[], Awaitable[None]]]
    counter: int = 1000

    async def restart(self) -> None:
        """End the service and start another on the same database; ports change."""
        while self.stops:
            await self.stops.pop()()
        self.service, self.gateway = await compose(self.settings, self.runtime)
        await self.service.start()
        self.stops.append(self.service.stop)
        servers = {listener.name: await listen(listener) for listener in self.service.listeners}
        self.stops.extend(server.stop for server in servers.values())
        self.urls = {name: server.url for name, server in servers.items()}

    def gateway_authority(self) -> str:
        connections = next(part for part in self.service.components if hasattr(part, "authority_pem"))
        return connections.authority_pem()

    # -- the User's side ---------------------------------------------------------------------------------------------

    def request(
        self,
        srv: str,
        body: str,
        *,
        cv: int = 1,
        device: str = ESME,
        user: str = SUPPLIER,
        counter: int | None = None,
        reference: str | None = None,
        version: str = "5.4",
    ) -> bytes:
        """An unsigned Request."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        reference = reference or (srv if srv.count(".") == 1 else srv.rpartition(".")[0])
        return (
            f'<sr:Request xmlns:sr="{SR}" schemaVersion="{version}"><sr:Header>'
            f"<sr:RequestID>{user}:{device}:{counter}</sr:RequestID><sr:CommandVariant>{cv}</sr:CommandVariant>"
            f"<sr:ServiceReference>{reference}</sr:ServiceReference>"
            f"<sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant></sr:Header>"
            f"<sr:Body>{body}</sr:Body></sr:Request>"
        ).encode()

    def signed(self, document: bytes, user: str = SUPPLIER) -> bytes:
        return self.users[user].signer.sign(document)

    async def post(self, document: bytes, service: str = "S", **headers: str) -> httpx.Response:
        return await self.http.post(
            f"{self.urls['duis']}/api/v1/service{service}",
            content=document,
            headers={"content-type": "application/xml", **headers},
        )

    async def send(
        self, srv: str, body: str, *, service: str = "S", user: str = SUPPLIER, **how: object
    ) -> DuisResponse:
        """Sign, send, and read the synchronous answer."""
        document = self.request(srv, body, user=user, **how)  # type: ignore[arg-type]
        reply = await self.post(self.signed(document, user), service)
        assert reply.status_code == 200, reply.text
        return self.read(reply.content)

    def read(self, document: bytes) -> DuisResponse:
        """Read an answer; when it is signed the DCC's signature must verify."""
        root = parse_document(document)
        schema = official_answers()
        if schema is not None:
            schema.assertValid(root)
        if root.find("{http://www.w3.org/2000/09/xmldsig#}Signature") is not None:
            root = verify(root, self).root
        return read_response(root)

    def find(self, _issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None:
        for name, found in self.gateway_certificates().items():
            if found is not None and found.serial == serial and name == "dsp-xml":
                return found.public_key
        return None

    def gateway_certificates(self) -> dict[str, SmkiCertificate | None]:
        return self.gateway.keys.certificates()

    def taken(self, user: str = SUPPLIER) -> list[DuisResponse]:
        """What the User's Receive Response Service took."""
        return [self.read(document) for document in self.users[user].taken]

    def signed_pre_command(self, answer: DuisResponse, srv: str, cv: int = 5, *, payload: bytes | None = None) -> bytes:
        """The Signed Pre-Command of a Pre-Command, not yet signed as XML."""
        assert answer.request_id is not None
        assert answer.gbcs_payload is not None
        user = str(answer.request_id.originator)
        octets = self.users[user].sign_pre_command(answer.gbcs_payload) if payload is None else payload
        body = (
            f"<sr:SignedPreCommand><sr:GBCSPayload>{b64encode(octets).decode()}</sr:GBCSPayload></sr:SignedPreCommand>"
        )
        return self.request(
            srv, body, cv=cv, user=user, device=str(answer.request_id.target), counter=answer.request_id.counter
        )

    # -- the Device's side -------------------------------------------------------------------------------------------

    async def from_device(self, device: str, octets: bytes, kind: str = "response", **more: str) -> None:
        message = DeviceMessage(
            id=self.runtime.entropy.uuid(),
            at=self.runtime.clock.now(),
            device=device,
            kind=kind,  # type: ignore[arg-type]
            payload=octets.hex() or None,
            **more,
        )
        await self.runtime.bus.publish([message_of(message)])

    def check_command(self, command: DeviceCommand) -> GbcsMessage:
        """What a Device checks: the broker's MAC, and the signature if there is one."""
        message = decode(bytes.fromhex(command.payload))
        broker = self.gateway_certificates()["broker-ka"]
        assert broker is not None
        verify_mac(message, shared_secret(self.devices[command.device].ka, broker.public_key))
        if message.signature:
            verify_signature(message, self.users[str(message.originator)].ds.public_key())
        return message

    async def took_command(self, batch: Sequence[Message]) -> None:
        for one in batch:
            command = DeviceCommand.from_bytes(one.value)
            self.commands.append(command)
            device = self.devices[command.device]
            message = self.check_command(command)
            device.taken.append(message)
            if device.answers:
                reader = self.reader(message)
                await self.from_device(command.device, device.answer(message, reader), in_reply_to=command.id)

    def reader(self, command: GbcsMessage) -> ec.EllipticCurvePublicKey:
        if str(command.originator) == DCC:
            broker = self.gateway_certificates()["broker-ka"]
            assert broker is not None
            return broker.public_key
        return self.users[str(command.originator)].ka.public_key()

    # -- facts -------------------------------------------------------------------------------------------------------

    async def change_device(self, eui: str, **changes: object) -> None:
        """Publish a new version of a Device's record and wait until the gateway knows it."""
        directory = self.directory
        old = directory.device(eui)
        assert old is not None
        new = old.model_copy(update={"version": old.version + 1, "id": f"{eui} {old.version + 1}", **changes})
        await self.runtime.bus.publish([message_of(new)])
        for _ in range(2000):
            found = directory.device(eui)
            if found is not None and found.version == new.version:
                return
            await asyncio.sleep(0.001)
        pytest.fail("the gateway did not learn of the change")

    @property
    def directory(self):  # type: ignore[no-untyped-def]
        return self.gateway.directory

    @property
    def journal(self):  # type: ignore[no-untyped-def]
        return self.service.journal


def device_facts(now: datetime) -> list[DeviceFact]:
    def fact(eui: str, kind: str, **more: object) -> DeviceFact:
        holders = {1: "90-B3-D5-1F-30-00-00-01", 2: SUPPLIER, 4: DCC, 5: COS, 6: "90-B3-D5-1F-30-00-00-07"}
        return DeviceFact(
            id=f"{eui} 1",
            at=now,
            version=1,
            device=eui,
            type=kind,  # type: ignore[arg-type]
            status="Commissioned",
            manufacturer="10A4",
            model="00000001",
            firmware_version="0123ABCD",
            cpl_status="Active",
            gbcs_version="4.1",
            csp_region="North",
            cells=cells_of(kind, "4.1", holders),
            **more,  # type: ignore[arg-type]
        )

    return [
        fact(CHF, "CHF"),
        fact(ESME, "ESME", hub=CHF, import_mpxn=MPAN, esme_variant="A"),
        fact(GSME, "GSME", hub=CHF, import_mpxn=MPRN),
        fact(GPF, "GPF", hub=CHF, meters=(GSME,), import_mpxn=MPRN),
    ]


def party_facts(now: datetime, urls: dict[str, str]) -> list[PartyFact]:
    def party(name: str, user: str, roles: tuple[str, ...], role: int) -> PartyFact:
        fact = UserFact(
            user=user, roles=dict.fromkeys(roles, "Active"), remote_party_role=role, receive_url=urls.get(user)
        )
        return PartyFact(id=name, at=now, version=1, party=name, name=name, users=(fact,))

    return [
        party("SUPP", SUPPLIER, ("IS", "GS"), 2),
        party("RIVA", RIVAL, ("IS", "GS"), 2),
        party("OTHR", OTHER_USER, ("OU",), 127),
    ]


def registration_facts(now: datetime) -> list[RegistrationFact]:
    since = date(2024, 1, 1)
    return [
        RegistrationFact(
            id=mpxn,
            at=now,
            version=1,
            mpxn=mpxn,
            fuel=fuel,  # type: ignore[arg-type]
            spans=(RoleSpan(role=role, user=SUPPLIER, effective_from=since),),  # type: ignore[arg-type]
        )
        for mpxn, fuel, role in ((MPAN, "electricity", "IS"), (MPRN, "gas", "GS"))
    ]


MakeWorld = Callable[..., Awaitable[World]]


@pytest_asyncio.fixture
async def make_world(
    runtime: Runtime,
    open_database: Callable,  # type: ignore[type-arg]
    postgres_url: str,
) -> AsyncIterator[MakeWorld]:
    """``await make_world(**settings)``: everything built, started and ready."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def make(**settings: object) -> World:
        smki = FakeSMKI(runtime)
        users: dict[str, FakeUser] = {}
        urls: dict[str, str] = {}
        published: list[SmkiCertificate] = []
        for eui, role in ((SUPPLIER, 2), (RIVAL, 2), (OTHER_USER, 127)):
            xml_key, ds, ka = smki.key(), smki.key(), smki.key()
            xml = smki.organisation(eui, 135, DS, xml_key.public_key())
            published += [
                xml,
                smki.organisation(eui, role, DS, ds.public_key()),
                smki.organisation(eui, role, KA, ka.public_key()),
            ]
            user = FakeUser(eui, XMLSigner(xml_key, xml.issuer, xml.serial), xml, ds, ka)
            server = Server(user)  # type: ignore[arg-type]
            await server.start()
            stops.append(server.stop)
            users[eui], urls[eui] = user, f"{server.url}/smartdcc/duis"
        devices: dict[str, FakeDevice] = {}
        for eui in (ESME, GSME, CHF, GPF):
            ds, ka = smki.key(), smki.key()
            published += [smki.device(eui, DS, ds.public_key()), smki.device(eui, KA, ka.public_key())]
            devices[eui] = FakeDevice(eui, ds, ka)
        schema = (await open_database("gateway")).schema
        now = runtime.clock.now()
        given = {"http_port": 0, "tls_port": 0, "database_schema": f"{schema}_g", **settings}
        built = Settings(database_url=postgres_url, **given)  # type: ignore[arg-type]
        service, gateway = await compose(built, runtime)
        await smki.start()
        await smki.publish(*published)
        facts = [*device_facts(now), *party_facts(now, urls), *registration_facts(now)]
        await runtime.bus.publish([message_of(fact) for fact in facts])
        await service.start()
        own: list[Callable[[], Awaitable[None]]] = [service.stop]
        servers = {listener.name: await listen(listener) for listener in service.listeners}
        own.extend(server.stop for server in servers.values())
        http = httpx.AsyncClient(timeout=10)
        stops.append(http.aclose)
        urls_of_gateway = {name: server.url for name, server in servers.items()}
        world = World(runtime, service, gateway, smki, users, devices, [], http, urls_of_gateway, built, own)

        async def stop_gateway() -> None:
            while world.stops:
                await world.stops.pop()()

        stops.append(stop_gateway)
        await runtime.bus.subscribe([topics.SM_WAN_COMMANDS.name], "sm-wan", world.took_command)
        for _ in range(5000):
            if not service.unready() and len(world.directory.index) == 4 and world.directory.user(OTHER_USER):
                break
            await asyncio.sleep(0.002)
        else:
            pytest.fail(f"not ready: {service.unready()}")
        return world

    yield make
    for stop in reversed(stops):
        await stop()


@pytest_asyncio.fixture
async def world(make_world: MakeWorld) -> World:
    """The usual gateway."""
    return await make_world()


def _official_schema() -> Path | None:
    root = Path(__file__).resolve().parents[3]
    vectors = Path(os.environ.get("DCCEMU_VECTORS", root.parent / "shared" / "vectors"))
    return next(iter(sorted(vectors.glob("schema/DUIS*.xsd"))), None)


@pytest.fixture
def official_schema() -> Path:
    """The official DUIS schema among the reference vectors, where they are at hand."""
    found = _official_schema()
    if found is None:
        pytest.skip("the reference vectors are not here")
    return found


@cache
def official_answers() -> etree.XMLSchema | None:
    """The official schema compiled: every answer that a test reads is checked against it where it is at hand."""
    found = _official_schema()
    return None if found is None else load(found)
