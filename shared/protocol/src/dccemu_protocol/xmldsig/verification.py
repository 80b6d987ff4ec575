"""Verify the fixed XML signature profile of DUIS, and hand back only what was verified.

The Signature is the last child of the root, there is exactly one in the document, and its shape is the profile's to
the element and attribute: no second Reference, no other transform or algorithm, no embedded key. With ``URI=""`` and
the enveloped transform the signature covers the whole document less itself, so there is nothing left to wrap.

The digest of the reference is taken over *inclusive* Canonical XML 1.0 without comments, because the profile names no
canonicalisation transform; ``SignedInfo`` is canonicalised *exclusively*. Source: duis.md section 7.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..duis.canonical import canonical
from ..duis.document import Element
from ..duis.names import SIGNATURE, local_name
from . import form
from .claim import XML_SPACE, Claim, SignerKeys, judge, refuse
from .profile import STRUCTURE, TEXT_BEARING, ds

_MAX_SERIAL_DIGITS: Final = 50


class VerifiedDocument(NamedTuple):
    """What a signature covers: ``root`` is the document without its Signature. Use nothing else."""

    root: Element
    issuer: str
    serial: int


def _is_blank(text: str | None) -> bool:
    return text is None or not text.strip(XML_SPACE)


def attributes_of(element: Element) -> dict[str, str]:
    """The attributes of an element as text."""
    return {str(name): str(value) for name, value in element.attrib.items()}


def _check_shape(element: Element, expected: str, texts: dict[str, str]) -> None:
    name = local_name(expected)
    if element.tag != expected:
        raise refuse("SIGNATURE_PROFILE", f"{element.tag!r} stands where {name} belongs")
    attributes, children = STRUCTURE[expected]
    if attributes_of(element) != attributes:
        raise refuse("SIGNATURE_PROFILE", f"the attributes {attributes_of(element)!r} are not the profile's", name)
    if expected in TEXT_BEARING:
        texts[name] = element.text or ""
    elif not _is_blank(element.text):
        raise refuse("SIGNATURE_PROFILE", "text stands between the elements", name)
    if len(element) != len(children):
        found = [local_name(str(child.tag)) for child in element]
        raise refuse("SIGNATURE_PROFILE", f"the children {found!r} are not the profile's", name)
    for child, wanted in zip(element, children, strict=True):
        _check_shape(child, wanted, texts)
        if not _is_blank(child.tail):
            raise refuse("SIGNATURE_PROFILE", "text stands between the elements", name)


def find_signature(root: Element) -> Element:
    """Find the one Signature, which must be the last child of the root.

    Raises
    ------
    ProtocolError
        ``SIGNATURE_MISSING``, ``SIGNATURE_REPEATED`` or ``SIGNATURE_MISPLACED``.
    """
    found = list(root.iter(SIGNATURE))
    if not found:
        raise refuse("SIGNATURE_MISSING", "the document is not signed", "/")
    if len(found) > 1:
        raise refuse("SIGNATURE_REPEATED", f"the document holds {len(found)} Signatures", "/")
    if len(root) == 0 or root[-1] is not found[0]:
        raise refuse("SIGNATURE_MISPLACED", "the Signature is not the last child of the root")
    return found[0]


def _serial(text: str) -> int:
    digits = text.strip(XML_SPACE)
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_SERIAL_DIGITS:
        raise refuse("SIGNATURE_PROFILE", f"{digits[:60]!r} is not a serial number", "X509SerialNumber")
    return int(digits)


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
        texts["X509IssuerName"].strip(XML_SPACE),
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
