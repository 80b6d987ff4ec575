"""The PKCS#11 key store: CA keys are made in a token and never leave it."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from dccemu_protocol.pki import Signer

from .cryptoki import PRIVATE_KEY, PUBLIC_KEY, Cryptoki
from .software_keys import KeyStoreError


class Pkcs11Keys:
    """Keys of certificate authorities in a PKCS#11 token, found by their labels."""

    def __init__(self, module: Path, token: str, pin: str) -> None:
        self._cryptoki = Cryptoki(module, token, pin)
        self._signers: dict[str, Signer] = {}

    async def create(self, name: str) -> ec.EllipticCurvePublicKey:
        return await asyncio.to_thread(self._create, name)

    async def signer(self, name: str) -> Signer:
        if name not in self._signers:
            handle = await asyncio.to_thread(self._cryptoki.find, PRIVATE_KEY, name)
            if handle is None:
                raise KeyStoreError(f"the token has no private key {name!r}")
            self._signers[name] = self._signer(handle)
        return self._signers[name]

    async def close(self) -> None:
        self._signers.clear()
        await asyncio.to_thread(self._cryptoki.close)

    def _create(self, name: str) -> ec.EllipticCurvePublicKey:
        handle = self._cryptoki.find(PUBLIC_KEY, name)
        if handle is None:
            self._cryptoki.generate(name)
            handle = self._cryptoki.find(PUBLIC_KEY, name)
        if handle is None:
            raise KeyStoreError(f"the token made no key {name!r}")
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self._cryptoki.point(handle))

    def _signer(self, handle: int) -> Signer:
        def sign(content: bytes) -> bytes:
            pair = self._cryptoki.sign(handle, hashlib.sha256(content).digest())
            return encode_dss_signature(int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big"))

        return sign
