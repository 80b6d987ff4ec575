"""Certificate Signing Requests: PKCS#10 of organisations and Devices (smki.md section 4).

Criticality of requested extensions is asked for but not validated [Appendix M].
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from ..errors import ProtocolError
from ..identifiers import Eui64
from . import rules
from .hardware import read_hardware_module_name
from .keyid import public_point
from .names import HARDWARE_MODULE_NAME, HARDWARE_TYPE, Kind, Usage
from .profiles import hardware_alternative_name, key_usage
from .subjects import EMPTY_SUBJECT, MAX_COMMON_NAME, organisation_subject

MAX_CSR = 2048
_SOURCE = "SEC Appendix M; smki.md section 4"
_FAILURES = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)
_PEM = re.compile(
    rb"\s*-----BEGIN (?P<kind>(?:NEW )?CERTIFICATE REQUEST)-----\s*(?P<body>[A-Za-z0-9+/=\s]+?)"
    rb"-----END (?P=kind)-----\s*\Z"
)
_STRICT = re.compile(rb"[A-Za-z0-9+/]+={0,2}\Z")


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What a CSR asks for, its proof of possession checked.

    ``role`` and ``common_name`` belong to organisations, ``hardware_type`` to Devices.
    """

    der: bytes
    kind: Kind = field(compare=False)
    eui: Eui64 = field(compare=False)
    role: int | None = field(compare=False)
    usage: Usage = field(compare=False)
    common_name: str | None = field(compare=False)
    hardware_type: str | None = field(compare=False)
    point: bytes = field(compare=False)
    public_key: ec.EllipticCurvePublicKey = field(compare=False, repr=False)


def build_organisation_csr(
    key: ec.EllipticCurvePrivateKey, eui: Eui64, role: int, usage: Usage, common_name: str | None = None
) -> bytes:
    """A CSR of an organisation, in DER."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(organisation_subject(eui, role, common_name))
        .add_extension(key_usage(usage), critical=True)
    )
    return request.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def build_device_csr(
    key: ec.EllipticCurvePrivateKey, device: Eui64, usage: Usage, hardware_type: str = HARDWARE_TYPE
) -> bytes:
    """A CSR of a Device, in DER: the shape that a meter answers to 6.17 (CS02c)."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(EMPTY_SUBJECT)
        .add_extension(key_usage(usage), critical=True)
        .add_extension(hardware_alternative_name(device, hardware_type), critical=True)
    )
    return request.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def decode_portal_text(text: bytes) -> bytes:
    """The text forms a portal accepts: base64 on one line or broken, with or without PEM markers.

    Raises
    ------
    ProtocolError
        ``CSR_UNREADABLE`` (also for text that is not ASCII) or ``CSR_TOO_LONG``.
    """
    if len(text) > 2 * MAX_CSR:
        raise ProtocolError(rules.CSR_TOO_LONG, f"{len(text)} octets of text", source=_SOURCE)
    armoured = _PEM.match(text)
    if armoured is None and b"-----" in text:
        raise ProtocolError(rules.CSR_UNREADABLE, "PEM markers of another kind, or text around them", source=_SOURCE)
    body = armoured["body"] if armoured else text
    return decode_service_text(b"".join(body.split()))


def decode_service_text(text: bytes) -> bytes:
    """The form of the web services: base64 without white space and without markers.

    Raises
    ------
    ProtocolError
        ``CSR_UNREADABLE`` or ``CSR_TOO_LONG``.
    """
    if len(text) > 2 * MAX_CSR:
        raise ProtocolError(rules.CSR_TOO_LONG, f"{len(text)} characters", source=_SOURCE)
    if not _STRICT.match(text):
        raise ProtocolError(rules.CSR_UNREADABLE, "not base64 without white space and markers", source=_SOURCE)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ProtocolError(rules.CSR_UNREADABLE, f"base64: {error}", source=_SOURCE) from None


def read(der: bytes, *, possession_checked: bool = False) -> SigningRequest:
    """Read and check a CSR: form, key, algorithm, proof of possession, subject and extensions.

    Parameters
    ----------
    der
        PKCS#10 octets.
    possession_checked
        Whether the signature was verified before on the same octets, as for a batch between its two steps.

    Raises
    ------
    ProtocolError
        One of the ``CSR_*`` rules.
    """
    if len(der) > MAX_CSR:
        raise ProtocolError(rules.CSR_TOO_LONG, f"{len(der)} octets, at most {MAX_CSR}", source=_SOURCE)
    try:
        return _read(der, x509.load_der_x509_csr(der), possession_checked)
    except _FAILURES as error:
        raise ProtocolError(rules.CSR_UNREADABLE, f"not PKCS#10 in DER: {str(error)[:120]}", source=_SOURCE) from None


def _read(der: bytes, request: x509.CertificateSigningRequest, possession_checked: bool) -> SigningRequest:
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ProtocolError(rules.CSR_KEY, "the key is not on NIST P-256", source=_SOURCE)
    if request.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise ProtocolError(
            rules.CSR_ALGORITHM,
            f"{request.signature_algorithm_oid.dotted_string}, not ecdsa-with-SHA256",
            source=_SOURCE,
        )
    if not possession_checked and not request.is_signature_valid:
        raise ProtocolError(rules.CSR_SIGNATURE, "the request is not signed by its own key", source=_SOURCE)
    usage: Usage | None = None
    alternative: x509.SubjectAlternativeName | None = None
    for extension in request.extensions:
        value = extension.value
        if isinstance(value, x509.KeyUsage):
            usage = _usage(value)
        elif isinstance(value, x509.SubjectAlternativeName):
            alternative = value
        else:
            raise ProtocolError(rules.CSR_EXTENSION, f"{extension.oid.dotted_string} is not allowed", source=_SOURCE)
    if usage is None:
        raise ProtocolError(rules.CSR_USAGE, "no keyUsage is requested", source=_SOURCE)
    point = public_point(key)
    if len(list(request.subject)) == 0:
        device, hardware_type = _device(alternative)
        return SigningRequest(der, Kind.DEVICE, device, None, usage, None, hardware_type, point, key)
    if alternative is not None:
        raise ProtocolError(
            rules.CSR_EXTENSION,
            f"{ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string} in the request of an organisation",
            source=_SOURCE,
        )
    eui, role, common_name = _organisation(request.subject)
    return SigningRequest(der, Kind.ORGANISATION, eui, role, usage, common_name, None, point, key)


def _usage(found: x509.KeyUsage) -> Usage:
    others = (
        found.content_commitment,
        found.key_encipherment,
        found.data_encipherment,
        found.key_cert_sign,
        found.crl_sign,
    )
    if any(others) or found.digital_signature == found.key_agreement:
        raise ProtocolError(
            rules.CSR_USAGE, "keyUsage is not exactly one of digitalSignature and keyAgreement", source=_SOURCE
        )
    return Usage.DIGITAL_SIGNATURE if found.digital_signature else Usage.KEY_AGREEMENT


def _device(alternative: x509.SubjectAlternativeName | None) -> tuple[Eui64, str]:
    names = list(alternative or ())
    if len(names) != 1:
        raise ProtocolError(rules.CSR_EXTENSION, "a Device's request has one subjectAltName", source=_SOURCE)
    name = names[0]
    if not isinstance(name, x509.OtherName) or name.type_id.dotted_string != HARDWARE_MODULE_NAME:
        raise ProtocolError(rules.CSR_EXTENSION, "the subjectAltName is not a hardwareModuleName", source=_SOURCE)
    try:
        hardware = read_hardware_module_name(name.value)
    except ProtocolError as error:
        raise ProtocolError(rules.CSR_EXTENSION, error.detail, source=_SOURCE) from None
    return hardware.device, hardware.hardware_type


def _organisation(subject: x509.Name) -> tuple[Eui64, int, str | None]:
    values: dict[x509.ObjectIdentifier, str | bytes] = {}
    for attribute in subject:
        if attribute.oid in values:
            raise _subject(f"{attribute.oid.dotted_string} twice")
        values[attribute.oid] = attribute.value
    unit = values.pop(NameOID.ORGANIZATIONAL_UNIT_NAME, None)
    identifier = values.pop(NameOID.X500_UNIQUE_IDENTIFIER, None)
    common_name = values.pop(NameOID.COMMON_NAME, None)
    if values:
        raise _subject(f"{next(iter(values)).dotted_string} has no place in it")
    if not isinstance(unit, str) or not re.fullmatch(r"[0-9A-F]{2}", unit):
        raise _subject(f"OU {unit!r} is not a Remote Party Role of two upper-case hexadecimal digits")
    if not isinstance(identifier, bytes) or len(identifier) != 9 or identifier[0]:
        raise _subject("no x500UniqueIdentifier of 64 bits")
    if common_name is not None and not (
        isinstance(common_name, str) and 1 <= len(common_name) <= MAX_COMMON_NAME and common_name.isprintable()
    ):
        raise _subject(f"CN is not 1 to {MAX_COMMON_NAME} printable characters")
    return Eui64(identifier[1:]), int(unit, 16), common_name if isinstance(common_name, str) else None


def _subject(detail: str) -> ProtocolError:
    return ProtocolError(rules.CSR_SUBJECT, detail, source=_SOURCE)
