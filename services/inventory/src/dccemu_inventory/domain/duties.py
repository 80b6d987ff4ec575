"""Post-commissioning duties (inventory.md section 7): what is owed within seven days of commissioning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.trust_anchors import NETWORK_OPERATOR

from .ledger import DutyMark, Ledger

TERM = timedelta(days=7)
NETWORK_CERTIFICATES = "network operator certificates"
ORGANISATION_CERTIFICATE = "an Organisation Certificate replaced"
SIGNING_KEY = "digital signing key regenerated"
AGREEMENT_KEY = "key agreement key regenerated"
DEVICE_CERTIFICATES = "Device Certificates in the repository"

DUTIES: Mapping[str, tuple[str, ...]] = {
    "ESME": (NETWORK_CERTIFICATES, ORGANISATION_CERTIFICATE, SIGNING_KEY, AGREEMENT_KEY),
    "GSME": (ORGANISATION_CERTIFICATE, SIGNING_KEY, AGREEMENT_KEY),
    "GPF": (NETWORK_CERTIFICATES, ORGANISATION_CERTIFICATE, SIGNING_KEY, AGREEMENT_KEY),
    "CHF": (ORGANISATION_CERTIFICATE, SIGNING_KEY, AGREEMENT_KEY),
}
"""Duties by Device type; those on CHF are the DCC's, the others the Supplier's."""


def open_duties(ledger: Ledger, device: DeviceFact) -> None:
    """A Device became Commissioned: its duties begin."""
    for duty in DUTIES.get(device.type, ()):
        ledger.duties.append(DutyMark(device.device, duty, done=False))
    check_network_cells(ledger, device)


def certificate_replaced(ledger: Ledger, device: DeviceFact) -> None:
    """A CS02b succeeded, which proves that the Root is the real one."""
    ledger.duties.append(DutyMark(device.device, ORGANISATION_CERTIFICATE, done=True))
    check_network_cells(ledger, device)


def key_regenerated(ledger: Ledger, device: DeviceFact, *, signing: bool) -> None:
    """A new Device Certificate was placed."""
    ledger.duties.append(DutyMark(device.device, SIGNING_KEY if signing else AGREEMENT_KEY, done=True))


def check_network_cells(ledger: Ledger, device: DeviceFact) -> None:
    """Compare the network operator's cells with the party registered: equal, the duty is done; else a note says how.

    A live problem was that one ESME in ten held the wrong network operator's certificates (section 7): a warning only.
    """
    if NETWORK_CERTIFICATES not in DUTIES.get(device.type, ()) or device.commissioned_on is None:
        return
    held = {cell.eui for cell in device.cells if cell.role == NETWORK_OPERATOR}
    registered = ledger.networks(device)
    if held and held <= registered:
        ledger.duties.append(DutyMark(device.device, NETWORK_CERTIFICATES, done=True))
    elif registered:
        note = f"cells hold {', '.join(sorted(held)) or 'nobody'}, registered is {', '.join(sorted(registered))}"
        ledger.duties.append(DutyMark(device.device, NETWORK_CERTIFICATES, done=False, note=note))


def check_device_certificates(ledger: Ledger, has_certificates: Callable[[str], bool]) -> None:
    """Flag Devices that became Commissioned without the certificates that their type must hold (checklist B9)."""
    for entry in ledger.history:
        if entry.new == "Commissioned" and not has_certificates(entry.device):
            note = "commissioned without certificates for signing and key agreement"
            ledger.duties.append(DutyMark(entry.device, DEVICE_CERTIFICATES, done=False, note=note))
