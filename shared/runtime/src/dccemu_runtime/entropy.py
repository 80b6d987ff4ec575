"""The one source of randomness: octets, numbers, identifiers and private keys.

Without a seed it is the operating system's. With a seed it is SHA-256 in counter mode, so that the same seed and the
same order of calls give the same octets (promise I7). ``child`` gives each service a stream of its own, so that the
interleaving of services does not change what each one draws; within a service ``stream`` does the same for each thing
that is drawn for (a key, a certificate, a Device), whichever of them is asked for first.
"""

from __future__ import annotations

import hashlib
import secrets

from cryptography.hazmat.primitives.asymmetric import ec

# The order of the P-256 group (FIPS 186-4, appendix D.1.2.3): a private key is 1 to order - 1.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# RFC 9562, section 5.4: version and variant are set, the other bits are drawn.
_UUID_VERSION_4 = 0x00000000_0000_4000_8000_000000000000
_UUID_DRAWN = 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF


class Entropy:
    """A source of random octets.

    Parameters
    ----------
    seed
        Any integer or text for a repeatable stream, ``None`` for the operating system's randomness.
    """

    def __init__(self, seed: int | str | None = None) -> None:
        self._root = None if seed is None else hashlib.sha256(b"dccemu entropy " + str(seed).encode()).digest()
        self._drawn_from = self._root
        self._counter = 0
        self._buffer = b""
        self._streams: dict[str, Entropy] = {}

    @property
    def is_seeded(self) -> bool:
        return self._root is not None

    def child(self, name: str) -> Entropy:
        """An independent stream; the same name under the same seed is the same stream."""
        child = Entropy()
        if self._root is not None:
            child._root = child._drawn_from = hashlib.sha256(self._root + b" child " + name.encode()).digest()
        return child

    def after(self, starts: int) -> Entropy:
        """The same source for a process that has been started so many times before on what it keeps.

        What is drawn in order (ids of messages, nonces) differs from what earlier starts drew, or a message would be
        taken for one that was handled long ago. Children and streams, which have names, stay what they are.
        """
        later = Entropy()
        if self._root is not None:
            later._root = self._root
            later._drawn_from = hashlib.sha256(self._root + b" start %d" % starts).digest() if starts else self._root
        return later

    def stream(self, name: str) -> Entropy:
        """The stream of one thing, going on where it was: what others draw meanwhile does not change it.

        It begins anew with the process: put the time into the name of what is drawn for again and must differ.
        """
        if self._root is None:
            return self
        return self._streams.setdefault(name, self.child(name))

    def octets(self, count: int) -> bytes:
        """``count`` random octets."""
        if self._drawn_from is None:
            return secrets.token_bytes(count)
        while len(self._buffer) < count:
            self._buffer += hashlib.sha256(self._drawn_from + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def uuid(self) -> str:
        """A random UUID (version 4) as text."""
        number = int.from_bytes(self.octets(16), "big") & _UUID_DRAWN | _UUID_VERSION_4
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def number(self, below: int) -> int:
        """A whole number from 0 to ``below`` - 1, without noticeable bias."""
        if below <= 0:
            raise ValueError(f"below is {below}, it must be positive")
        return int.from_bytes(self.octets((below.bit_length() + 7) // 8 + 8), "big") % below

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """A P-256 private key."""
        return ec.derive_private_key(1 + self.number(_P256_ORDER - 1), ec.SECP256R1())
