"""Which Devices have certificates in the SMKI repository: the inventory's own copy of that much."""

from __future__ import annotations

from dccemu_contracts.smki import CertificateFact
from dccemu_runtime.database import Database
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Runtime

_NEEDED = frozenset({"digitalSignature", "keyAgreement"})


class DeviceCertificates:
    """Follows the repository; a component of the service."""

    def __init__(self, database: Database, runtime: Runtime) -> None:
        self._usages: dict[str, set[str]] = {}
        entropy = runtime.entropy_of("inventory projections", database)
        self._facts: Projection[CertificateFact] = Projection(
            CertificateFact, database, runtime.bus, runtime.clock, entropy, requester="inventory"
        )
        self._facts.on_change(self._learn)

    def _learn(self, _old: CertificateFact | None, fact: CertificateFact) -> None:
        if fact.kind == "device" and fact.eui is not None and fact.status in ("I", "P"):
            self._usages.setdefault(fact.eui, set()).add(fact.usage)

    def has(self, eui: str) -> bool:
        """Whether a Device has certificates for signing and key agreement."""
        return self._usages.get(eui, set()) >= _NEEDED

    async def start(self) -> None:
        await self._facts.start()

    async def stop(self) -> None:
        await self._facts.stop()
