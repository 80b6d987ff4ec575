"""The hardware module name that carries a Device ID (RFC 4108 section 5; smki.md section 2.4).

``SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }`` inside the otherName of the subjectAltName.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat import asn1

from ..errors import ProtocolError
from ..identifiers import Eui64
from . import rules


@asn1.sequence
class _HardwareModuleName:
    hardware_type: x509.ObjectIdentifier
    serial_number: bytes


@dataclass(frozen=True, slots=True)
class HardwareModuleName:
    """Type of the hardware (any OID) and the Device's EUI-64."""

    hardware_type: str
    device: Eui64


def read_hardware_module_name(der: bytes) -> HardwareModuleName:
    """Read the value of the otherName.

    Raises
    ------
    ProtocolError
        ``CERTIFICATE_UNREADABLE`` when it is not the structure, or the serial number is not 8 octets.
    """
    try:
        value = asn1.decode_der(_HardwareModuleName, der)
    except ValueError as error:
        raise ProtocolError(
            rules.CERTIFICATE_UNREADABLE, f"hardwareModuleName: {str(error)[:100]}", source="RFC 4108 section 5"
        ) from None
    if len(value.serial_number) != 8:
        raise ProtocolError(
            rules.CERTIFICATE_UNREADABLE,
            f"hwSerialNum has {len(value.serial_number)} octets, a Device ID has 8",
            source="smki.md section 2.4",
        )
    return HardwareModuleName(value.hardware_type.dotted_string, Eui64(value.serial_number))


def write_hardware_module_name(device: Eui64, hardware_type: str) -> bytes:
    """The value of the otherName."""
    return asn1.encode_der(
        _HardwareModuleName(hardware_type=x509.ObjectIdentifier(hardware_type), serial_number=device.octets)
    )
