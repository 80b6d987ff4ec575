"""The CoS Party on a real database and the in-process bus, with an SMKI hierarchy and Suppliers of the test's own."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.cos import CosDecision, CosRequest
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact
from dccemu_contracts.scenario import Scenario, parse_scenario
from dccemu_contracts.smki import CertificateFact, CertificateRequest, RevocationFact
from dccemu_contracts.topics import COS_COMMANDS, GATEWAY_ALERTS, SMKI_REQUESTS
from dccemu_cos_party.adapters.facts import Facts
from dccemu_cos_party.bootstrap import build
from dccemu_cos_party.settings import Settings
from dccemu_protocol import xmldsig
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, Usage, assemble, csr, parse, profiles, signer
from dccemu_protocol.pki.subjects import authority_name
from dccemu_runtime.bus import Message
from dccemu_runtime.http import problem
from dccemu_runtime.outbox import message_of
from dccemu_runtime.roles import drop
from dccemu_runtime.service import Runtime, Service

SCENARIOS = Path(__file__).parents[3] / "deploy" / "scenarios"
NAMESPACE = "http://www.dccinterface.co.uk/ServiceUserGateway"
START = datetime(2026, 1, 1, tzinfo=UTC)
SUPPLIER, SECOND = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
ESME = "00-DB-12-34-56-78-90-A0"
TEMPLATE = """<sr:Request xmlns:sr="{namespace}" schemaVersion="5.4"><sr:Header>
<sr:RequestID>{request_id}</sr:RequestID><sr:CommandVariant>{variant}</sr:CommandVariant>
<sr:ServiceReference>{reference}</sr:ServiceReference>
<sr:ServiceReferenceVariant>{srv}</sr:ServiceReferenceVariant></sr:Header>
<sr:Body><sr:UpdateSecurityCredentialsCoS>{execution}
<sr:SupplierFloorSeqNumber>{floor}</sr:SupplierFloorSeqNumber>{top_up_floor}
<sr:SupplierReplacementCertificates>{certificates}</sr:SupplierReplacementCertificates>
<sr:CertificationPathCertificates><sr:Certificate>{path}</sr:Certificate></sr:CertificationPathCertificates>
<sr:ApplyTimeBasedCPVChecks>{dates}</sr:ApplyTimeBasedCPVChecks><sr:ImportMPxN>{mpxn}</sr:ImportMPxN>
</sr:UpdateSecurityCredentialsCoS></sr:Body></sr:Request>"""


@dataclass
class Hierarchy:
    """An SMKI of the test's own: whatever it issues it publishes."""

    facts: list[CertificateFact] = field(default_factory=list)
    keys: dict[bytes, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    number: int = 1000

    def __post_init__(self) -> None:
        self.root_key, self.issuing_key = self.key(), self.key()
        name = authority_name("TESTROOT", 0)
        self.root = parse(
            assemble_with(
                profiles.root_content(name=name, key=self.root_key.public_key(), serial=self.serial(), start=START),
                self.root_key,
            )
        )
        content = profiles.issuing_content(
            issuer=self.root,
            name=authority_name("TESTISSUER", 7),
            key=self.issuing_key.public_key(),
            serial=self.serial(),
            start=START,
        )
        self.issuing = parse(assemble_with(content, self.root_key))
        self.publish(self.root)
        self.publish(self.issuing)

    def key(self) -> ec.EllipticCurvePrivateKey:
        self.number += 1
        return ec.derive_private_key(self.number, ec.SECP256R1())

    def serial(self) -> int:
        self.number += 1
        return (0x11 << 120) + self.number

    def publish(self, certificate: SmkiCertificate, status: str = "I", top_up: bool = False) -> CertificateFact:
        fact = CertificateFact.model_validate(
            {
                "id": f"{certificate.serial_hex}-{len(self.facts)}",
                "at": START,
                "version": len(self.facts) + 1,
                "serial": certificate.serial_hex,
                "issuer": certificate.issuer,
                "kind": certificate.kind.value,
                "eui": str(certificate.eui) if certificate.eui else None,
                "role": certificate.role,
                "usage": certificate.usage.value,
                "top_up": top_up,
                "status": status,
                "ski": certificate.ski.hex(),
                "der": certificate.der.hex(),
            }
        )
        self.facts.append(fact)
        return fact

    def issue(
        self,
        eui: str,
        role: int,
        usage: Usage = Usage.DIGITAL_SIGNATURE,
        *,
        key: ec.EllipticCurvePublicKey | None = None,
        top_up: bool = False,
        start: datetime = START,
        status: str = "I",
    ) -> SmkiCertificate:
        own = self.key()
        content = profiles.organisation_content(
            issuer=self.issuing,
            eui=Eui64.parse(eui),
            role=role,
            usage=usage,
            key=key or own.public_key(),
            serial=self.serial(),
            start=start,
        )
        certificate = parse(assemble_with(content, self.issuing_key))
        self.keys[certificate.point] = own
        self.publish(certificate, status, top_up)
        return certificate


def assemble_with(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    return assemble(content, signer(key)(content))


class Supplier:
    """A Supplier with its certificates: XML signing, digital signing, key agreement, top-up."""

    def __init__(self, smki: Hierarchy, eui: str) -> None:
        self.smki = smki
        self.eui = eui
        self.xml = smki.issue(eui, 135)
        self.certificates = {
            "DigitalSigningCertificate": smki.issue(eui, 2),
            "KeyAgreementCertificate": smki.issue(eui, 2, Usage.KEY_AGREEMENT),
            "KeyAgreementTopUpCertificate": smki.issue(eui, 2, Usage.KEY_AGREEMENT, top_up=True),
        }

    def document(self, number: int, device: str = ESME, **changes: Any) -> bytes:
        """A signed 6.23; ``changes`` replace values of the template or certificates by element name."""
        certificates = {**self.certificates, **changes.pop("certificates", {})}
        values = {
            "namespace": NAMESPACE,
            "request_id": f"{self.eui}:{device}:{number}",
            "variant": 1,
            "reference": "6.23",
            "srv": "6.23",
            "execution": "",
            "floor": 0,
            "top_up_floor": "<sr:SupplierPrepaymentTopUpFloorSeqNumber>0</sr:SupplierPrepaymentTopUpFloorSeqNumber>",
            "certificates": "".join(
                f"<sr:{name}>{base64.b64encode(certificate.der).decode()}</sr:{name}>"
                for name, certificate in certificates.items()
                if certificate is not None
            ),
            "path": base64.b64encode(self.smki.issuing.der).decode(),
            "dates": "true",
            "mpxn": "1312345678111",
        }
        signed_by = changes.pop("signed_by", self.xml)
        execution = changes.pop("at", None)
        if execution is not None:
            changes["execution"] = f"<sr:ExecutionDateTime>{execution}</sr:ExecutionDateTime>"
        text = TEMPLATE.format(**{**values, **changes}).encode()
        return xmldsig.sign(text, self.smki.keys[signed_by.point], signed_by.issuer, signed_by.serial)


def _holds(copy: Any, fact: Any) -> bool:
    held = copy.get(fact.key)
    return held is not None and held.version >= fact.version


class CosParty:
    """A running CoS Party and what its neighbours hear of it."""

    def __init__(self, service: Service, runtime: Runtime, smki: Hierarchy, eventually: Any) -> None:
        self.service = service
        self.runtime = runtime
        self.smki = smki
        self.eventually = eventually
        self.facts = next(part for part in service.components if isinstance(part, Facts))
        self.decisions: list[CosDecision] = []
        self.alerts: list[DccAlertOrder] = []
        self.supplier = Supplier(smki, SUPPLIER)
        self.second = Supplier(smki, SECOND)
        self.own: SmkiCertificate | None = None
        self._number = 1000
        app = FastAPI()
        problem.install(app)
        assert service.admin is not None
        app.include_router(service.admin)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://admin")
        self.ngi = httpx.AsyncClient(transport=httpx.ASGITransport(app=service.listeners[0].app), base_url="http://ngi")

    async def listen(self) -> None:
        async def decided(batch: Sequence[Message]) -> None:
            self.decisions += [CosDecision.from_bytes(message.value) for message in batch]

        async def alerted(batch: Sequence[Message]) -> None:
            self.alerts += [DccAlertOrder.from_bytes(message.value) for message in batch]

        async def asked(batch: Sequence[Message]) -> None:
            for message in batch:
                request = CertificateRequest.from_bytes(message.value)
                wanted = csr.read(bytes.fromhex(request.csr))
                assert wanted.role is not None
                self.own = self.smki.issue(str(wanted.eui), wanted.role, wanted.usage, key=wanted.public_key)
                await self.tell(self.smki.facts[-1])

        await self.runtime.bus.subscribe([COS_COMMANDS.name], "gateway", decided)
        await self.runtime.bus.subscribe([GATEWAY_ALERTS.name], "gateway", alerted)
        await self.runtime.bus.subscribe([SMKI_REQUESTS.name], "smki", asked)

    async def tell(self, *facts: Any) -> None:
        """Publish facts and wait until the CoS Party's own copies hold them."""
        await self.runtime.bus.publish([message_of(fact) for fact in facts])
        known = self.facts
        copies = {
            DeviceFact: known.devices,
            RegistrationFact: known.registrations,
            CertificateFact: known.certificates,
            RevocationFact: known.revocations,
            PartyFact: known.party_facts,
        }
        await self.eventually(lambda: all(_holds(copies[type(fact)], fact) for fact in facts))

    def next(self) -> int:
        self._number += 1
        return self._number

    async def ask(
        self, document: bytes, *, request_id: str | None = None, message_id: str | None = None
    ) -> CosDecision:
        """Hand a document over and wait for the decision."""
        text = document.decode()
        found = text.partition("RequestID>")[2].partition("<")[0]
        request_id = request_id or found
        before = len(self.of(request_id))
        message = CosRequest(
            id=message_id or f"message-{self.next()}",
            at=self.runtime.clock.now(),
            request_id=request_id,
            device=request_id.split(":")[1],
            document=text,
        )
        await self.runtime.bus.publish([message_of(message)])
        await self.eventually(lambda: len(self.of(request_id)) > before)
        return self.of(request_id)[-1]

    def of(self, request_id: str) -> list[CosDecision]:
        """The decisions on one request."""
        return [decision for decision in self.decisions if decision.request_id == request_id]

    async def register(self, mpxn: str, version: int, *spans: dict[str, Any], fuel: str = "electricity") -> None:
        """Publish new registrations of a meter point."""
        fact = RegistrationFact.model_validate(
            {
                "id": f"{mpxn}-{version}",
                "at": START,
                "version": version,
                "mpxn": mpxn,
                "fuel": fuel,
                "spans": spans,
            }
        )
        await self.tell(fact)

    async def revoke(self, certificate: SmkiCertificate) -> None:
        await self.tell(
            RevocationFact(
                id=f"revoked {certificate.serial_hex}",
                at=START,
                version=1,
                serial=certificate.serial_hex,
                issuer=certificate.issuer,
                revoked_at=START,
            )
        )


def scenario_facts(scenario: Scenario) -> list[Any]:
    products = {product.id: product for product in scenario.products}
    devices = [
        DeviceFact.model_validate(
            {
                **device.model_dump(exclude={"product", "recorded", "simulated", "credentials", "simulation"}),
                "id": device.device,
                "at": START,
                "version": 1,
                "gbcs_version": products[device.product].gbcs_version,
                "cells": scenario.cells(device),
            }
        )
        for device in scenario.devices
    ]
    points = [
        RegistrationFact.model_validate(
            {
                **point.model_dump(exclude={"registrations"}),
                "id": point.mpxn,
                "at": START,
                "version": 1,
                "spans": [registration.span() for registration in point.registrations],
            }
        )
        for point in scenario.meter_points
    ]
    return [*devices, *points]


@pytest.fixture
def cos_settings() -> dict[str, Any]:
    """Settings besides the common ones; tests may override."""
    return {}


@pytest_asyncio.fixture
async def cos_party(
    postgres_url: str, runtime: Runtime, eventually: Callable[..., Awaitable[None]], cos_settings: dict[str, Any]
) -> AsyncIterator[CosParty]:
    """A started, ready CoS Party that knows the published scenario."""
    schema = f"t_cos_{id(runtime):x}"
    values = {"evidence_patience": 0.0, **cos_settings}
    settings = Settings(database_url=postgres_url, database_schema=schema, **values)
    service = await build(settings, runtime)
    running = CosParty(service, runtime, Hierarchy(), eventually)
    await running.listen()
    await service.start()
    scenario = parse_scenario((SCENARIOS / "rtds.yaml").read_text("utf-8"))
    await running.tell(*running.smki.facts, *scenario_facts(scenario))
    await eventually(lambda: not service.unready())
    yield running
    await running.http.aclose()
    await running.ngi.aclose()
    await service.stop()
    await drop(postgres_url, schema)
