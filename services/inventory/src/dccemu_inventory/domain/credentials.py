"""The cache of what the trust anchor cells of a Device hold, and who is told when they change (inventory.md section 5).

Read from the request's replacement certificates and the statuses of the Device's Response, for 6.15.1, 6.21 and 6.23.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dccemu_contracts.inventory import DeviceFact, TrustAnchorCell
from dccemu_contracts.trust_anchors import (
    BROKER,
    COS,
    LOAD_CONTROLLER,
    NETWORK_OPERATOR,
    RECOVERY,
    ROOT,
    SUPPLIER,
    CellName,
)
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki.certificate import parse

from .bodies import Content, from_json
from .duties import certificate_replaced
from .ledger import Json, Ledger, meter_mpxns
from .transitions import Event, transition

ROLES: Mapping[str, int] = {
    "Root": ROOT,
    "Recovery": RECOVERY,
    "Supplier": SUPPLIER,
    "NetworkOperator": NETWORK_OPERATOR,
    "ACB": BROKER,
    "TransCoS": COS,
    "LoadController": LOAD_CONTROLLER,
}
"""DUIS RemotePartyRole to remote party role number."""

CertificateKind = Literal["DigitalSigning", "KeyAgreement", "KeyAgreementTopUp"]
_KINDS: Mapping[str, tuple[CertificateKind, Literal["digitalSignature", "keyAgreement"], int]] = {
    "DigitalSigningCertificate": ("DigitalSigning", "digitalSignature", 0),
    "KeyAgreementCertificate": ("KeyAgreement", "keyAgreement", 0),
    "KeyAgreementTopUpCertificate": ("KeyAgreementTopUp", "keyAgreement", 1),
}


@dataclass(frozen=True, slots=True)
class Replacement:
    """A certificate that went into a cell."""

    kind: CertificateKind
    cell: TrustAnchorCell
    hash: str


@dataclass(frozen=True, slots=True)
class CredentialUpdate:
    """One CS02b as the inventory sees it."""

    role_name: str
    replacements: tuple[Replacement, ...]
    floor: str | None
    top_up_floor: str | None


def read_update(srv: str, request: Content, statuses: list[int]) -> CredentialUpdate:
    """Read what 6.15.1, 6.21 or 6.23 put into the cells; a cell with a status other than 0 kept its old content."""
    prefix = "Supplier" if srv == "6.23" else "RemoteParty"
    role_name = "Supplier" if srv == "6.23" else request.text("RemotePartyRole")
    found = list(_certificates(request))
    replacements = []
    for place, (name, text) in enumerate(found):
        if place < len(statuses) and statuses[place] != 0:
            continue
        kind, usage, cell_usage = _KINDS[name]
        der = base64.b64decode("".join(text.split()))
        certificate = parse(der)
        cell = TrustAnchorCell(
            role=ROLES[role_name],
            usage=usage,
            cell_usage=cell_usage,
            eui=str(certificate.eui or ""),
            ski=certificate.ski.hex(),
            serial=certificate.serial_hex,
        )
        # The hash is the schema's SHA1 type: an identifier, not a protection.
        digest = base64.b64encode(hashlib.sha1(der, usedforsecurity=False).digest()).decode()
        replacements.append(Replacement(kind, cell, digest))
    floor = request.optional(f"{prefix}FloorSeqNumber")
    return CredentialUpdate(
        role_name, tuple(replacements), floor, request.optional(f"{prefix}PrepaymentTopUpFloorSeqNumber")
    )


def _certificates(request: Content) -> Iterator[tuple[str, str]]:
    """Give the certificates in the order of the schema, wherever the body nests them."""
    for name, value in request.values.items():
        if name in _KINDS and isinstance(value, str):
            yield name, value
        elif isinstance(value, dict) and name != "CertificationPathCertificates":
            yield from _certificates(from_json(name, value))


def credentials_updated(ledger: Ledger, device: DeviceFact, srv: str, update: CredentialUpdate) -> None:
    """Cells hold new certificates: the cache follows, and gaining and losing parties are told."""
    if not update.replacements:
        return
    role = ROLES[update.role_name]
    before = {_name(cell): cell for cell in device.cells}
    losing = {cell.eui for cell in device.cells if cell.role == role and cell.eui}
    after = before | {_name(item.cell): item.cell for item in update.replacements}
    changed = ledger.change(device, cells=tuple(after[name] for name in sorted(after)))
    gaining = {item.cell.eui for item in update.replacements}
    requester = {ledger.cause.user or ""}
    told = (gaining | losing) if srv == "6.23" else (gaining | losing) - requester
    users = frozenset(told) - _dcc(changed)
    ledger.alert("N42", "SecurityCredentialsUpdated", users, device.device, _updated_body(device, update))
    if srv == "6.23":
        body: dict[str, Json] = {
            "DeviceChangeOfSupplier": {
                "DeviceID": device.device,
                "DeviceType": device.type,
                "MPxNs": dict(meter_mpxns(_metered(ledger, changed))),
            }
        }
        ledger.alert("N27", "ChangeOfSupplier", losing - gaining - _dcc(changed), device.device, body)
    certificate_replaced(ledger, changed)
    # Row 21: done once the DCC's certificate is in none of the role's cells. What 6.21 left, 6.15.1 may finish,
    # and after a change of Supplier it is 6.23 that takes them.
    dcc = _dcc(changed)
    is_taken = bool(losing & dcc) and not any(cell.role == role and cell.eui in dcc for cell in changed.cells)
    if is_taken and transition(Event.HANDED_OVER, changed.status or "", changed.type):
        ledger.move(changed, Event.HANDED_OVER)


def recovered(ledger: Ledger, device: DeviceFact, cells: Iterable[TrustAnchorCell]) -> DeviceFact:
    """Cells hold what a Command of the Recovery key put there; the SMKI tells the User itself (N37, N39)."""
    after = {_name(cell): cell for cell in (*device.cells, *cells)}
    return ledger.change(device, cells=tuple(after[name] for name in sorted(after)))


def _name(cell: TrustAnchorCell) -> CellName:
    return CellName(cell.role, cell.usage, cell.cell_usage)


def _dcc(device: DeviceFact) -> frozenset[str]:
    """The DCC's own identifiers are not Users: nobody to tell."""
    return frozenset(cell.eui for cell in device.cells if cell.role in (ROOT, RECOVERY, BROKER, COS)) | {""}


def _metered(ledger: Ledger, device: DeviceFact) -> DeviceFact:
    """The record whose MPxNs stand for a Device: its own, or that of the meter it serves."""
    if device.import_mpxn or device.export_mpan:
        return device
    return next((meter for eui in device.meters if (meter := ledger.index.device(eui))), device)


def _updated_body(device: DeviceFact, update: CredentialUpdate) -> dict[str, Json]:
    body: dict[str, Json] = {"DeviceID": device.device, "RemotePartyRole": update.role_name}
    if update.floor is not None:
        change: dict[str, Json] = {"RemotePartyFloorSeqNumber": update.floor}
        if update.top_up_floor is not None:
            change["RemotePartyPrepaymentTopUpFloorSeqNumber"] = update.top_up_floor
        body["RemotePartySeqNumberChange"] = change
    body["Certificates"] = [
        {"CertificateType": item.kind, "CertificateHash": item.hash} for item in update.replacements[:3]
    ]
    return body


def device_key_usage(request: Content) -> bool:
    """Whether the Device Certificate of 6.15.2 is for digital signing.

    Raises
    ------
    ProtocolError
        ``CERTIFICATE_UNREADABLE``.
    """
    try:
        der = base64.b64decode("".join(request.text("DeviceCertificate").split()))
    except ValueError as error:
        raise ProtocolError("CERTIFICATE_UNREADABLE", "DeviceCertificate is not base64") from error
    return parse(der).usage.value == "digitalSignature"
