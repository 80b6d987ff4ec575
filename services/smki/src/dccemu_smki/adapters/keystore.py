"""The key-store port: CA keys stay inside, only signatures come out."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.pki import Signer


class AuthorityKeys(Protocol):
    """Where the keys of certificate authorities live."""

    async def create(self, name: str) -> ec.EllipticCurvePublicKey:
        """Make a P-256 key, or find the one of this name; give its public half."""

    async def signer(self, name: str) -> Signer:
        """A function that signs octets with that key, for any thread.

        Raises
        ------
        KeyStoreError
            When there is no such key or the store is away.
        """

    async def close(self) -> None:
        """Let the store go."""
