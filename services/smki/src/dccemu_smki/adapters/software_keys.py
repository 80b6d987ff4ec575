"""The software key store: keys sealed with AES-256-GCM in the service's own schema.

The sealing key comes from a passphrase (scrypt) or from a file that only the service's user may read. Without it the
rows are worth nothing. The name of a key is authenticated with it, so that rows cannot be exchanged.
"""

from __future__ import annotations

import os
from pathlib import Path

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.pki import Signer, signer
from dccemu_runtime.entropy import Entropy

_SALT = b"dccemu smki sealing key"
_GET = "SELECT nonce, sealed FROM sealed_keys WHERE name = $1"
_PUT = "INSERT INTO sealed_keys (name, nonce, sealed) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING"


class KeyStoreError(EmulatorError):
    """The key store cannot give what the service needs."""


def sealing_key_of_passphrase(passphrase: str) -> bytes:
    """32 octets from a passphrase."""
    return Scrypt(salt=_SALT, length=32, n=2**14, r=8, p=1).derive(passphrase.encode())


def sealing_key_of_file(path: Path, entropy: Entropy) -> bytes:
    """32 octets from a file, made with mode 0600 when it is missing."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
    else:
        key = entropy.octets(32)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    if len(key) != 32:
        raise KeyStoreError(f"{path} does not hold a sealing key of 32 octets")
    return key


class SoftwareKeys:
    """Sealed keys in PostgreSQL.

    Parameters
    ----------
    repeatable
        Sign with deterministic nonces (RFC 6979), so that the same content gives the same octets.
    """

    def __init__(self, pool: asyncpg.Pool, sealing_key: bytes, entropy: Entropy, *, repeatable: bool = True) -> None:
        self._pool = pool
        self._seal = AESGCM(sealing_key)
        self._entropy = entropy
        self._repeatable = repeatable
        self._open: dict[str, ec.EllipticCurvePrivateKey] = {}

    async def create(self, name: str) -> ec.EllipticCurvePublicKey:
        if await self._find(name) is None:
            await self.put(name, self._entropy.stream(f"key {name}").private_key())
        return (await self._key(name)).public_key()

    async def put(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Seal a key that exists already; the first of a name stays."""
        nonce = self._entropy.octets(12)
        octets = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        await self._pool.execute(_PUT, name, nonce, self._seal.encrypt(nonce, octets, name.encode()))

    async def private_key(self, name: str) -> ec.EllipticCurvePrivateKey | None:
        """An end entity's key kept here (recovery, WAN provider); None when there is none."""
        return await self._find(name)

    async def signer(self, name: str) -> Signer:
        return signer(await self._key(name), deterministic=self._repeatable)

    async def close(self) -> None:
        self._open.clear()

    async def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        key = await self._find(name)
        if key is None:
            raise KeyStoreError(f"the key store has no key {name!r}")
        return key

    async def _find(self, name: str) -> ec.EllipticCurvePrivateKey | None:
        if name in self._open:
            return self._open[name]
        row = await self._pool.fetchrow(_GET, name)
        if row is None:
            return None
        try:
            octets = self._seal.decrypt(row["nonce"], row["sealed"], name.encode())
        except InvalidTag:
            raise KeyStoreError(
                f"the sealed key {name!r} does not open: passphrase or key file are not those it was sealed with"
            ) from None
        key = load_der_private_key(octets, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyStoreError(f"the key {name!r} is not an elliptic curve key")
        self._open[name] = key
        return key
