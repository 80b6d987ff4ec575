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
_SIGNATURE: Final = b"<ds:Signature "
_VALUE_START: Final = INFO_END + b"<ds:SignatureValue>"
_ISSUER_START: Final = b"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>"
_SERIAL_START: Final = b"</ds:X509IssuerName><ds:X509SerialNumber>"
_END: Final = b"</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo></ds:Signature>"
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_BASE64_LINES: Final = _BASE64 + b"\n"
_RETURN: Final = b"&#xD;"
_NO_TEXT: Final = re.compile(rb"[<&\r]")
_END_TAG: Final = re.compile(rb"</[^<>]+>[ \t\r\n]*\Z")
_MOST_DIGITS: Final = 50


class Written(NamedTuple):
    """A Signature in this form: where it begins, its values as they are written, the end tag after it (or nothing)."""

    start: int
    digest: bytes
    value: bytes
    issuer: bytes
    serial: bytes
    end: bytes


def read(octets: bytes) -> Written | None:
    """The Signature that ends the octets, if it is in this form; None when it is spelt otherwise.

    Parameters
    ----------
    octets
        The exclusive canonical form of the Signature, or a well-formed document that ends with it and the end tag of
        its root. Nothing in the form can stand in a comment, a CDATA section or an attribute that ends before the
        document does, so what matches there *is* the last child of the root, as the parser sees it.
    """
    at = octets.rfind(_SIGNATURE)
    if at < 0 or not octets.startswith(SIGNATURE_START, at):
        return None
    digest, _, rest = octets[at + len(SIGNATURE_START) :].partition(_VALUE_START)
    value, _, rest = rest.partition(_ISSUER_START)
    issuer, _, rest = rest.partition(_SERIAL_START)
    serial, found, end = rest.partition(_END)
    if not found or not digest or digest.translate(None, _BASE64):
        return None
    if value.translate(None, _BASE64):
        value = value.replace(_RETURN, b"")
        if value.translate(None, _BASE64_LINES):
            return None
    if not issuer or _NO_TEXT.search(issuer) or not serial.isdigit() or len(serial) > _MOST_DIGITS:
        return None
    if end and not _END_TAG.match(end):
        return None
    return Written(at, digest, value, issuer, serial, end)
