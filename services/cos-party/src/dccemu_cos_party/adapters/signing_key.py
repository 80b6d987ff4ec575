"""Where the CoS Party's signing key lives: its own schema, nowhere else.

Made at the first start, or taken from a key store (``--pki import``): of the entries of role 05 the first whose key is
there. Until the SMKI shows a certificate in use for it, the service asks with a signing request and is not ready.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.smki import CertificateRequest
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import RemotePartyRole, SmkiCertificate, Usage, csr, keystore, public_point
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.keys import Keys
from dccemu_runtime.outbox import Outbox

from .facts import NAME, Facts

_KEY = "cos-ds"


class SigningKey:
    """The key with its certificate; a component of the service."""

    def __init__(
        self,
        database: Database,
        facts: Facts,
        outbox: Outbox,
        clock: Clock,
        entropy: Entropy,
        eui: Eui64,
        source: Path | None,
    ) -> None:
        self._keys = Keys(database, entropy)
        self._database = database
        self._facts = facts
        self._outbox = outbox
        self._clock = clock
        self._entropy = entropy
        self._eui = eui
        self._source = source

    async def prepare(self) -> ec.EllipticCurvePrivateKey:
        """Load, take over or make the key."""
        await self._keys.load()
        if self._keys.find(_KEY) is None and self._source is not None:
            taken = keystore.load(self._source).private_key(
                self._eui, Usage.DIGITAL_SIGNATURE, RemotePartyRole.TRANSITIONAL_COS
            )
            if taken is not None:
                await self._keys.put(_KEY, taken)
        return await self._keys.ensure(_KEY)

    async def start(self) -> None:
        """Ask for a certificate if none is known yet, or it has run out."""
        held = self.certificate()
        if held is not None and held.not_after >= self._clock.now():
            return
        key = await self._keys.ensure(_KEY)
        request = csr.build_organisation_csr(
            key, self._eui, RemotePartyRole.TRANSITIONAL_COS, Usage.DIGITAL_SIGNATURE, "TEST ONLY CoS"
        )
        asked = CertificateRequest(
            id=self._entropy.uuid(), at=self._clock.now(), requester=NAME, kind="organisation", csr=request.hex()
        )
        async with self._database.transaction() as connection:
            await self._outbox.add(connection, asked)

    async def stop(self) -> None:
        """Nothing runs."""

    def certificate(self) -> SmkiCertificate | None:
        """Give the certificate in use of the key."""
        key = self._keys.find(_KEY)
        if key is None:
            return None
        return self._facts.with_key(public_point(key.public_key()), self._eui)

    def unmet(self) -> str | None:
        """What keeps the service from being ready."""
        return None if self.certificate() is not None else "no certificate yet for the CoS Party's signing key"
