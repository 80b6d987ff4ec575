"""The rules of 11.1 and 11.4 (service-request-processing.md section 13.6, inventory.md section 8).

The image is judged first, by the Certified Products List and, for meters, by the Supplier's signature over it; then
each Device by itself. One Device that takes the image is enough.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dccemu_contracts.inventory import DeviceFact, ProductFact
from dccemu_protocol.duis import text_of
from dccemu_protocol.duis.names import sr
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.firmware import MAX_IMAGE, UpgradeImage, decode
from dccemu_protocol.pki import Usage

from ..examination import Examination
from ..firmware import Cause, FirmwarePlan, LeftOut, by_cause
from ..refusal import Refusal

_IMAGE, _VERSION, _DEVICES = sr("FirmwareImage"), sr("FirmwareVersion"), sr("DeviceIDList")
_SUPPLIER = 2
_SOURCE = "service-request-processing.md 13.6"
_PPMID_SINCE = (4, 0)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the two services: Device types, and the names of the rules."""

    types: frozenset[str]
    size: str
    version: str
    hash: str
    no_device: str
    signature: str | None = None


_KINDS: Mapping[str, _Kind] = {
    "11.1": _Kind(
        frozenset({"ESME", "GSME", "SAPC"}),
        "FIRMWARE_IMAGE_SIZE",
        "FIRMWARE_VERSION",
        "FIRMWARE_HASH",
        "FIRMWARE_NO_DEVICE",
        "FIRMWARE_SIGNATURE",
    ),
    "11.4": _Kind(frozenset({"PPMID"}), "PPMID_IMAGE_SIZE", "PPMID_VERSION", "PPMID_HASH", "PPMID_NO_DEVICE"),
}
_COMMISSIONED = frozenset({"Commissioned", "Recovery", "Recovered"})


def update_firmware(examination: Examination) -> None:
    """24 for 11.1 and 11.4: the image is the listed one, and some Device of the list can take it."""
    kind = _KINDS[examination.service_request.srv]
    body = examination.submitted.body
    values = {child.tag: text_of(child) for child in body}
    octets = _octets(values[_IMAGE], kind)
    version = values[_VERSION].upper()
    image, listed = _judge(examination, kind, octets, version)
    _signed_by_the_sender(examination, kind, image)
    taking: list[str] = []
    left_out: list[LeftOut] = []
    for device in dict.fromkeys(eui.upper() for eui in values[_DEVICES].split(",")):
        found = _left_out(examination, kind, device, listed)
        if found is None:
            taking.append(device)
        else:
            left_out.append(LeftOut(device, *found))
    if not taking:
        raise Refusal(
            kind.no_device,
            expected="a Device of the list that can take the image",
            got=by_cause(left_out),
            place="DeviceIDList",
            source=_SOURCE,
        )
    examination.firmware = FirmwarePlan(octets, image.digest, version, tuple(taking), tuple(left_out))


def _octets(text: str, kind: _Kind) -> bytes:
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise Refusal(kind.size, expected="an image in base64", got=str(error), place="FirmwareImage") from None
    if not 0 < len(octets) <= MAX_IMAGE:
        raise Refusal(
            kind.size, expected=f"1 to {MAX_IMAGE} octets", got=f"{len(octets)} octets", place="FirmwareImage"
        )
    return octets


def _judge(
    examination: Examination, kind: _Kind, octets: bytes, version: str
) -> tuple[UpgradeImage, Sequence[ProductFact]]:
    """The image in its parts, and the Active entries of the list whose Manufacturer Image it holds."""
    entries = [one for one in examination.directory.products(version) if one.type in kind.types]
    active = [one for one in entries if one.status == "Active"]
    if not active:
        raise Refusal(
            kind.version,
            expected=f"an Active entry of the Certified Products List with firmware version {version}",
            got=", ".join(sorted(f"{one.model} {one.status}" for one in entries)) or "no entry",
            place="FirmwareVersion",
            source="inventory.md 8",
        )
    listed = {(one.image_hash or "").lower() for one in active} - {""}
    expected = f"a Manufacturer Image with the hash on the Certified Products List: {', '.join(sorted(listed)) or '-'}"
    try:
        image = decode(octets, signed=kind.signature is not None)
    except ProtocolError as error:
        raise Refusal(kind.hash, expected=expected, got=str(error), place="FirmwareImage", source=_SOURCE) from None
    fitting = [one for one in active if (one.image_hash or "").lower() == image.digest]
    if not fitting:
        raise Refusal(kind.hash, expected=expected, got=image.digest, place="FirmwareImage", source=_SOURCE)
    return image, fitting


def _signed_by_the_sender(examination: Examination, kind: _Kind, image: UpgradeImage) -> None:
    """A meter's image carries the Supplier's signature, which the meter verifies with its own Supplier cell."""
    if kind.signature is None:
        return
    directory, sender = examination.directory, examination.sender.eui
    tried: list[str] = []
    for certificate in directory.certificates(sender, Usage.DIGITAL_SIGNATURE.value):
        if certificate.role != _SUPPLIER:
            continue
        try:
            directory.rely_on(certificate, examination.at, roles=(_SUPPLIER,), usage=Usage.DIGITAL_SIGNATURE)
            image.verify(certificate.public_key)
        except ProtocolError as error:
            tried.append(f"{certificate.serial_hex}: {error.rule}")
        else:
            return
    raise Refusal(
        kind.signature,
        expected=f"a signature over the Manufacturer Image by a Supplier certificate of {sender}",
        got=", ".join(tried) or "no such certificate",
        place="FirmwareImage",
        source=_SOURCE,
    )


def _left_out(
    examination: Examination, kind: _Kind, device: str, listed: Sequence[ProductFact]
) -> tuple[Cause, str, str] | None:
    """Why a Device cannot take the image; None where it can."""
    directory, sender = examination.directory, examination.sender.eui
    fact = directory.device(device)
    if fact is None or fact.type not in kind.types:
        return Cause.INVALID, " or ".join(sorted(kind.types)), "not in the inventory" if fact is None else fact.type
    if directory.entitled_role(sender, examination.roles, fact, examination.at) is None:
        return Cause.INVALID, f"{sender} as Responsible Supplier", "no such registration"
    if not _is_commissioned(fact):
        return Cause.NOT_COMMISSIONED, "Commissioned, or Suspended out of it", str(fact.status)
    named = (fact.type, fact.manufacturer, fact.model)
    entry = next((one for one in listed if (one.type, one.manufacturer, one.model) == named), None)
    if entry is None:
        models = ", ".join(sorted(f"{one.manufacturer} {one.model}" for one in listed))
        return Cause.NOT_APPLICABLE, models, f"{fact.manufacturer} {fact.model}"
    open_one = directory.open_distributions.get(device)
    if open_one is not None:
        return Cause.IN_PROGRESS, "no other distribution open", open_one.request_id
    return _gbcs_version(examination, kind, fact, entry)


def _is_commissioned(fact: DeviceFact) -> bool:
    """A suspended Device may be what the image restores, if it was in service before."""
    return (fact.prior_status if fact.status == "Suspended" else fact.status) in _COMMISSIONED


def _gbcs_version(
    examination: Examination, kind: _Kind, fact: DeviceFact, entry: ProductFact
) -> tuple[Cause, str, str] | None:
    """11.1: no step back to an older GBCS version; 11.4: PPMID and hub know CS05c and CCS08, which came with 4.0."""
    if kind.signature is not None:
        if _numbers(entry.gbcs_version) < _numbers(fact.gbcs_version):
            return Cause.GBCS_VERSION, f"{fact.gbcs_version} or newer", str(entry.gbcs_version)
        return None
    hub = examination.directory.device(fact.hub or "")
    for one in (fact, hub):
        if one is not None and _numbers(one.gbcs_version) < _PPMID_SINCE:
            return Cause.GBCS_VERSION, f"GBCS 4.0 or newer on the {one.type}", str(one.gbcs_version)
    return None


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in (version or "0").split(".") if part.isdigit())
