"""Writing names with the string types of the SMKI profiles, one attribute in each RDN (smki.md section 2)."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from ..identifiers import Eui64
from .names import role_text

MAX_COMMON_NAME = 16  # a trading-name style label (smki.md section 2.1)


def _name(*attributes: tuple[x509.ObjectIdentifier, str | bytes, _ASN1Type]) -> x509.Name:
    return x509.Name(
        [x509.RelativeDistinguishedName([x509.NameAttribute(oid, value, kind)]) for oid, value, kind in attributes]
    )


def authority_name(common_name: str, role: int | None) -> x509.Name:
    """``OU=07, CN=Z1`` for an organisation CA, ``CN=E357`` alone for a device CA; PrintableString."""
    common = (NameOID.COMMON_NAME, common_name, _ASN1Type.PrintableString)
    if role is None:
        return _name(common)
    return _name((NameOID.ORGANIZATIONAL_UNIT_NAME, role_text(role), _ASN1Type.PrintableString), common)


def organisation_subject(eui: Eui64, role: int, common_name: str | None = None) -> x509.Name:
    """Optional CN, OU, x500UniqueIdentifier: UTF8String twice, then BIT STRING without unused bits."""
    attributes: list[tuple[x509.ObjectIdentifier, str | bytes, _ASN1Type]] = []
    if common_name is not None:
        attributes.append((NameOID.COMMON_NAME, common_name, _ASN1Type.UTF8String))
    attributes.append((NameOID.ORGANIZATIONAL_UNIT_NAME, role_text(role), _ASN1Type.UTF8String))
    attributes.append((NameOID.X500_UNIQUE_IDENTIFIER, b"\x00" + eui.octets, _ASN1Type.BitString))
    return _name(*attributes)


EMPTY_SUBJECT = x509.Name([])
