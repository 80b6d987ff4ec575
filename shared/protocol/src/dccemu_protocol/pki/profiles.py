"""The certificate profiles: exact content octets for the key's owner to sign (smki.md sections 2.1 to 2.6).

Every function gives the to-be-signed octets; :func:`assembly.assemble` adds the signature. Order of names, string
types, order and criticality of extensions follow the published certificates octet for octet.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ..identifiers import Eui64
from .assembly import SCAFFOLD_KEY
from .certificate import SmkiCertificate
from .hardware import write_hardware_module_name
from .keyid import key_identifier, public_point
from .names import DEVICE_POLICY, HARDWARE_MODULE_NAME, HARDWARE_TYPE, ORGANISATION_POLICY, Usage
from .subjects import EMPTY_SUBJECT, organisation_subject

ROOT_YEARS = 50
ISSUING_YEARS = 25
ORGANISATION_YEARS = 10
NEVER_EXPIRES = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def validity(start: datetime, years: int) -> tuple[datetime, datetime]:
    """From the start of the day to 23:59:59 so many years later less one day (smki.md section 2.1)."""
    not_before = datetime.combine(start.astimezone(UTC).date(), time(), UTC)
    try:
        anniversary = not_before.replace(year=not_before.year + years)
    except ValueError:  # 29 February
        anniversary = not_before.replace(year=not_before.year + years, month=3, day=1)
    return not_before, anniversary - timedelta(seconds=1)


def key_usage(usage: Usage) -> x509.KeyUsage:
    """One use for an end entity; keyCertSign with cRLSign for a CA."""
    authority = usage is Usage.CERTIFICATE_SIGNING
    return x509.KeyUsage(
        digital_signature=usage is Usage.DIGITAL_SIGNATURE,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=usage is Usage.KEY_AGREEMENT,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def policies(oid: str) -> x509.CertificatePolicies:
    """One policy, no qualifiers."""
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])


def issuer_name(issuer: SmkiCertificate) -> x509.Name:
    """The issuer's subject with its own string types."""
    return x509.load_der_x509_certificate(issuer.der).subject


def hardware_alternative_name(device: Eui64, hardware_type: str = HARDWARE_TYPE) -> x509.SubjectAlternativeName:
    """The Device ID in the subjectAltName."""
    value = write_hardware_module_name(device, hardware_type)
    return x509.SubjectAlternativeName([x509.OtherName(x509.ObjectIdentifier(HARDWARE_MODULE_NAME), value)])


def _content(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    span: tuple[datetime, datetime],
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(span[0])
        .not_valid_after(span[1])
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(SCAFFOLD_KEY, hashes.SHA256(), ecdsa_deterministic=True).tbs_certificate_bytes


def _subject_key(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier(key_identifier(public_point(key)))


def _authority_key(identifier: bytes) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(identifier, None, None)


def root_content(
    *, name: x509.Name, key: ec.EllipticCurvePublicKey, serial: int, start: datetime, policy: str = ORGANISATION_POLICY
) -> bytes:
    """A root: like an issuing CA but self-signed, 50 years, no path length, no AKI (smki.md section 2.3)."""
    return _content(
        name,
        name,
        key,
        serial,
        validity(start, ROOT_YEARS),
        [
            (key_usage(Usage.CERTIFICATE_SIGNING), True),
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (policies(policy), True),
            (_subject_key(key), False),
        ],
    )


def issuing_content(
    *,
    issuer: SmkiCertificate,
    name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    start: datetime,
    policy: str = ORGANISATION_POLICY,
) -> bytes:
    """An issuing CA: 25 years, path length 0 (smki.md sections 2.2 and 2.5)."""
    return _content(
        name,
        issuer_name(issuer),
        key,
        serial,
        validity(start, ISSUING_YEARS),
        [
            (key_usage(Usage.CERTIFICATE_SIGNING), True),
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (policies(policy), True),
            (_subject_key(key), False),
            (_authority_key(issuer.ski), False),
        ],
    )


def organisation_content(
    *,
    issuer: SmkiCertificate,
    eui: Eui64,
    role: int,
    usage: Usage,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    start: datetime,
    common_name: str | None = None,
    policy: str = ORGANISATION_POLICY,
) -> bytes:
    """An Organisation Certificate: ten years (smki.md section 2.1)."""
    return _content(
        organisation_subject(eui, role, common_name),
        issuer_name(issuer),
        key,
        serial,
        validity(start, ORGANISATION_YEARS),
        [
            (key_usage(usage), True),
            (_subject_key(key), False),
            (policies(policy), True),
            (_authority_key(issuer.ski), False),
        ],
    )


def device_content(
    *,
    issuer: SmkiCertificate,
    eui: Eui64,
    usage: Usage,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    start: datetime,
    hardware_type: str = HARDWARE_TYPE,
    policy: str = DEVICE_POLICY,
) -> bytes:
    """A Device Certificate: empty subject, no expiry (smki.md section 2.4)."""
    return _content(
        EMPTY_SUBJECT,
        issuer_name(issuer),
        key,
        serial,
        (start.astimezone(UTC).replace(microsecond=0), NEVER_EXPIRES),
        [
            (key_usage(usage), True),
            (_subject_key(key), False),
            (hardware_alternative_name(eui, hardware_type), True),
            (policies(policy), True),
            (_authority_key(issuer.ski), False),
        ],
    )
