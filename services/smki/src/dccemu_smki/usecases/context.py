"""What every use case of the SMKI works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.envelope import Contract
from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.pki import Signer
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.timers import Timers

from ..adapters.batch_items import BatchItems
from ..adapters.batch_store import BatchStore
from ..adapters.certificate_rows import certificate_fact
from ..adapters.keystore import AuthorityKeys
from ..adapters.parties import Parties
from ..adapters.software_keys import SoftwareKeys
from ..adapters.store import Store
from ..domain.records import Authority, CertificateRecord, DeviceLot, DeviceMade
from ..settings import Settings

Announcement = tuple[DeviceLot, Sequence[DeviceMade]]
"""Device Certificates of a batch that were made together."""


def _nothing() -> None:
    """Until there is a worker to wake."""


async def _unheard(_announcement: Announcement) -> None:
    """Until there is somebody to announce."""


async def _nobody() -> None:
    """Until there is somebody to listen."""


LIVE, TEST, IMPORTED = "live", "test", "imported"


@dataclass(slots=True)
class Smki:
    """The service's parts. ``keys`` holds the CA keys, ``vault`` the DCC's own end-entity keys that live here."""

    settings: Settings
    database: Database
    outbox: Outbox
    timers: Timers
    clock: Clock
    entropy: Entropy
    store: Store
    keys: AuthorityKeys
    vault: SoftwareKeys
    parties: Parties
    batches: BatchStore
    items: BatchItems
    wake_batches: Callable[[], None] = _nothing
    announce: Callable[[Announcement], Awaitable[None]] = _unheard
    hear_devices: Callable[[], Awaitable[None]] = _nobody
    targets_in_force: bool = False
    is_established: bool = False
    last_ad_hoc: dict[str, datetime] = field(default_factory=dict)
    authorities: dict[str, Authority] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.clock.now()

    async def load_authorities(self) -> None:
        """Read the authorities anew, after a change of theirs."""
        self.authorities = {authority.name: authority for authority in await self.store.authorities()}

    def authority(self, duty: str, hierarchy: str = LIVE) -> Authority:
        """The authority that issues now in some duty.

        Raises
        ------
        EmulatorError
            When there is none: the hierarchy is not made yet.
        """
        found = [
            authority
            for authority in self.authorities.values()
            if authority.duty == duty
            and authority.hierarchy == hierarchy
            and authority.is_current
            and authority.key_name
        ]
        if not found:
            raise EmulatorError(f"there is no {duty} of the {hierarchy} hierarchy")
        return max(found, key=lambda authority: authority.name)

    async def sign_of(self, authority: Authority) -> Signer:
        """The signing function of an authority."""
        if authority.key_name is None:
            raise EmulatorError(f"{authority.name} is known by its certificate only: it cannot sign here")
        return await self.keys.signer(authority.key_name)

    async def publish(self, connection: PoolConnectionProxy, *records: CertificateRecord) -> None:
        """Tell the other services of these certificates. Test Certificates stay in the repository (checklist B12)."""
        at = self.now()
        facts: list[Contract] = [certificate_fact(record, at) for record in records if record.hierarchy != TEST]
        if facts:
            await self.outbox.add(connection, *facts)
