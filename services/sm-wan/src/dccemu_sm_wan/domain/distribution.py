"""What hub and Device make of an image that reaches them (service-request-processing.md section 13.6).

The hub looks at the head of the file (CCS08), a meter at its Supplier's signature (8F72, 8F1C), a PPMID activates what
it gets and says so (CS09). Layout and signature: ``dccemu_protocol.gbcs.firmware``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.firmware import UpgradeImage, decode
from dccemu_protocol.gbcs.respond import AlertOrder, DeviceFacts, Draft
from dccemu_protocol.gbcs.respond.keys import cell_key

from . import on_demand

VERIFIED, NOT_VERIFIED = 0x8F72, 0x8F1C
TRANSFERRED, NOT_TRANSFERRED = 0x8F8A, 0x8F89
ACTIVATED = 0x8F8B
HARDWARE_MISMATCH, TRANSFER_FAILED = 2, 3
_SUPPLIER, _BROKER = 2, 4
_METERS = frozenset({"ESME", "GSME", "SAPC"})
_ACTIVATION_FAILED = "012b"


class Stage(StrEnum):
    """Where an image is on its way."""

    WAITING = "waiting"
    TO_HUB = "to-hub"
    TO_DEVICE = "to-device"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An image as its receivers see it: the parts, or why there are none, and the hash of what came."""

    parts: UpgradeImage | None
    digest: str
    fault: str = ""

    @property
    def version(self) -> str:
        return "00000000" if self.parts is None else self.parts.version.lower()


def read_upgrade(octets: bytes, device_type: str) -> Upgrade:
    """Take an image apart as a Device of that type does."""
    try:
        parts = decode(octets, signed=device_type in _METERS)
    except ProtocolError as error:
        return Upgrade(None, hashlib.sha256(octets).hexdigest(), str(error))
    return Upgrade(parts, parts.digest)


def fits(facts: DeviceFacts, upgrade: Upgrade) -> bool:
    """Whether the head admits the Device's hardware version: the last four digits of its model (inventory.md 4)."""
    hardware = facts.model[4:]
    if upgrade.parts is None or len(facts.model) != 8:
        return True
    try:
        return upgrade.parts.fits_hardware(int(hardware, 16))
    except ValueError:
        return True


def transfer_alert(hub: DeviceFacts, state: Draft, device: str, version: str, result: int, at: datetime) -> AlertOrder:
    """CCS08: the hub tells the broker how the transfer to a Device ended."""
    code = NOT_TRANSFERRED if result else TRANSFERRED
    content = {"device": device, "version": version, "result": str(result)}
    return on_demand.order(hub, state, on_demand.Asked(code, _BROKER, content), at)


def receive(facts: DeviceFacts, state: Draft, upgrade: Upgrade, at: datetime) -> AlertOrder:
    """A Device has the image: a meter keeps what verifies, a PPMID runs it at once. Gives the Alert it sends."""
    if facts.type in _METERS:
        if _is_genuine(state, upgrade):
            state.put("firmware/image", {"hash": upgrade.digest, "version": upgrade.version})
            code = VERIFIED
        else:
            code = NOT_VERIFIED
        return on_demand.order(facts, state, on_demand.Asked(code, _SUPPLIER, {"hash": upgrade.digest}), at)
    failed = upgrade.parts is None or isinstance(state.record("failures").get(_ACTIVATION_FAILED), int)
    if not failed:
        state.put("firmware/version", upgrade.version)
    running = state.text("firmware/version", facts.firmware)
    content = {"version": running, "result": "1" if failed else "0"}
    return on_demand.order(facts, state, on_demand.Asked(ACTIVATED, _BROKER, content), at)


def _is_genuine(state: Draft, upgrade: Upgrade) -> bool:
    if upgrade.parts is None:
        return False
    try:
        upgrade.parts.verify(cell_key(state, _SUPPLIER, "digitalSignature"))
    except (ProtocolError, LookupError):
        return False
    return True
