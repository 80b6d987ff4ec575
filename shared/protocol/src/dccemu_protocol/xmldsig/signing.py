"""Sign DUIS documents in the fixed profile.

Two ways in. ``sign`` takes any document, perhaps a published template with a placeholder Signature, and does what the
published clients do: drop the placeholder and the white space between elements, canonicalise, sign. ``XMLSigner``
takes octets that already *are* the canonical form of the unsigned document, which the answers built by
``duis.responses`` are, and only hashes, signs and splices. Source: duis.md section 7.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Final
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ..duis.canonical import canonical
from ..duis.document import DEFAULT, Element, Limits, parse_document
from ..duis.names import SIGNATURE
from ..errors import ProtocolError
from .form import CANONICAL_INFO, INFO_END, SIGNATURE_START

DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'


class XMLSigner:
    """A signing key with the identity that goes into KeyInfo.

    Parameters
    ----------
    key
        P-256 private key.
    issuer
        Issuer name of the signer's certificate, as text (``CN=Z1,OU=07``).
    serial
        Serial number of that certificate.
    deterministic
        Whether nonces follow RFC 6979, so that the same document always gets the same signature.
    """

    __slots__ = ("_algorithm", "_key", "_tail", "issuer", "serial")

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, issuer: str, serial: int, *, deterministic: bool = True
    ) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise ProtocolError("SIGNATURE_PROFILE", f"the key is on {key.curve.name}, not P-256", source="duis.md 7")
        self._key = key
        self._algorithm = ec.ECDSA(SHA256(), deterministic_signing=deterministic)
        self.issuer = issuer
        self.serial = serial
        self._tail = (
            "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>"
            f"{escape(issuer)}</ds:X509IssuerName><ds:X509SerialNumber>{serial}</ds:X509SerialNumber>"
            "</ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature>"
        ).encode()

    def sign_canonical(self, document: bytes) -> bytes:
        """Sign octets that are the inclusive canonical form of a document without Signature.

        Returns
        -------
        bytes
            The signed document with an XML declaration.
        """
        digest = base64.b64encode(sha256(document).digest())
        der = self._key.sign(CANONICAL_INFO + digest + INFO_END, self._algorithm)
        r, s = decode_dss_signature(der)
        value = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        end = document.rindex(b"</")
        return b"".join(
            (
                DECLARATION,
                document[:end],
                SIGNATURE_START,
                digest,
                INFO_END,
                b"<ds:SignatureValue>",
                value,
                self._tail,
                document[end:],
            )
        )

    def sign(self, document: bytes, limits: Limits = DEFAULT) -> bytes:
        """Sign any document: see the function ``sign``."""
        return self.sign_canonical(canonical_unsigned(parse_document(document, limits)))


def _drop_blank_text(root: Element) -> None:
    for element in root.iter():
        if len(element) and element.text is not None and not element.text.strip(" \t\r\n"):
            element.text = None
        if element is not root and element.tail is not None and not element.tail.strip(" \t\r\n"):
            element.tail = None


def canonical_unsigned(root: Element) -> bytes:
    """Give the canonical form of a document without Signature and without white space between elements.

    The tree handed in is changed: Signatures that are children of the root are taken out.
    """
    for signature in root.findall(SIGNATURE):
        root.remove(signature)
    _drop_blank_text(root)
    return canonical(root)


def sign(
    document: bytes, key: ec.EllipticCurvePrivateKey, issuer: str, serial: int, deterministic: bool = True
) -> bytes:
    """Sign a document as a published client would.

    Parameters
    ----------
    document
        Any DUIS document; Signatures it already carries are replaced.
    key, issuer, serial, deterministic
        As for ``XMLSigner``.

    Returns
    -------
    bytes
        The signed document: UTF-8, no white space between elements, Signature last.
    """
    return XMLSigner(key, issuer, serial, deterministic=deterministic).sign(document)
