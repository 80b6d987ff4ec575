"""The signature of a file: detached, ECDSA P-256 with SHA-256 over the octets of the file (section 16).

Beside ``<name>`` lie ``<name>.sig``, the DER signature in base64, and ``<name>.sig.json``, the issuer and the serial
number of the file signing certificate. So ``openssl dgst -sha256 -verify`` checks it with what is in the certificate.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import ProtocolError
from ..pki import RemotePartyRole, SmkiCertificate, parse_serial, serial_text
from .layout import SOURCE

SIGNER_ROLES = frozenset({RemotePartyRole.FILE_SIGNING.value})
_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A file with its signature and the certificate that is said to verify it."""

    content: bytes
    signature: bytes
    issuer: str
    serial: int

    @property
    def signature_text(self) -> str:
        """The content of ``<name>.sig``."""
        return b64encode(self.signature).decode()

    @property
    def certificate_text(self) -> str:
        """The content of ``<name>.sig.json``."""
        return json.dumps(self._certificate())

    def as_json(self) -> dict[str, object]:
        """The one document in which a file travels: ``csv``, ``signature`` and ``certificate``."""
        return {
            "csv": self.content.decode("utf-8"),
            "signature": self.signature_text,
            "certificate": self._certificate(),
        }

    def _certificate(self) -> dict[str, str]:
        return {"issuer": self.issuer, "serial": serial_text(self.serial)}

    @classmethod
    def of_json(cls, document: object) -> SignedFile:
        """Read what ``as_json`` gives.

        Raises
        ------
        ProtocolError
            ``FILE_FORM``.
        """
        if not isinstance(document, Mapping):
            raise _form("an object with csv, signature and certificate is expected")
        certificate = document.get("certificate")
        csv, signature = document.get("csv"), document.get("signature")
        if not isinstance(certificate, Mapping) or not isinstance(csv, str) or not isinstance(signature, str):
            raise _form("csv and signature must be texts, certificate an object with issuer and serial")
        issuer, serial = certificate.get("issuer"), certificate.get("serial")
        if not isinstance(issuer, str) or not isinstance(serial, str):
            raise _form("certificate must have issuer and serial as texts")
        try:
            octets = b64decode(signature.strip(), validate=True)
            return cls(csv.encode("utf-8"), octets, issuer, parse_serial(serial))
        except (ValueError, ProtocolError) as error:
            raise _form(f"signature is base64, serial hexadecimal: {error}") from None


def _form(detail: str) -> ProtocolError:
    return ProtocolError("FILE_FORM", detail, source=SOURCE)


def sign_file(content: bytes, key: ec.EllipticCurvePrivateKey, certificate: SmkiCertificate) -> SignedFile:
    """Sign a file with the key of a file signing certificate."""
    return SignedFile(content, key.sign(content, _ALGORITHM), certificate.issuer, certificate.serial)


def verify_file(file: SignedFile, certificate: SmkiCertificate) -> bytes:
    """Check the signature and give the octets that it covers.

    Raises
    ------
    ProtocolError
        ``FILE_SIGNATURE``.
    """
    try:
        certificate.public_key.verify(file.signature, file.content, _ALGORITHM)
    except InvalidSignature:
        detail = f"the signature does not verify with certificate {serial_text(file.serial)}"
        raise ProtocolError("FILE_SIGNATURE", detail, source=SOURCE) from None
    return file.content


def prove_file(file: SignedFile, signer: SmkiCertificate | None, rely_on: Callable[[SmkiCertificate], None]) -> str:
    """Check certificate and signature of a file and give the User ID that signed it.

    Parameters
    ----------
    signer
        What the repository holds under the file's issuer and serial number.
    rely_on
        Checks the path of a certificate of role 136 for digital signatures, validity and revocation; raises.

    Raises
    ------
    ProtocolError
        ``FILE_SIGNER`` or ``FILE_SIGNATURE``.
    """
    if signer is None or signer.eui is None:
        detail = f"certificate {serial_text(file.serial)} of {file.issuer[:80]} is not known"
        raise ProtocolError("FILE_SIGNER", detail, source=SOURCE)
    try:
        rely_on(signer)
    except ProtocolError as error:
        raise ProtocolError("FILE_SIGNER", f"{error.rule}: {error.detail}", source=SOURCE) from None
    verify_file(file, signer)
    return str(signer.eui)
