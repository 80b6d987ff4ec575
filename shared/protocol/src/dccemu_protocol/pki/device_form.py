"""Device Certificates by the ten thousand: a form filled in, instead of a certificate built.

Every field of a Device Certificate that differs from the next one has a fixed length (smki.md section 2.4): serial
number 16 octets, public point 65, key identifier 8, Device ID 8. So one certificate is built with marked places, and
the others are copies with those places filled. A test compares the outcome with the ordinary builder.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec

from ..identifiers import Eui64
from .assembly import SCAFFOLD_KEY
from .certificate import SmkiCertificate
from .keyid import key_identifier, public_point
from .names import DEVICE_POLICY, HARDWARE_TYPE, Usage
from .profiles import device_content

_SERIAL = bytes.fromhex("5D5E5F606162636465666768696A6B6C")
_DEVICE = Eui64(bytes.fromhex("F1F2F3F4F5F6F7F8"))


class DeviceForm:
    """All Device Certificates of one issuer, usage, hardware type and start, but for the four fields."""

    __slots__ = ("_pieces",)

    def __init__(self, content: bytes, key: ec.EllipticCurvePublicKey) -> None:
        point = public_point(key)
        pieces = []
        rest = content
        for mark in (_SERIAL, point, key_identifier(point), _DEVICE.octets):
            before, found, rest = rest.partition(mark)
            if not found or mark in rest:
                raise AssertionError("a marked place of the form is not there exactly once")
            pieces.append(before)
        self._pieces = (*pieces, rest)

    def fill(self, serial: int, point: bytes, device: Eui64) -> bytes:
        """The to-be-signed octets for one Device."""
        return self.filled(serial.to_bytes(16, "big"), point, key_identifier(point), device.octets)

    def filled(self, serial: bytes, point: bytes, identifier: bytes, device: bytes) -> bytes:
        """The same from octets: serial number 16, point 65, its key identifier 8, Device ID 8."""
        first, second, third, fourth, last = self._pieces
        return b"".join((first, serial, second, point, third, identifier, fourth, device, last))


@lru_cache(maxsize=256)
def device_form(
    issuer: SmkiCertificate,
    usage: Usage,
    start: datetime,
    hardware_type: str = HARDWARE_TYPE,
    policy: str = DEVICE_POLICY,
) -> DeviceForm:
    """The form for these common fields."""
    key = SCAFFOLD_KEY.public_key()
    content = device_content(
        issuer=issuer,
        eui=_DEVICE,
        usage=usage,
        key=key,
        serial=int.from_bytes(_SERIAL, "big"),
        start=start,
        hardware_type=hardware_type,
        policy=policy,
    )
    return DeviceForm(content, key)
