"""Putting a signed structure together from its to-be-signed octets and a signature made elsewhere.

Keys of certificate authorities may live in a hardware module, where no builder of the library can reach them. So the
content of certificates and lists is built without the key (``profiles``, ``revocation``), the key's owner signs the
octets, and this module makes ``SEQUENCE { content, ecdsa-with-SHA256, BIT STRING }`` of the two.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

Signer = Callable[[bytes], bytes]
"""Signs octets with ECDSA, P-256, SHA-256; gives the DER signature."""

# SEQUENCE { OID 1.2.840.10045.4.3.2 }, no parameters (smki.md section 2).
ECDSA_WITH_SHA256 = bytes.fromhex("300A06082A8648CE3D040302")

# A key that everybody knows, only to satisfy the library's builders: what they sign with it is thrown away.
SCAFFOLD_KEY = ec.derive_private_key(1, ec.SECP256R1())

_ECDSA_RANDOM = ec.ECDSA(hashes.SHA256())
_ECDSA_REPEATABLE = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def signer(key: ec.EllipticCurvePrivateKey, *, deterministic: bool = True) -> Signer:
    """Sign with a key held in memory."""
    algorithm = _ECDSA_REPEATABLE if deterministic else _ECDSA_RANDOM
    return lambda content: key.sign(content, algorithm)


def length_octets(length: int) -> bytes:
    """DER length."""
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def assemble(content: bytes, signature: bytes) -> bytes:
    """The signed structure: certificate, revocation list or request alike."""
    bits = b"\x03" + length_octets(len(signature) + 1) + b"\x00" + signature
    body = content + ECDSA_WITH_SHA256 + bits
    return b"\x30" + length_octets(len(body)) + body
