"""What the CoS Party judges by: its own copies of inventory, registration data and the SMKI's publications."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from dccemu_contracts.device_index import DeviceIndex
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, TrustStore, Usage


class Evidence(Protocol):
    """The CoS Party's own data, never the gateway's."""

    @property
    def records(self) -> DeviceIndex: ...

    @property
    def store(self) -> TrustStore: ...

    def signer(self, issuer: str, serial: int) -> SmkiCertificate | None:
        """Give the certificate of the repository with that issuer and serial."""
        ...

    def is_in_use(self, certificate: SmkiCertificate) -> bool:
        """Whether the repository shows exactly this certificate as in use."""
        ...

    def in_use(self, owner: Eui64, role: int, usage: Usage, *, top_up: bool = False) -> SmkiCertificate | None:
        """Give the certificate in use of an owner."""
        ...


Now = Callable[[], datetime]
