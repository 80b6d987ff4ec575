"""What the checks know about the world: facts of the other services, read from memory.

The gateway keeps projections of the facts that inventory and SMKI publish. Rules read them through this port and
never wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dccemu_contracts.device_index import InventoryKey
from dccemu_contracts.inventory import DeviceFact, ProductFact, RegistrationFact
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, Usage

from .firmware import OpenDistributions


@dataclass(frozen=True, slots=True)
class User:
    """A User ID with its Party and the entry status of each User Role (registration-and-parties.md section 3)."""

    eui: str
    party: str
    roles: Mapping[str, str] = field(default_factory=dict)
    remote_party_role: int | None = None
    receive_url: str | None = None
    suspended_services: tuple[str, ...] = ()
    is_gateway_user: bool = True
    active_roles: tuple[str, ...] = field(init=False)
    """Roles whose entry process is complete: only those may send."""

    def __post_init__(self) -> None:
        active = tuple(role for role, status in self.roles.items() if status == "Active")
        object.__setattr__(self, "active_roles", active)


class Directory(Protocol):
    """Facts at hand, all from memory."""

    def user(self, eui: str) -> User | None:
        """The User with that EUI-64 (upper case, hyphened)."""

    def device(self, eui: str) -> DeviceFact | None:
        """The inventory record of a Device."""

    def on_hub(self, hub: str) -> Iterable[DeviceFact]:
        """The Devices associated with a hub, without the hub itself."""

    def registration(self, mpxn: str) -> RegistrationFact | None:
        """All registrations of a meter point."""

    def entitled_role(
        self, user: str, roles: tuple[str, ...], device: DeviceFact, at: datetime, mpxns: tuple[str, ...] = ()
    ) -> str | None:
        """The role by which registration data entitle a User to a Device at an instant (contracts.entitlement)."""

    def entitled_throughout(
        self, user: str, roles: tuple[str, ...], device: DeviceFact, start: datetime, end: datetime
    ) -> bool:
        """Whether registration data entitle a User to a Device on every date of a period."""

    def products(self, firmware_version: str) -> Sequence[ProductFact]:
        """Entries of the Certified Products List with a firmware version, whatever their status."""

    @property
    def open_distributions(self) -> OpenDistributions:
        """Firmware distributions that are open, by Device."""

    def consent(self, user: str, srv: str, device: DeviceFact, at: datetime) -> str | None:
        """The consent of the Energy Consumer that covers a User's request, if one is recorded."""

    def read_inventory(self, key: InventoryKey) -> tuple[DeviceFact, ...]:
        """Devices for Read Inventory."""

    def signer(self, issuer: str, serial: int) -> SmkiCertificate | None:
        """A certificate by issuer name (any spelling of the same distinguished name) and serial number."""

    def certificates(self, eui: str, usage: str) -> Sequence[SmkiCertificate]:
        """Certificates of an owner for one key usage, newest first, good and bad."""

    def rely_on(
        self,
        certificate: SmkiCertificate,
        at: datetime,
        *,
        roles: Collection[int] | None = None,
        usage: Usage | None = None,
        owner: Eui64 | None = None,
    ) -> None:
        """Check validity, CRL, ARL, policy and purpose of a certificate (protocol.pki.check_path).

        Raises
        ------
        ProtocolError
            One of the ``CERTIFICATE_`` rules or ``ISSUER_REVOKED``.
        """
