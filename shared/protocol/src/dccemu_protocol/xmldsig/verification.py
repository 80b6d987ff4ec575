"""Verify the fixed XML signature profile of DUIS, and hand back only what was verified.

The Signature is the last child of the root, there is exactly one in the document, and its shape is the profile's to
the element and attribute: no second Reference, no other transform or algorithm, no embedded key. With ``URI=""`` and
the enveloped transform the signature covers the whole document less itself, so there is nothing left to wrap.

The digest of the reference is taken over *inclusive* Canonical XML 1.0 without comments, because the profile names no
canonicalisation transform; ``SignedInfo`` is canonicalised *exclusively*. Source: duis.md section 7.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ..duis.canonical import canonical
from ..duis.document import Element
from ..duis.names import SIGNATURE, local_name
from ..errors import ProtocolError
from . import form
from .profile import STRUCTURE, TEXT_BEARING, ds

_ECDSA: Final = ec.ECDSA(SHA256())
_P_256: Final = ec.SECP256R1.name
_SOURCE: Final = "duis.md 7"
_XML_SPACE: Final = " \t\r\n"
_MAX_SERIAL_DIGITS: Final = 50


class SignerKeys(Protocol):
    """Where verification keys come from; decides which signers are trusted at all.

    ``issuer`` is the text found in the message: compare it with ``xmldsig.name_key``, never as text.
    """

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None: ...


class VerifiedDocument(NamedTuple):
    """What a signature covers: ``root`` is the document without its Signature. Use nothing else."""

    root: Element
    issuer: str
    serial: int


def _refuse(rule: str, detail: str, place: str = "Signature") -> ProtocolError:
    return ProtocolError(rule, detail, place=place, source=_SOURCE)


def _is_blank(text: str | None) -> bool:
    return text is None or not text.strip(_XML_SPACE)


def attributes_of(element: Element) -> dict[str, str]:
    """The attributes of an element as text."""
    return {str(name): str(value) for name, value in element.attrib.items()}


def _check_shape(element: Element, expected: str, texts: dict[str, str]) -> None:
    name = local_name(expected)
    if element.tag != expected:
        raise _refuse("SIGNATURE_PROFILE", f"{element.tag!r} stands where {name} belongs")
    attributes, children = STRUCTURE[expected]
    if attributes_of(element) != attributes:
        raise _refuse("SIGNATURE_PROFILE", f"the attributes {attributes_of(element)!r} are not the profile's", name)
    if expected in TEXT_BEARING:
        texts[name] = element.text or ""
    elif not _is_blank(element.text):
        raise _refuse("SIGNATURE_PROFILE", "text stands between the elements", name)
    if len(element) != len(children):
        found = [local_name(str(child.tag)) for child in element]
        raise _refuse("SIGNATURE_PROFILE", f"the children {found!r} are not the profile's", name)
    for child, wanted in zip(element, children, strict=True):
        _check_shape(child, wanted, texts)
        if not _is_blank(child.tail):
            raise _refuse("SIGNATURE_PROFILE", "text stands between the elements", name)


def find_signature(root: Element) -> Element:
    """Find the one Signature, which must be the last child of the root.

    Raises
    ------
    ProtocolError
        ``SIGNATURE_MISSING``, ``SIGNATURE_REPEATED`` or ``SIGNATURE_MISPLACED``.
    """
    found = list(root.iter(SIGNATURE))
    if not found:
        raise _refuse("SIGNATURE_MISSING", "the document is not signed", "/")
    if len(found) > 1:
        raise _refuse("SIGNATURE_REPEATED", f"the document holds {len(found)} Signatures", "/")
    if len(root) == 0 or root[-1] is not found[0]:
        raise _refuse("SIGNATURE_MISPLACED", "the Signature is not the last child of the root")
    return found[0]


def _octets(text: str, length: int, name: str) -> bytes:
    try:
        value = binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise _refuse("SIGNATURE_PROFILE", "the value is not base64", name) from None
    if len(value) != length:
        raise _refuse("SIGNATURE_PROFILE", f"the value has {len(value)} octets, not {length}", name)
    return value


def _serial(text: str) -> int:
    digits = text.strip(_XML_SPACE)
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_SERIAL_DIGITS:
        raise _refuse("SIGNATURE_PROFILE", f"{digits[:60]!r} is not a serial number", "X509SerialNumber")
    return int(digits)


class Claim(NamedTuple):
    """What a Signature says: values as text, and the octets that its value signs."""

    signed_info: bytes
    digest: str
    value: str
    issuer: str
    serial: int

    @classmethod
    def of(cls, written: form.Written) -> Claim:
        """What a Signature in the usual form says."""
        return cls(
            form.CANONICAL_INFO + written.digest + form.INFO_END,
            written.digest.decode(),
            written.value.decode(),
            written.issuer.decode().strip(_XML_SPACE),
            int(written.serial),
        )


def _read_claim(signature: Element, document: bytes | None = None) -> Claim:
    found = None if document is None else form.read(document)
    found = found or form.read(canonical(signature, exclusive=True))
    if found is not None:
        return Claim.of(found)
    texts: dict[str, str] = {}
    _check_shape(signature, ds("Signature"), texts)
    return Claim(
        canonical(signature[0], exclusive=True),
        texts["DigestValue"],
        texts["SignatureValue"],
        texts["X509IssuerName"].strip(_XML_SPACE),
        _serial(texts["X509SerialNumber"]),
    )


def _detach(signature: Element) -> None:
    """Take the Signature out and leave the white space around it, as the enveloped transform does."""
    root = signature.getparent()
    assert root is not None
    tail, before = signature.tail or "", signature.getprevious()
    root.remove(signature)
    if before is not None:
        before.tail = (before.tail or "") + tail or None
    else:
        root.text = (root.text or "") + tail or None


def verify(root: Element, keys: SignerKeys, document: bytes | None = None) -> VerifiedDocument:
    """Verify a document and return it without its Signature.

    The tree handed in is changed: the Signature is taken out of it.

    Parameters
    ----------
    root
        Root element from ``parse_document`` (which drops comments and refuses processing instructions).
    keys
        Finds the public key of a trusted signer.
    document
        The very octets that ``root`` was parsed from, where they are at hand: a Signature in the usual spelling is
        then read without writing it out again.

    Raises
    ------
    ProtocolError
        ``SIGNATURE_MISSING``, ``SIGNATURE_REPEATED``, ``SIGNATURE_MISPLACED``, ``SIGNATURE_PROFILE``,
        ``SIGNATURE_SIGNER_UNKNOWN``, ``SIGNATURE_DIGEST``, ``SIGNATURE_VALUE`` or ``NOT_CANONICAL``.
    """
    signature = find_signature(root)
    claim = _read_claim(signature, document)

    def covered() -> bytes:
        _detach(signature)
        return canonical(root)

    judge(claim, keys, covered)
    return VerifiedDocument(root, claim.issuer, claim.serial)


def judge(claim: Claim, keys: SignerKeys, covered: Callable[[], bytes]) -> None:
    """Verify what a Signature claims of the octets it covers, which are asked for when the signer is known.

    Raises
    ------
    ProtocolError
        ``SIGNATURE_PROFILE``, ``SIGNATURE_SIGNER_UNKNOWN``, ``SIGNATURE_DIGEST`` or ``SIGNATURE_VALUE``.
    """
    digest = _octets(claim.digest, 32, "DigestValue")
    value = _octets(claim.value, 64, "SignatureValue")
    key = keys.find(claim.issuer, claim.serial)
    if key is None:
        raise _refuse(
            "SIGNATURE_SIGNER_UNKNOWN",
            f"no trusted signer has serial {claim.serial} of {claim.issuer[:80]!r}",
            "KeyInfo",
        )
    if key.curve.name != _P_256:
        raise _refuse("SIGNATURE_PROFILE", f"the signer's key is on {key.curve.name}, not P-256", "KeyInfo")
    if not hmac.compare_digest(sha256(covered()).digest(), digest):
        raise _refuse("SIGNATURE_DIGEST", "the document is not the one that was signed", "DigestValue")
    r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), claim.signed_info, _ECDSA)
    except InvalidSignature:
        raise _refuse(
            "SIGNATURE_VALUE", "the signature does not verify with the signer's key", "SignatureValue"
        ) from None
