"""Reading SMKI certificates: DER in, :class:`SmkiCertificate` out.

The reader tolerates every quirk of the published test PKI (smki.md section 2): a NULL parameter in the signature
algorithm, no subject key identifier, an issuer that is not a CA, an empty basicConstraints, policies that are not
critical, extensions in any order, and the role written as decimal ``137`` in one old file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from ..errors import ProtocolError
from ..identifiers import Eui64
from . import rules
from .hardware import read_hardware_module_name
from .keyid import key_identifier, public_point
from .names import HARDWARE_MODULE_NAME, Kind, Usage, canonical_issuer, serial_text

MAX_CERTIFICATE = 4096
_CACHED = 65_536
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_ECDSA = ec.ECDSA(hashes.SHA256())
_PARSE_FAILURES = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)


@dataclass(frozen=True, slots=True)
class SmkiCertificate:
    """One certificate of an SMKI tree. Two are equal when their octets are.

    ``eui`` is absent for CA certificates, ``role`` for Devices and for the device tree. ``issuer`` and ``subject`` are
    RFC 4514 text in canonical spelling. ``ski`` is computed where the certificate does not carry it (``has_ski``).
    ``path_length`` is absent where the certificate sets no limit.
    """

    der: bytes
    kind: Kind = field(compare=False)
    eui: Eui64 | None = field(compare=False)
    role: int | None = field(compare=False)
    usage: Usage = field(compare=False)
    serial: int = field(compare=False)
    issuer: str = field(compare=False)
    subject: str = field(compare=False)
    common_name: str | None = field(compare=False)
    ski: bytes = field(compare=False)
    has_ski: bool = field(compare=False)
    aki: bytes | None = field(compare=False)
    point: bytes = field(compare=False)
    public_key: ec.EllipticCurvePublicKey = field(compare=False, repr=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    policies: tuple[str, ...] = field(compare=False)
    path_length: int | None = field(compare=False)
    hardware_type: str | None = field(compare=False)
    content: bytes = field(compare=False, repr=False)
    signature: bytes = field(compare=False, repr=False)

    @property
    def is_authority(self) -> bool:
        """Whether the certificate belongs to a certificate authority."""
        return self.kind in (Kind.ROOT, Kind.ISSUING)

    @property
    def serial_hex(self) -> str:
        return serial_text(self.serial)

    @property
    def pem(self) -> str:
        return x509.load_der_x509_certificate(self.der).public_bytes(Encoding.PEM).decode()

    def verify_signed_by(self, key: ec.EllipticCurvePublicKey) -> None:
        """Check the signature under the issuer's key.

        Raises
        ------
        ProtocolError
            ``CERTIFICATE_SIGNATURE``.
        """
        try:
            key.verify(self.signature, self.content, _ECDSA)
        except InvalidSignature:
            raise ProtocolError(
                rules.CERTIFICATE_SIGNATURE,
                f"certificate {self.serial_hex} is not signed by {self.issuer}",
                source="smki.md section 2",
            ) from None


@lru_cache(maxsize=_CACHED)
def parse(der: bytes) -> SmkiCertificate:
    """Read one certificate.

    Raises
    ------
    ProtocolError
        ``CERTIFICATE_UNREADABLE`` when the octets are not DER, not X.509, or outside every SMKI profile.
    """
    if len(der) > MAX_CERTIFICATE:
        raise _unreadable(f"{len(der)} octets are more than any SMKI certificate has")
    try:
        return _read(der, x509.load_der_x509_certificate(der))
    except _PARSE_FAILURES as error:
        raise _unreadable(f"not an X.509 certificate in DER: {str(error)[:120]}") from None


def parse_pem(pem: str | bytes) -> SmkiCertificate:
    """Read one certificate in PEM armour."""
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        der = x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
    except _PARSE_FAILURES as error:
        raise _unreadable(f"not a PEM certificate: {str(error)[:120]}") from None
    return parse(der)


def parse_pem_bundle(pem: bytes) -> tuple[SmkiCertificate, ...]:
    """Read all certificates of a PEM text."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except _PARSE_FAILURES as error:
        raise _unreadable(f"not PEM certificates: {str(error)[:120]}") from None
    return tuple(parse(certificate.public_bytes(Encoding.DER)) for certificate in found)


def issuer_text(name: x509.Name) -> str:
    """RFC 4514 text of a name in canonical spelling (``CN=Z1,OU=07``)."""
    return canonical_issuer(name.rfc4514_string())


def _unreadable(detail: str) -> ProtocolError:
    return ProtocolError(rules.CERTIFICATE_UNREADABLE, detail, source="smki.md section 2")


def _read(der: bytes, certificate: x509.Certificate) -> SmkiCertificate:
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise _unreadable(f"signature algorithm {certificate.signature_algorithm_oid.dotted_string}")
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unreadable("the public key is not on P-256")
    usage = _usage(certificate)
    eui, hardware_type = _device(certificate)
    role: int | None = None
    if usage is Usage.CERTIFICATE_SIGNING:
        kind = Kind.ROOT if certificate.issuer == certificate.subject else Kind.ISSUING
        role = _role(certificate.subject, required=False)
    elif eui is not None:
        kind = Kind.DEVICE
    else:
        kind = Kind.ORGANISATION
        role, eui = _role(certificate.subject, required=True), _organisation(certificate.subject)
    point = public_point(key)
    ski = _extension(certificate, ExtensionOID.SUBJECT_KEY_IDENTIFIER, x509.SubjectKeyIdentifier)
    aki = _extension(certificate, ExtensionOID.AUTHORITY_KEY_IDENTIFIER, x509.AuthorityKeyIdentifier)
    policies = _extension(certificate, ExtensionOID.CERTIFICATE_POLICIES, x509.CertificatePolicies)
    constraints = _extension(certificate, ExtensionOID.BASIC_CONSTRAINTS, x509.BasicConstraints)
    if usage is Usage.CERTIFICATE_SIGNING and (constraints is None or not constraints.ca):
        raise _unreadable("keyCertSign without basicConstraints cA")
    return SmkiCertificate(
        der=der,
        kind=kind,
        eui=eui,
        role=role,
        usage=usage,
        serial=certificate.serial_number,
        issuer=issuer_text(certificate.issuer),
        subject=issuer_text(certificate.subject),
        common_name=_text(certificate.subject, NameOID.COMMON_NAME),
        ski=ski.digest if ski else key_identifier(point),
        has_ski=ski is not None,
        aki=aki.key_identifier if aki else None,
        point=point,
        public_key=key,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        policies=tuple(policy.policy_identifier.dotted_string for policy in policies or ()),
        path_length=constraints.path_length if constraints else None,
        hardware_type=hardware_type,
        content=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
    )


def _extension(certificate: x509.Certificate, oid: x509.ObjectIdentifier, kind: type[_Extension]) -> _Extension | None:
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    return value if isinstance(value, kind) else None


def _usage(certificate: x509.Certificate) -> Usage:
    found = _extension(certificate, ExtensionOID.KEY_USAGE, x509.KeyUsage)
    if found is None:
        raise _unreadable("no key usage")
    if found.key_cert_sign:
        return Usage.CERTIFICATE_SIGNING
    if found.digital_signature != found.key_agreement:
        return Usage.DIGITAL_SIGNATURE if found.digital_signature else Usage.KEY_AGREEMENT
    raise _unreadable("key usage is not exactly one of digitalSignature and keyAgreement")


def _text(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def _role(name: x509.Name, *, required: bool) -> int | None:
    text = _text(name, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if text is not None and len(text) == 2 and all(c in "0123456789ABCDEFabcdef" for c in text):
        return int(text, 16)
    if text == "137":
        return 137
    if required:
        raise _unreadable(f"OU {text!r} is not a Remote Party Role of two hexadecimal digits")
    return None


def _organisation(name: x509.Name) -> Eui64:
    found = name.get_attributes_for_oid(NameOID.X500_UNIQUE_IDENTIFIER)
    value = found[0].value if len(found) == 1 else b""
    # The library gives the content of the BIT STRING, its count of unused bits (none) in front.
    if not isinstance(value, bytes) or len(value) != 9 or value[0]:
        raise _unreadable("subject without an x500UniqueIdentifier of 64 bits")
    return Eui64(value[1:])


def _device(certificate: x509.Certificate) -> tuple[Eui64 | None, str | None]:
    found = _extension(certificate, ExtensionOID.SUBJECT_ALTERNATIVE_NAME, x509.SubjectAlternativeName)
    for name in found or ():
        if isinstance(name, x509.OtherName) and name.type_id.dotted_string == HARDWARE_MODULE_NAME:
            hardware = read_hardware_module_name(name.value)
            return hardware.device, hardware.hardware_type
    return None, None
