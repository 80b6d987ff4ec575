"""Upgrade images as 11.1 and 11.4 carry them and CS05b, CS05c bring them to a Device.

Nothing in the reference gives the layout; it is read off the two published images (templates of 11.1 and 11.4), and
the signature of the first verifies::

    OTA header         56 octets and more: the header of a Zigbee OTA upgrade file, numbers little-endian
    Manufacturer Image the octets whose SHA-256 the Certified Products List names and 11.3 activates
    00 40, 64 octets   meters only: length and value of the Supplier's ECDSA signature over the Manufacturer Image

A PPMID's image ends with its Manufacturer Image: nobody but the manufacturer, inside it, signs it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature

from .errors import BAD_LENGTH, BAD_VALUE, SIGNATURE_INVALID, TRUNCATED, GbcsError

MAX_IMAGE = 10_240_000
"""Octets of an image at most (facet of FirmwareImage in the DUIS schema, which counts octets, not base64)."""

_MAGIC = 0x0BEEF11E
_HEADER_VERSION = 0x0100
_FIXED = struct.Struct("<IHHHHHIH32sI")
_HARDWARE = struct.Struct("<HH")
_CREDENTIAL_VERSION, _DESTINATION, _HARDWARE_VERSIONS = 1, 2, 4
_STACK_VERSION = 0x0002
_LENGTH = b"\x00\x40"
_SIGNATURE = 64
_OF_DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))
_SOURCE = "duis templates 11.1, 11.4"


@dataclass(frozen=True, slots=True)
class OtaHeader:
    """The head of an upgrade file.

    ``file_version`` is the firmware version that runs after activation. ``hardware`` is the lowest and the highest
    hardware version the image is for, None where the header does not say. ``size`` is the length of the whole file.
    """

    manufacturer: int
    image_type: int
    file_version: int
    text: bytes
    size: int
    hardware: tuple[int, int] | None = None


@dataclass(frozen=True)
class UpgradeImage:
    """An image in its parts; ``signature`` is absent from a PPMID's."""

    header: OtaHeader
    manufacturer_image: bytes
    signature: bytes | None = None

    @property
    def version(self) -> str:
        """The firmware version as Devices and inventory write it: eight hexadecimal digits."""
        return f"{self.header.file_version:08X}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the Manufacturer Image in hexadecimal."""
        return hashlib.sha256(self.manufacturer_image).hexdigest()

    def fits_hardware(self, hardware: int) -> bool:
        """Whether the header admits a hardware version; one that names none admits all."""
        named = self.header.hardware
        return named is None or named[0] <= hardware <= named[1]

    def verify(self, key: ec.EllipticCurvePublicKey) -> None:
        """Check the signature over the Manufacturer Image.

        Raises
        ------
        GbcsError
            ``GBCS_SIGNATURE_INVALID`` when it is absent or another's.
        """
        r, s = (int.from_bytes(part, "big") for part in ((self.signature or b"")[:32], (self.signature or b"")[32:]))
        try:
            key.verify(encode_dss_signature(r, s), bytes.fromhex(self.digest), _OF_DIGEST)
        except InvalidSignature:
            raise GbcsError(SIGNATURE_INVALID, "the image's signature does not verify", source=_SOURCE) from None


def decode(data: bytes, *, signed: bool) -> UpgradeImage:
    """Take an upgrade image apart.

    Parameters
    ----------
    signed
        Whether a Supplier's signature follows the Manufacturer Image: so for meters, not for a PPMID.

    Raises
    ------
    GbcsError
        When the header is none, its lengths do not add up, or no signature of 64 octets ends the file.
    """
    if len(data) < _FIXED.size:
        raise GbcsError(TRUNCATED, f"an OTA header has {_FIXED.size} octets and more, here are {len(data)}", 0)
    magic, version, length, control, maker, kind, file_version, _, text, size = _FIXED.unpack_from(data)
    if magic != _MAGIC or version != _HEADER_VERSION:
        raise GbcsError(BAD_VALUE, f"an OTA header begins 1ef1ee0b0001, not {data[:6].hex()}", 0)
    if control & ~(_CREDENTIAL_VERSION | _DESTINATION | _HARDWARE_VERSIONS):
        raise GbcsError(BAD_VALUE, f"field control {control:04x} names fields that a header does not have", 8)
    if size != len(data):
        raise GbcsError(BAD_LENGTH, f"the header announces {size} octets, here are {len(data)}", _FIXED.size - 4)
    at = _FIXED.size + (1 if control & _CREDENTIAL_VERSION else 0) + (8 if control & _DESTINATION else 0)
    hardware: tuple[int, int] | None = None
    end = at + (_HARDWARE.size if control & _HARDWARE_VERSIONS else 0)
    if end > length or length > len(data):
        raise GbcsError(BAD_LENGTH, f"a header of {length} octets cannot hold what it says it has", 6)
    if control & _HARDWARE_VERSIONS:
        hardware = _HARDWARE.unpack_from(data, at)
    body, signature = data[length:], None
    if signed:
        if len(body) < len(_LENGTH) + _SIGNATURE or body[-_SIGNATURE - 2 : -_SIGNATURE] != _LENGTH:
            raise GbcsError(BAD_LENGTH, "no signature of 64 octets, its length before it, ends the image", len(data))
        body, signature = body[: -_SIGNATURE - 2], body[-_SIGNATURE:]
    if not body:
        raise GbcsError(TRUNCATED, "the Manufacturer Image is empty", length)
    return UpgradeImage(OtaHeader(maker, kind, file_version, text.rstrip(b"\0"), size, hardware), body, signature)


def encode(image: UpgradeImage) -> bytes:
    """Write an upgrade image: what ``decode`` reads; ``size`` of the header is what the parts come to."""
    header, hardware = image.header, image.header.hardware
    length = _FIXED.size + (0 if hardware is None else _HARDWARE.size)
    tail = b"" if image.signature is None else _LENGTH + image.signature
    size = length + len(image.manufacturer_image) + len(tail)
    fixed = _FIXED.pack(
        *(_MAGIC, _HEADER_VERSION, length, 0 if hardware is None else _HARDWARE_VERSIONS),
        *(header.manufacturer, header.image_type, header.file_version, _STACK_VERSION, header.text, size),
    )
    return fixed + (b"" if hardware is None else _HARDWARE.pack(*hardware)) + image.manufacturer_image + tail


def build(
    manufacturer_image: bytes,
    version: str,
    *,
    sign: Callable[[bytes], bytes] | None = None,
    manufacturer: int = 0,
    image_type: int = 0,
    hardware: tuple[int, int] | None = None,
    text: bytes = b"",
) -> bytes:
    """Make an upgrade file of a Manufacturer Image.

    Parameters
    ----------
    version
        Firmware version, eight hexadecimal digits.
    sign
        Gives the Supplier's signature over the Manufacturer Image, 64 octets (``signing_with``); None for a PPMID.
    """
    header = OtaHeader(manufacturer, image_type, int(version, 16), text, 0, hardware)
    return encode(UpgradeImage(header, manufacturer_image, None if sign is None else sign(manufacturer_image)))


def signing_with(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    """A signer for ``build``: r and s of ECDSA with SHA-256, 32 octets each."""

    def sign(octets: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign
