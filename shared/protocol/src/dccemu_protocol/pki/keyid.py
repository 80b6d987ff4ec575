"""Key identifiers: RFC 5280 section 4.2.1.2 method 2 (smki.md section 2, equal for every published certificate)."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def public_point(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 65 octets of the uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def key_identifier(point: bytes) -> bytes:
    """Eight octets: the last eight of SHA-1 over the point, the top four bits replaced by 0100."""
    tail = hashlib.sha1(point, usedforsecurity=False).digest()[-8:]
    return bytes([0x40 | (tail[0] & 0x0F)]) + tail[1:]
