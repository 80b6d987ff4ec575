"""A service's private keys: made once, kept in its own schema, never on the bus."""

from __future__ import annotations

from typing import cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .database import Database
from .entropy import Entropy

_PUT = "INSERT INTO keys (name, pkcs8) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"


class Keys:
    """The private keys of one service by the service's own names for them."""

    def __init__(self, database: Database, entropy: Entropy) -> None:
        self._database = database
        self._entropy = entropy
        self._cache: dict[str, ec.EllipticCurvePrivateKey] = {}

    async def load(self) -> None:
        """Read all keys into memory."""
        for row in await self._database.pool.fetch("SELECT name, pkcs8 FROM keys"):
            self._cache[row[0]] = _read(row[1])

    def find(self, name: str) -> ec.EllipticCurvePrivateKey | None:
        return self._cache.get(name)

    def names(self) -> list[str]:
        return sorted(self._cache)

    async def ensure(self, name: str) -> ec.EllipticCurvePrivateKey:
        """The key ``name``, made now when it is missing; workers that race agree on one."""
        if name not in self._cache:
            await self.put(name, self._entropy.stream(f"key {name}").private_key())
        return self._cache[name]

    async def put(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Keep ``key`` unless there is one of this name already: the first stays."""
        await self._database.pool.execute(_PUT, name, _write(key))
        self._cache[name] = _read(await self._database.pool.fetchval("SELECT pkcs8 FROM keys WHERE name = $1", name))

    async def replace(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Keep ``key`` instead of what was there."""
        await self._database.pool.execute(
            "INSERT INTO keys (name, pkcs8) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET pkcs8 = EXCLUDED.pkcs8",
            name,
            _write(key),
        )
        self._cache[name] = key


def _write(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read(pkcs8: bytes) -> ec.EllipticCurvePrivateKey:
    return cast(ec.EllipticCurvePrivateKey, serialization.load_der_private_key(pkcs8, None))
