"""Firmware upgrades: the image that a Supplier signs, and the requests 11.1, 11.4 and 11.3 around it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from dccemu_protocol.duis import write_date_time
from dccemu_protocol.gbcs import firmware
from dccemu_protocol.gbcs.firmware import UpgradeImage, decode

from .identity import Identity

_SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
_BROKER = "90-B3-D5-1F-30-00-00-02"
_NOBODY = "00-00-00-00-00-00-00-00"


def meter_image(supplier: Identity, software: bytes, version: str, hardware: tuple[int, int] | None = None) -> bytes:
    """The upgrade image of a meter: a Manufacturer Image with the Supplier's signature over it.

    Parameters
    ----------
    version
        The firmware version that the meter will run, eight hexadecimal digits.
    hardware
        Lowest and highest hardware version that the image is for; None for any.
    """
    sign = firmware.signing_with(supplier.gbcs_key)
    return firmware.build(software, version, sign=sign, hardware=hardware)


def unsigned_image(software: bytes, version: str, hardware: tuple[int, int] | None = None) -> bytes:
    """The upgrade image of a PPMID or a Communications Hub, which nobody but its manufacturer signs."""
    return firmware.build(software, version, hardware=hardware)


def image_hash(image: bytes, *, signed: bool = True) -> str:
    """SHA-256 of the Manufacturer Image in an upgrade image: what the Certified Products List holds and 11.3 names."""
    return read_image(image, signed=signed).digest


def read_image(image: bytes, *, signed: bool = True) -> UpgradeImage:
    """Take an upgrade image apart; ``signed`` for that of a meter."""
    return decode(image, signed=signed)


def update_firmware(image: bytes, version: str, devices: Sequence[str], *, dcc: str = _BROKER) -> bytes:
    """An unsigned 11.1: distribute an image to meters."""
    return _request("11.1", 8, dcc, "UpdateFirmware", _distribution(image, version, devices))


def update_ppmid_firmware(image: bytes, version: str, devices: Sequence[str], *, dcc: str = _BROKER) -> bytes:
    """An unsigned 11.4: distribute an image to PPMIDs, which run it at once."""
    return _request("11.4", 8, dcc, "UpdatePPMIDFirmware", _distribution(image, version, devices))


def activate_firmware(device: str, digest: str, at: datetime | None = None) -> bytes:
    """An unsigned 11.3: let a meter run the image it holds, now or at a later time."""
    when = {} if at is None else {"ExecutionDateTime": write_date_time(at if at.tzinfo else at.replace(tzinfo=UTC))}
    return _request("11.3", 4, device, "ActivateFirmware", {**when, "FirmwareHash": digest.upper()})


def read_firmware_version(device: str) -> bytes:
    """An unsigned 11.2."""
    return _request("11.2", 1, device, "ReadFirmwareVersion", {})


def _distribution(image: bytes, version: str, devices: Sequence[str]) -> dict[str, str]:
    octets = b64encode(image).decode()
    return {"FirmwareImage": octets, "FirmwareVersion": version, "DeviceIDList": ",".join(devices)}


def _request(srv: str, command_variant: int, target: str, name: str, content: dict[str, str]) -> bytes:
    """The originator and the counter are filled in by who sends it."""

    def sr(local: str) -> str:
        return f"{{{_SR}}}{local}"

    root = etree.Element(sr("Request"), {"schemaVersion": "5.4"}, nsmap={"sr": _SR})
    header, body = etree.SubElement(root, sr("Header")), etree.SubElement(root, sr("Body"))
    values = {
        "RequestID": f"{_NOBODY}:{target}:1",
        "CommandVariant": str(command_variant),
        "ServiceReference": srv,
        "ServiceReferenceVariant": srv,
    }
    for local, value in values.items():
        etree.SubElement(header, sr(local)).text = value
    element = etree.SubElement(body, sr(name))
    for local, value in content.items():
        etree.SubElement(element, sr(local)).text = value
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
