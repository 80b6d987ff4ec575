"""The CoS Party's own copies of facts: projections in its own schema, indexed in memory."""

from __future__ import annotations

import asyncio

import structlog

from dccemu_contracts.device_index import DeviceIndex
from dccemu_contracts.inventory import DeviceFact, PartyFact, RegistrationFact
from dccemu_contracts.shelf import Shelf
from dccemu_contracts.smki import CertificateFact, RevocationFact
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, TrustStore, Usage, parse, parse_serial
from dccemu_protocol.xmldsig import name_key
from dccemu_runtime.database import Database
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Runtime

log = structlog.get_logger(__name__)
NAME = "cos-party"


class Facts:
    """Implements the domain's ``Evidence``; a component of the service."""

    def __init__(self, database: Database, runtime: Runtime, *, enforce_dates: bool) -> None:
        devices, registrations = Shelf(DeviceFact), Shelf(RegistrationFact)
        self._records = DeviceIndex(devices, registrations)
        self._store = TrustStore(enforce_dates=enforce_dates)
        self._by_name: dict[tuple[object, int], tuple[SmkiCertificate, CertificateFact]] = {}
        self.parties: dict[str, PartyFact] = {}
        self._news = asyncio.Event()
        entropy = runtime.entropy_of(f"{NAME} projections", database)

        means = (database, runtime.bus, runtime.clock, entropy)
        self.devices = Projection(DeviceFact, *means, requester=NAME, shelf=devices)
        self.registrations = Projection(RegistrationFact, *means, requester=NAME, shelf=registrations)
        self.party_facts = Projection(PartyFact, *means, requester=NAME)
        self.certificates = Projection(CertificateFact, *means, requester=NAME)
        self.revocations = Projection(RevocationFact, *means, requester=NAME)
        self.devices.on_change(self._records.learn)
        for noticed in (self.devices, self.registrations):
            noticed.on_change(lambda _old, _new: self._notice())
        self.party_facts.on_change(lambda _old, new: self._tell(self._learn_party, new))
        self.certificates.on_change(lambda _old, new: self._tell(self._learn_certificate, new))
        self.revocations.on_change(lambda _old, new: self._tell(self._learn_revocation, new))

    @property
    def _projections(self) -> list[Projection]:  # type: ignore[type-arg]
        return [self.devices, self.registrations, self.party_facts, self.certificates, self.revocations]

    async def start(self) -> None:
        """Load and follow every projection."""
        for projection in self._projections:
            await projection.start()

    async def stop(self) -> None:
        for projection in reversed(self._projections):
            await projection.stop()

    def _tell(self, learn: object, fact: object) -> None:
        learn(fact)  # type: ignore[operator]
        self._notice()

    def _notice(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def changed(self, within: float) -> bool:
        """Wait for the next fact; False when none came in time (real seconds)."""
        try:
            async with asyncio.timeout(within):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _learn_party(self, fact: PartyFact) -> None:
        if fact.removed:
            self.parties.pop(fact.party, None)
        else:
            self.parties[fact.party] = fact

    def _learn_certificate(self, fact: CertificateFact) -> None:
        try:
            certificate = parse(bytes.fromhex(fact.der))
        except (ProtocolError, ValueError) as error:
            log.warning("certificate ignored", serial=fact.serial, error=str(error))
            return
        self._store.learn(certificate, pinned=fact.pinned, dated=fact.dated)
        self._by_name[name_key(certificate.issuer), certificate.serial] = (certificate, fact)

    def _learn_revocation(self, fact: RevocationFact) -> None:
        self._store.revoke(fact.issuer, parse_serial(fact.serial), fact.reason)

    @property
    def records(self) -> DeviceIndex:
        return self._records

    @property
    def store(self) -> TrustStore:
        return self._store

    def signer(self, issuer: str, serial: int) -> SmkiCertificate | None:
        found = self._by_name.get((name_key(issuer), serial))
        return None if found is None or found[1].status == "P" else found[0]

    def is_in_use(self, certificate: SmkiCertificate) -> bool:
        found = self._by_name.get((name_key(certificate.issuer), certificate.serial))
        return found is not None and found[0] == certificate and found[1].status == "I"

    def in_use(self, owner: Eui64, role: int, usage: Usage, *, top_up: bool = False) -> SmkiCertificate | None:
        candidates = [
            certificate
            for certificate, fact in self._by_name.values()
            if fact.status == "I"
            and certificate.eui == owner
            and certificate.role == role
            and certificate.usage is usage
            and fact.top_up is top_up
        ]
        return max(candidates, key=lambda certificate: certificate.not_before, default=None)

    def with_key(self, point: bytes, owner: Eui64) -> SmkiCertificate | None:
        """Give the certificate in use that carries a public key."""
        for certificate, fact in self._by_name.values():
            if fact.status == "I" and certificate.eui == owner and certificate.point == point:
                return certificate
        return None
