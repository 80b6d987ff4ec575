"""Facts of the SMKI: certificates and revocations; and how a service asks for a certificate of its own."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from .envelope import Contract
from .topics import SMKI_CERTIFICATES, SMKI_REQUESTS, SMKI_REVOCATIONS, Topic


class CertificateFact(Contract):
    """One certificate of the repository.

    ``serial`` is upper-case hexadecimal without leading zeros trimmed (16 octets), ``issuer`` the RFC 4514 text of the
    issuer's name, ``der`` the certificate in hexadecimal. ``role`` is the Remote Party Role, absent for Devices.
    ``eui`` is hyphened upper case; absent for CA certificates. ``pinned`` marks a certificate trusted by serial because
    no chain leads to a root (the XML-signing certificates of the published set). ``kind``: what tree it is in.
    ``dated`` false: dates of the certificate, or of what this CA issued, are not to be enforced unless configured (the
    published test PKI has partly run out).
    """

    topic: ClassVar[Topic] = SMKI_CERTIFICATES

    version: int
    serial: str
    issuer: str
    kind: Literal["root", "issuing", "organisation", "device"]
    eui: str | None = None
    role: int | None = None
    usage: Literal["digitalSignature", "keyAgreement", "keyCertSign"]
    top_up: bool = False
    status: Literal["P", "I", "N", "E", "R"]
    ski: str
    der: str
    pinned: bool = False
    dated: bool = True

    @property
    def key(self) -> str:
        return f"{self.issuer}|{self.serial}"


class RevocationFact(Contract):
    """A revoked certificate (end entity on the CRL, or CA on the ARL)."""

    topic: ClassVar[Topic] = SMKI_REVOCATIONS

    version: int
    serial: str
    issuer: str
    revoked_at: datetime
    reason: str = "unspecified"
    list: Literal["crl", "arl"] = "crl"

    @property
    def key(self) -> str:
        return f"{self.issuer}|{self.serial}"


class CertificateRequest(Contract):
    """A DCC service (or sm-wan for its Devices) asks the SMKI for a certificate; the key never leaves the service.

    ``csr`` is PKCS#10 DER in hexadecimal. The answer is the CertificateFact that carries the same public key.
    """

    topic: ClassVar[Topic] = SMKI_REQUESTS

    requester: Literal["gateway", "cos-party", "sm-wan", "smki", "inventory"]
    kind: Literal["organisation", "device"]
    csr: str

    @property
    def key(self) -> str:
        return self.requester
