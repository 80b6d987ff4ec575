"""The gateway's own keys: broker digital signing and key agreement (role 04), DSP XML signing (role 137, OU ``89``).

They are made once, or taken from a key store (``--pki import``), kept in the gateway's schema and never leave it.
For each key without a certificate the gateway asks the SMKI with a signing request; until all three have one it is
not ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.smki import CertificateFact, CertificateRequest
from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, SmkiCertificate, Usage, csr, keystore, public_point
from dccemu_protocol.xmldsig import XMLSigner
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.keys import Keys
from dccemu_runtime.outbox import Outbox

from .directory import FactsDirectory


@dataclass(frozen=True, slots=True)
class _Purpose:
    name: str
    role: RemotePartyRole
    usage: Usage
    common_name: str


_SIGNING = _Purpose("broker-ds", RemotePartyRole.ACCESS_CONTROL_BROKER, Usage.DIGITAL_SIGNATURE, "TEST ONLY ACB")
_AGREEMENT = _Purpose("broker-ka", RemotePartyRole.ACCESS_CONTROL_BROKER, Usage.KEY_AGREEMENT, "TEST ONLY ACB")
_XML = _Purpose("dsp-xml", RemotePartyRole.DSP_XML_SIGNING, Usage.DIGITAL_SIGNATURE, "TEST ONLY DSP")
PURPOSES = (_SIGNING, _AGREEMENT, _XML)


class OwnKeys:
    """The three keys with their certificates."""

    def __init__(
        self,
        database: Database,
        directory: FactsDirectory,
        outbox: Outbox,
        clock: Clock,
        entropy: Entropy,
        broker: Eui64,
        source: Path | None,
    ) -> None:
        self._keys = Keys(database, entropy)
        self._database = database
        self._directory = directory
        self._outbox = outbox
        self._clock = clock
        self._entropy = entropy
        self._broker = broker
        self._source = source
        self._signer: XMLSigner | None = None

    async def start(self) -> None:
        """Load or make the keys; ask for certificates that are not known yet or have run out."""
        await self._keys.load()
        store = None if self._source is None else keystore.load(self._source)
        for purpose in PURPOSES:
            if self._keys.find(purpose.name) is None and store is not None:
                await self._take(store, purpose)
            await self._keys.ensure(purpose.name)
        now = self._clock.now()
        missing = [p for p in PURPOSES if (held := self._certificate(p)) is None or held.not_after < now]
        async with self._database.transaction() as connection:
            await self._outbox.add(connection, *(self._request(purpose) for purpose in missing))
        self._choose_signer()

    async def stop(self) -> None:
        """Nothing runs."""

    def unmet(self) -> str | None:
        """What keeps the gateway from being ready."""
        missing = [purpose.name for purpose in PURPOSES if self._certificate(purpose) is None]
        return f"no certificate yet for {', '.join(missing)}" if missing else None

    def learn_certificate(self, _old: CertificateFact | None, fact: CertificateFact) -> None:
        """A certificate became known: perhaps ours."""
        if fact.role == RemotePartyRole.DSP_XML_SIGNING:
            self._choose_signer()

    @property
    def broker(self) -> Eui64:
        return self._broker

    @property
    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        """Signs Commands of which the broker is the authorising party."""
        return self._key(_SIGNING)

    @property
    def agreement_key(self) -> ec.EllipticCurvePrivateKey:
        """Makes the secrets from which MACs of Commands come."""
        return self._key(_AGREEMENT)

    @property
    def signer(self) -> XMLSigner:
        """Signs Responses and Alerts."""
        if self._signer is None:
            raise EmulatorError("the DSP XML signing key has no certificate yet")
        return self._signer

    def certificates(self) -> dict[str, SmkiCertificate | None]:
        """The certificate of each key."""
        return {purpose.name: self._certificate(purpose) for purpose in PURPOSES}

    def _key(self, purpose: _Purpose) -> ec.EllipticCurvePrivateKey:
        key = self._keys.find(purpose.name)
        if key is None:
            raise EmulatorError(f"the key {purpose.name} is not loaded yet")
        return key

    def _certificate(self, purpose: _Purpose) -> SmkiCertificate | None:
        key = self._keys.find(purpose.name)
        if key is None:
            return None
        return self._directory.with_key(public_point(key.public_key()), str(self._broker), purpose.usage.value)

    def _choose_signer(self) -> None:
        certificate, key = self._certificate(_XML), self._keys.find(_XML.name)
        if certificate is not None and key is not None:
            self._signer = XMLSigner(key, certificate.issuer, certificate.serial)

    async def _take(self, store: Keystore, purpose: _Purpose) -> None:
        key = store.private_key(self._broker, purpose.usage, purpose.role)
        if key is not None:
            await self._keys.put(purpose.name, key)

    def _request(self, purpose: _Purpose) -> CertificateRequest:
        request = csr.build_organisation_csr(
            self._key(purpose), self._broker, purpose.role, purpose.usage, purpose.common_name
        )
        return CertificateRequest(
            id=self._entropy.uuid(),
            at=self._clock.now(),
            requester="gateway",
            kind="organisation",
            csr=request.hex(),
        )
