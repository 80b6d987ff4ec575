"""Revocation lists: the Organisation CRL of an Issuing OCA, the ARL of the Root OCA (smki.md section 7).

X.509 version 2, ecdsa-with-SHA256, thisUpdate and nextUpdate, entries with serial, date and reason, extensions
authority key identifier and CRL number. Content octets here, signature by the key's owner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from ..errors import ProtocolError
from .assembly import SCAFFOLD_KEY
from .certificate import SmkiCertificate, issuer_text
from .profiles import issuer_name

REASONS = frozenset(
    {"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation"}
)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of a list."""

    serial: int
    at: datetime
    reason: str = "unspecified"


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list as read: its issuer's name, number, times and entries by serial."""

    issuer: str
    number: int
    this_update: datetime
    next_update: datetime
    entries: dict[int, Revocation]


def list_content(
    *, issuer: SmkiCertificate, number: int, this_update: datetime, next_update: datetime, entries: Iterable[Revocation]
) -> bytes:
    """The to-be-signed octets of a CRL or ARL."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer_name(issuer))
        .last_update(_whole_second(this_update))
        .next_update(_whole_second(next_update))
    )
    for entry in sorted(entries, key=lambda entry: entry.serial):
        revoked = x509.RevokedCertificateBuilder().serial_number(entry.serial).revocation_date(_whole_second(entry.at))
        if entry.reason != "unspecified":  # RFC 5280 section 5.3.1: unspecified is expressed by absence
            revoked = revoked.add_extension(x509.CRLReason(x509.ReasonFlags(entry.reason)), critical=False)
        builder = builder.add_revoked_certificate(revoked.build())
    builder = builder.add_extension(x509.AuthorityKeyIdentifier(issuer.ski, None, None), critical=False)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    return builder.sign(SCAFFOLD_KEY, hashes.SHA256(), ecdsa_deterministic=True).tbs_certlist_bytes


def read_list(der: bytes, issuer: SmkiCertificate) -> RevocationList:
    """Read a list and check that this issuer signed it.

    Raises
    ------
    ProtocolError
        ``CRL_UNREADABLE`` or ``CRL_SIGNATURE``.
    """
    try:
        read = x509.load_der_x509_crl(der)
        number = read.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).value
        next_update = read.next_update_utc
        if next_update is None or not isinstance(number, x509.CRLNumber):
            raise ValueError("no nextUpdate or CRL number")
        entries = {entry.serial_number: _entry(entry) for entry in read}
    except (ValueError, x509.ExtensionNotFound) as error:
        raise ProtocolError("CRL_UNREADABLE", str(error)[:120], source="smki.md section 7") from None
    try:
        issuer.public_key.verify(read.signature, read.tbs_certlist_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ProtocolError("CRL_SIGNATURE", f"not signed by {issuer.subject}", source="smki.md section 7") from None
    return RevocationList(issuer_text(read.issuer), number.crl_number, read.last_update_utc, next_update, entries)


def _entry(entry: x509.RevokedCertificate) -> Revocation:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        reason = "unspecified"
    return Revocation(entry.serial_number, entry.revocation_date_utc, reason)


def _whole_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
