"""Signature, MAC and encryption of GBCS messages (gbcs.md section 4).

Key agreement is static-static ECDH on P-256, so one shared secret serves every message between two parties; the
cache makes a MAC cost one SHA-256 and one GCM call. It holds the key objects themselves and finds them by identity:
keep parsed keys, do not parse them anew for each message.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256

from ..identifiers import Eui64
from .envelope import MAC_LENGTH, GbcsMessage, encode_grouping, signed_part, wrap
from .errors import (
    BAD_LENGTH,
    DECRYPTION_FAILED,
    MAC_ABSENT,
    MAC_INVALID,
    SIGNATURE_ABSENT,
    SIGNATURE_INVALID,
    GbcsError,
)

USE_ENCRYPTION = 4
_ALGORITHM = bytes.fromhex("60857406080300")
_AUTHENTICATED = b"\x11\x00\x00\x00\x00\x00"
_CIPHER_HEADER = b"\x31\x00\x00\x00\x00"
_ENCRYPTED = b"\x31"
_ZERO_INVOCATION = b"\x00\x00\x00\x00"
_DETERMINISTIC = ec.ECDSA(SHA256(), deterministic_signing=True)
_RANDOM = ec.ECDSA(SHA256())
_VERIFY = _RANDOM

_Entry: TypeAlias = tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey, bytes]


class SecretCache:
    """Shared secrets of pairs of key objects, the oldest dropped when ``limit`` is reached."""

    __slots__ = ("_found", "limit")

    def __init__(self, limit: int = 65536) -> None:
        self.limit = limit
        self._found: dict[Hashable, _Entry] = {}

    def get(self, private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> bytes:
        """The secret of the pair; identities cannot be reused while the cache holds the objects."""
        pair = (id(private), id(public))
        found = self._found.get(pair)
        if found is not None:
            return found[2]
        secret = private.exchange(ec.ECDH(), public)
        while len(self._found) >= self.limit:
            self._found.pop(next(iter(self._found)), None)
        self._found[pair] = (private, public, secret)
        return secret

    def clear(self) -> None:
        """Forget every secret."""
        self._found.clear()

    def __len__(self) -> int:
        return len(self._found)


SECRETS = SecretCache()


def shared_secret(private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> bytes:
    """Z of the key agreement: the 32-octet x coordinate, cached by the identity of the two key objects."""
    return SECRETS.get(private, public)


def derive_key(secret: bytes, originator: Eui64, use: int, counter: int, recipient: Eui64) -> bytes:
    """AES-128 key (gbcs.md section 4.2); ``use`` is 1, 2, 3 for the MAC of a Command, Response, Alert, 4 to encrypt."""
    return sha256(
        b"".join(
            (
                b"\x00\x00\x00\x01",
                secret,
                _ALGORITHM,
                originator.octets,
                b"\x09",
                bytes((use,)),
                counter.to_bytes(8, "big"),
                recipient.octets,
            )
        )
    ).digest()[:16]


# -- signature -------------------------------------------------------------------------------------------------------


def sign(message: GbcsMessage, private_key: ec.EllipticCurvePrivateKey, deterministic: bool = True) -> GbcsMessage:
    """The message with its ECDSA signature r || s; a MAC there was is dropped, for it covered the old signature."""
    how = _DETERMINISTIC if deterministic else _RANDOM
    return replace(message, signature=_signature_of(signed_part(message), private_key, how), mac=None)


def encode_signed(message: GbcsMessage, private_key: ec.EllipticCurvePrivateKey) -> bytes:
    """``encode(sign(message, private_key))``, encoding once."""
    signed = signed_part(message)
    return b"".join((b"\xdf", signed, b"\x40", _signature_of(signed, private_key, _DETERMINISTIC)))


def _signature_of(signed: bytes, private_key: ec.EllipticCurvePrivateKey, how: ec.ECDSA) -> bytes:
    r, s = decode_dss_signature(private_key.sign(signed, how))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify_signature(message: GbcsMessage, public_key: ec.EllipticCurvePublicKey) -> None:
    """Raise ``GBCS_SIGNATURE_ABSENT`` or ``GBCS_SIGNATURE_INVALID`` unless the signature is the key's."""
    signature = message.signature
    if not signature:
        raise GbcsError(SIGNATURE_ABSENT, "the message is not signed")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    try:
        public_key.verify(encode_dss_signature(r, s), signed_part(message), _VERIFY)
    except InvalidSignature:
        raise GbcsError(SIGNATURE_INVALID, "the signature does not verify", source="gbcs.md section 4.1") from None


# -- MAC -------------------------------------------------------------------------------------------------------------


def mac_of(message: GbcsMessage, grouping: bytes, secret: bytes) -> bytes:
    """The 12-octet MAC of an encoded grouping layer (gbcs.md section 4.4)."""
    key = derive_key(secret, message.originator, message.cra, message.counter, message.target)
    iv = message.originator.octets + _ZERO_INVOCATION
    return AESGCM(key).encrypt(iv, b"", _AUTHENTICATED + grouping)[:MAC_LENGTH]


def add_mac(message: GbcsMessage, secret: bytes) -> GbcsMessage:
    """The message with its MAC; a message without signature field gets the empty one first."""
    if message.signature is None:
        message = replace(message, signature=b"")
    return replace(message, mac=mac_of(message, encode_grouping(message), secret))


def encode_with_mac(message: GbcsMessage, secret: bytes) -> bytes:
    """``encode(add_mac(message, secret))``, encoding once."""
    grouping = encode_grouping(message)
    if message.signature is None:
        grouping += b"\x00"
    return wrap(grouping, mac_of(message, grouping, secret))


def verify_mac(message: GbcsMessage, secret: bytes) -> None:
    """Raise ``GBCS_MAC_ABSENT`` or ``GBCS_MAC_INVALID`` unless the MAC is made with this secret."""
    if message.mac is None:
        raise GbcsError(MAC_ABSENT, "the message has no MAC")
    if not compare_digest(mac_of(message, encode_grouping(message), secret), message.mac):
        raise GbcsError(MAC_INVALID, "the MAC does not verify", source="gbcs.md section 4.4")


# -- encryption ------------------------------------------------------------------------------------------------------


def encryption_key(message: GbcsMessage, secret: bytes) -> bytes:
    """Key of the encrypted values of a Response or Alert: the supplementary identities where there are any."""
    other = message.other
    counter = other.supplementary_originator_counter
    return derive_key(
        secret,
        message.originator,
        USE_ENCRYPTION,
        message.counter if counter is None else counter,
        other.supplementary_party or message.target,
    )


def encrypt(plain: bytes, key: bytes, originator: Eui64) -> bytes:
    """``31 00000000 || cipher text || tag(12)`` (gbcs.md section 4.5); the originator is the Device."""
    sealed = AESGCM(key).encrypt(originator.octets + _ZERO_INVOCATION, plain, _ENCRYPTED)
    return _CIPHER_HEADER + sealed[: len(plain) + MAC_LENGTH]


def decrypt(blob: bytes, key: bytes, originator: Eui64) -> bytes:
    """The plain text of a blob, or ``GBCS_DECRYPTION_FAILED``."""
    if len(blob) < len(_CIPHER_HEADER) + MAC_LENGTH or not blob.startswith(_CIPHER_HEADER):
        raise GbcsError(BAD_LENGTH, "an encrypted value is 31 00000000, cipher text and a tag of 12 octets", 0)
    mode = GCM(originator.octets + _ZERO_INVOCATION, blob[-MAC_LENGTH:], min_tag_length=MAC_LENGTH)
    decryptor = Cipher(AES(key), mode).decryptor()
    decryptor.authenticate_additional_data(_ENCRYPTED)
    try:
        return decryptor.update(blob[len(_CIPHER_HEADER) : -MAC_LENGTH]) + decryptor.finalize()
    except InvalidTag:
        raise GbcsError(DECRYPTION_FAILED, "the tag of the encrypted value does not verify") from None
