"""What a Signature claims, and whether it is true (duis.md section 7)."""

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

from ..errors import ProtocolError
from . import form

_ECDSA: Final = ec.ECDSA(SHA256())
_P_256: Final = ec.SECP256R1.name
_SOURCE: Final = "duis.md 7"
XML_SPACE: Final = " \t\r\n"


class SignerKeys(Protocol):
    """Where verification keys come from; decides which signers are trusted at all.

    ``issuer`` is the text found in the message: compare it with ``xmldsig.name_key``, never as text.
    """

    def find(self, issuer: str, serial: int) -> ec.EllipticCurvePublicKey | None: ...


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
            written.issuer.decode().strip(XML_SPACE),
            int(written.serial),
        )


def refuse(rule: str, detail: str, place: str = "Signature") -> ProtocolError:
    return ProtocolError(rule, detail, place=place, source=_SOURCE)


def _octets(text: str, length: int, name: str) -> bytes:
    try:
        value = binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise refuse("SIGNATURE_PROFILE", "the value is not base64", name) from None
    if len(value) != length:
        raise refuse("SIGNATURE_PROFILE", f"the value has {len(value)} octets, not {length}", name)
    return value


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
        raise refuse(
            "SIGNATURE_SIGNER_UNKNOWN",
            f"no trusted signer has serial {claim.serial} of {claim.issuer[:80]!r}",
            "KeyInfo",
        )
    if key.curve.name != _P_256:
        raise refuse("SIGNATURE_PROFILE", f"the signer's key is on {key.curve.name}, not P-256", "KeyInfo")
    if not hmac.compare_digest(sha256(covered()).digest(), digest):
        raise refuse("SIGNATURE_DIGEST", "the document is not the one that was signed", "DigestValue")
    r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), claim.signed_info, _ECDSA)
    except InvalidSignature:
        raise refuse(
            "SIGNATURE_VALUE", "the signature does not verify with the signer's key", "SignatureValue"
        ) from None
