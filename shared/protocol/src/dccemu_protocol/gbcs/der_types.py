"""The values of DER payloads (gbcs.md sections 8 and 10), named as the standard names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import TypeAlias

from ..identifiers import Eui64

CANCEL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Execution time that cancels a future-dated instruction."""


class KeyUsage(IntFlag):
    """Key usage bits of X.509, as the octet of the BIT STRING."""

    DIGITAL_SIGNATURE = 0x80
    KEY_AGREEMENT = 0x08
    KEY_CERT_SIGN = 0x04
    CRL_SIGN = 0x02


class Role(IntEnum):
    """Remote party roles."""

    ROOT = 0
    RECOVERY = 1
    SUPPLIER = 2
    NETWORK_OPERATOR = 3
    ACCESS_CONTROL_BROKER = 4
    TRANSITIONAL_COS = 5
    WAN_PROVIDER = 6
    ISSUING_AUTHORITY = 7
    LOAD_CONTROLLER = 8
    OTHER = 127


class CellUsage(IntEnum):
    """What a trust anchor cell's key agreement key is for."""

    MANAGEMENT = 0
    PREPAYMENT_TOP_UP = 1


class DeviceType(IntEnum):
    """Device types of device log entries and joins."""

    GSME = 0
    ESME = 1
    CHF = 2
    GPF = 3
    HCALCS = 4
    PPMID = 5
    TYPE_2 = 6


class JoinMethod(IntEnum):
    """How two Devices are joined."""

    METHOD_A_INITIATOR = 0
    METHOD_A_RESPONDER = 1
    METHOD_B = 2
    METHOD_C = 3


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate, kept as its octets."""

    der: bytes


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A PKCS#10 request, kept as its octets."""

    der: bytes


@dataclass(frozen=True, slots=True)
class TrustAnchorCell:
    """TACell: role, key usage and, for key agreement, what for."""

    role: int
    key_usage: KeyUsage
    cell_usage: int = CellUsage.MANAGEMENT


@dataclass(frozen=True, slots=True)
class CredentialDetailsRequest:
    """CS02a, CS02f Command."""

    authorising_cell: TrustAnchorCell
    roles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CredentialDetail:
    """One trust anchor of a remote party."""

    key_usage: KeyUsage
    cell_usage: int
    subject: Eui64
    subject_key_id: bytes


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """Part of the CS02a, CS02f Response: one role."""

    role: int
    status: int
    current_counter: int | None = None
    details: tuple[CredentialDetail, ...] | None = None


@dataclass(frozen=True, slots=True)
class PrepaymentFloor:
    """Floor of the prepayment top-up counter; ``kind`` is 0."""

    kind: int
    floor: int


@dataclass(frozen=True, slots=True)
class RoleFloor:
    """Counter floors of one role."""

    role: int
    floor: int
    prepayment: tuple[PrepaymentFloor, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReplacementControl:
    """CS02b Control; ``disapply_time_checks`` is 1 or absent."""

    mode: int
    plaintext_symmetric_key: bytes | None
    disapply_time_checks: int | None
    authorising_cell: TrustAnchorCell | None
    originator_counter: int
    floor: int | None = None
    prepayment_floors: tuple[PrepaymentFloor, ...] | None = None
    other_floors: tuple[RoleFloor, ...] | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A certificate and the cell it goes to."""

    certificate: Certificate
    cell: TrustAnchorCell


@dataclass(frozen=True, slots=True)
class UpdateSecurityCredentials:
    """CS02b, CS02g Command."""

    control: ReplacementControl
    replacements: tuple[Replacement, ...]
    path: tuple[Certificate, ...]
    execution: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReplacementResult:
    """What became of one cell."""

    cell: TrustAnchorCell
    status: int
    existing_subject: Eui64
    existing_key_id: bytes
    replacing_subject: Eui64
    replacing_key_id: bytes


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """Outcome of an executed CS02b, CS02g."""

    authorising_counter: int
    mode: int
    counter_changes: tuple[RoleFloor, ...]
    results: tuple[ReplacementResult, ...]


@dataclass(frozen=True, slots=True)
class UpdateCredentialsResponse:
    """CS02b, CS02g Response; the outcome only when executed at once."""

    received: None
    outcome: UpdateOutcome | None = None


@dataclass(frozen=True, slots=True)
class KeyUsageRequest:
    """CS02c, CS02e Command."""

    key_usage: KeyUsage


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """A Response that is one INTEGER; its meaning depends on the use case (gbcs.md section 9)."""

    code: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """ASN.1 NULL."""


@dataclass(frozen=True, slots=True)
class JoinDevice:
    """CS03 Command."""

    method: int
    device: Eui64
    device_type: int
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class UnjoinDevice:
    """CS04 Command."""

    device: Eui64


@dataclass(frozen=True, slots=True)
class ActivateFirmware:
    """CS06 Command."""

    hash: bytes
    originator_counter: int
    execution: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActivateFirmwareResult:
    """CS06 Response when executed, and part of its alert."""

    code: int
    version: bytes


@dataclass(frozen=True, slots=True)
class DeviceLogEntry:
    """One Device of a device log."""

    device: Eui64
    device_type: int


@dataclass(frozen=True, slots=True)
class DeviceLog:
    """CS07 Response; no entries when the read failed."""

    code: int
    entries: tuple[DeviceLogEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class FirmwareVersion:
    """CS08 Response; status 0 read, 1 failed."""

    version: bytes
    status: int


@dataclass(frozen=True, slots=True)
class SetTime:
    """GCS28 Command: the window the Device's new time lies in."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class SetTimeResult:
    """GCS28 Response; status 0 reliable, 1 invalid, 2 unreliable."""

    device_time: datetime
    status: int


@dataclass(frozen=True, slots=True)
class DeviceLogRestore:
    """GCS59 Command."""

    entries: tuple[DeviceLogEntry, ...]


@dataclass(frozen=True, slots=True)
class RestoredEntry:
    """One Device of the GCS59 Response and its join response code."""

    entry: DeviceLogEntry
    code: int


@dataclass(frozen=True, slots=True)
class DeviceLogRestoreResult:
    """GCS59 Response."""

    entries: tuple[RestoredEntry, ...]


@dataclass(frozen=True, slots=True)
class FirmwareActivationAlert:
    """Message code 00ca."""

    alert_code: int
    time: datetime
    originator_counter: int
    result: ActivateFirmwareResult


@dataclass(frozen=True, slots=True)
class CredentialsAlert:
    """Message codes 00cb and 0124."""

    alert_code: int
    time: datetime
    outcome: UpdateOutcome


@dataclass(frozen=True, slots=True)
class DeviceLogBackupAlert:
    """Message code 00b2 (GCS62)."""

    alert_code: int
    time: datetime
    entries: tuple[DeviceLogEntry, ...]


@dataclass(frozen=True, slots=True)
class FirmwareTransferAlert:
    """Message code 0128 (CCS08)."""

    alert_code: int
    time: datetime
    device: Eui64
    version: bytes
    code: int


@dataclass(frozen=True, slots=True)
class FirmwareResultAlert:
    """Message code 012b (CS09)."""

    alert_code: int
    time: datetime
    version: bytes
    result: int


@dataclass(frozen=True, slots=True)
class PlainAlert:
    """An alert without further content."""

    alert_code: int
    time: datetime


DerAlert: TypeAlias = (
    FirmwareActivationAlert
    | CredentialsAlert
    | DeviceLogBackupAlert
    | FirmwareTransferAlert
    | FirmwareResultAlert
    | PlainAlert
)
DerValue: TypeAlias = (
    CredentialDetailsRequest
    | tuple[RoleCredentials, ...]
    | UpdateSecurityCredentials
    | UpdateCredentialsResponse
    | KeyUsageRequest
    | Certificate
    | CertificationRequest
    | ResponseCode
    | Nothing
    | JoinDevice
    | UnjoinDevice
    | ActivateFirmware
    | ActivateFirmwareResult
    | DeviceLog
    | FirmwareVersion
    | SetTime
    | SetTimeResult
    | DeviceLogRestore
    | DeviceLogRestoreResult
    | DerAlert
)
