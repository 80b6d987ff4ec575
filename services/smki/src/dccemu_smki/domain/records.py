"""What the SMKI keeps of a certificate and of a certificate authority."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, RemotePartyRole, SmkiCertificate, Usage, serial_text

from .lifecycle import Status


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority. ``key_name`` is absent where only its certificate is known."""

    name: str
    hierarchy: str
    duty: str
    certificate: SmkiCertificate
    key_name: str | None
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One certificate of the repository."""

    issuer: str
    serial: int
    kind: Kind
    eui: Eui64 | None
    role: int | None
    usage: Usage
    status: Status
    ski: bytes
    der: bytes
    not_after: datetime
    issued_at: datetime
    party: str | None
    hierarchy: str
    version: int
    top_up: bool = False
    pinned: bool = False
    dated: bool = True
    manufacturing: bool = False

    @property
    def serial_hex(self) -> str:
        return serial_text(self.serial)


class DeviceWish(NamedTuple):
    """What a Device's CSR asked for, the proof of possession behind it."""

    eui: Eui64
    usage: Usage
    point: bytes
    hardware_type: str


@dataclass(frozen=True, slots=True)
class OpenItems:
    """Items of a batch that are still to be dealt with, in order of position: columns of one length.

    By the ten thousand, an object for each costs more than what it holds. Device IDs are 8 octets, usages the words
    of the standard (``Usage``), points 65 octets.
    """

    positions: Sequence[int]
    devices: Sequence[bytes]
    usages: Sequence[str]
    points: Sequence[bytes]
    hardware_types: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes, str, bytes, str]]) -> OpenItems:
        """From rows with these five values."""
        return cls(*zip(*rows, strict=True)) if rows else cls((), (), (), (), ())

    def __len__(self) -> int:
        return len(self.positions)

    def without(self, positions: Container[int]) -> OpenItems:
        """The items at other positions."""
        rows = zip(self.positions, self.devices, self.usages, self.points, self.hardware_types, strict=True)
        return self.of([row for row in rows if row[0] not in positions])


@dataclass(frozen=True, slots=True)
class DeviceLot:
    """What the Device Certificates of a batch that are made at one time have in common."""

    issuer: str
    status: Status
    at: datetime
    party: str
    hierarchy: str


class DeviceMade(NamedTuple):
    """One Device Certificate of a lot: what is its own, and its row for the repository."""

    serial: bytes
    eui: bytes
    usage: str
    ski: bytes
    version: int
    der: bytes
    row: bytes


def key_digest(point: bytes) -> bytes:
    """Sixteen octets that stand for a public key."""
    return hashlib.sha256(point).digest()[:16]


def key_owner(kind: Kind, eui: Eui64, role: int | None) -> bytes:
    """Whose key it is: an organisation in one role, or a Device."""
    return eui.octets + (b"" if kind is Kind.DEVICE or role is None else bytes([role]))


def own_key_name(role: int, usage: Usage) -> str:
    """The name in the vault of a key of the DCC that lives in this service."""
    return f"{RemotePartyRole(role).name.lower()} {usage.short}"


# The certificates that the DCC must hold and lodge before anything else (SEC stage 4, 188; checklist B8), as
# (name, kind, role, usage). Root and issuing CAs of both trees, Recovery, Broker, WAN Provider, CoS Party.
DCC_CERTIFICATES: tuple[tuple[str, Kind, int | None, Usage], ...] = (
    ("Root OCA", Kind.ROOT, RemotePartyRole.ROOT, Usage.CERTIFICATE_SIGNING),
    ("Issuing OCA", Kind.ISSUING, RemotePartyRole.ISSUING_AUTHORITY, Usage.CERTIFICATE_SIGNING),
    ("Root DCA", Kind.ROOT, None, Usage.CERTIFICATE_SIGNING),
    ("Issuing DCA", Kind.ISSUING, None, Usage.CERTIFICATE_SIGNING),
    ("Recovery DS", Kind.ORGANISATION, RemotePartyRole.RECOVERY, Usage.DIGITAL_SIGNATURE),
    ("Access Control Broker DS", Kind.ORGANISATION, RemotePartyRole.ACCESS_CONTROL_BROKER, Usage.DIGITAL_SIGNATURE),
    ("Access Control Broker KA", Kind.ORGANISATION, RemotePartyRole.ACCESS_CONTROL_BROKER, Usage.KEY_AGREEMENT),
    ("WAN Provider DS", Kind.ORGANISATION, RemotePartyRole.WAN_PROVIDER, Usage.DIGITAL_SIGNATURE),
    ("WAN Provider KA", Kind.ORGANISATION, RemotePartyRole.WAN_PROVIDER, Usage.KEY_AGREEMENT),
    ("Transitional CoS DS", Kind.ORGANISATION, RemotePartyRole.TRANSITIONAL_COS, Usage.DIGITAL_SIGNATURE),
)
