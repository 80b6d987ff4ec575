"""The profile's Signature written out: exclusive canonical form, prefix ``ds``, no white space between elements.

This is what ``signing`` writes and what most signers send, so ``verification`` recognises it in one step: a Signature
that ``read`` takes has the profile's shape to the octet, as it stands in the document or in exclusive canonical form.
Any other spelling of the same shape (another prefix, white space) is taken apart element by element.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..duis.names import DS
from .profile import ECDSA_SHA256, ENVELOPED, EXCLUSIVE_C14N, SHA256

INFO_INNER: Final = (
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>'
    f'<ds:SignatureMethod Algorithm="{ECDSA_SHA256}"></ds:SignatureMethod>'
    f'<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="{ENVELOPED}"></ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod><ds:DigestValue>'
).encode()
INFO_END: Final = b"</ds:DigestValue></ds:Reference></ds:SignedInfo>"
CANONICAL_INFO: Final = f'<ds:SignedInfo xmlns:ds="{DS}">'.encode() + INFO_INNER
SIGNATURE_START: Final = f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'.encode() + INFO_INNER
_BASE64: Final = rb"[A-Za-z0-9+/=\n]*"
_REST: Final = re.compile(
    rb"([A-Za-z0-9+/=]+)"
    + re.escape(INFO_END)
    + rb"<ds:SignatureValue>("
    + _BASE64
    + rb"(?:&#xD;"
    + _BASE64
    + rb")*)</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial>"
    + rb"<ds:X509IssuerName>([^<&\r]+)</ds:X509IssuerName>"
    + rb"<ds:X509SerialNumber>([0-9]{1,50})</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>"
    + rb"</ds:Signature>(</[^<>]+>[ \t\r\n]*)?\Z"
)


class Written(NamedTuple):
    """A Signature in this form: where it begins, its values as they are written, and the end tag after it."""

    start: int
    digest: bytes
    value: bytes
    issuer: bytes
    serial: bytes
    end: bytes | None


def read(octets: bytes) -> Written | None:
    """The Signature that ends the octets, if it is in this form; None when it is spelt otherwise.

    Parameters
    ----------
    octets
        The exclusive canonical form of the Signature, or a well-formed document that ends with it and the end tag of
        its root. Nothing in the form can stand in a comment, a CDATA section or an attribute that ends before the
        document does, so what matches there *is* the last child of the root, as the parser sees it.
    """
    at = octets.rfind(SIGNATURE_START)
    found = None if at < 0 else _REST.match(octets, at + len(SIGNATURE_START))
    if found is None:
        return None
    digest, value, issuer, serial, end = found.groups()
    return Written(at, digest, value.replace(b"&#xD;", b""), issuer, serial, end)
