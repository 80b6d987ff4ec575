"""Where reading finds keys: a port, and the port over a key store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from ..identifiers import Eui64
from ..pki.keystore import Keystore
from ..pki.names import Usage


class KeySource(Protocol):
    """Keys by owner; an owner may have several of one usage, of different roles or renewed."""

    def public_keys(self, eui: Eui64, usage: Usage, role: int | None = None) -> Sequence[ec.EllipticCurvePublicKey]:
        """Certified public keys, the preferred one first."""

    def private_keys(self, eui: Eui64, usage: Usage) -> Sequence[ec.EllipticCurvePrivateKey]:
        """Private keys at hand."""

    def owners(self, role: int) -> Sequence[Eui64]:
        """The parties known in a remote party role."""


class NoKeys:
    """A source without keys: messages are read, nothing is verified."""

    def public_keys(self, eui: Eui64, usage: Usage, role: int | None = None) -> Sequence[ec.EllipticCurvePublicKey]:
        return ()

    def private_keys(self, eui: Eui64, usage: Usage) -> Sequence[ec.EllipticCurvePrivateKey]:
        return ()

    def owners(self, role: int) -> Sequence[Eui64]:
        return ()


class KeystoreKeys:
    """The keys of a key store; key objects stay the same, so that shared secrets are found again."""

    def __init__(self, store: Keystore) -> None:
        self._public: dict[tuple[Eui64, Usage, int | None], tuple[ec.EllipticCurvePublicKey, ...]] = {}
        self._private: dict[tuple[Eui64, Usage], tuple[ec.EllipticCurvePrivateKey, ...]] = {}
        self._owners: dict[int, list[Eui64]] = {}
        self._store = store
        for entry in store:
            if entry.role is not None and entry.eui not in self._owners.setdefault(entry.role, []):
                self._owners[entry.role].append(entry.eui)

    def public_keys(self, eui: Eui64, usage: Usage, role: int | None = None) -> Sequence[ec.EllipticCurvePublicKey]:
        """Each public key once: renewed certificates often keep theirs."""
        found = self._public.get((eui, usage, role))
        if found is None:
            by_point = {one.point: one.public_key for one in reversed(self._store.certificates(eui, usage, role))}
            found = self._public[eui, usage, role] = tuple(reversed(by_point.values()))
        return found

    def private_keys(self, eui: Eui64, usage: Usage) -> Sequence[ec.EllipticCurvePrivateKey]:
        """Each private key once."""
        found = self._private.get((eui, usage))
        if found is None:
            found = self._private[eui, usage] = self._store.private_keys(eui, usage)
        return found

    def owners(self, role: int) -> Sequence[Eui64]:
        """Owners of entries of that role, in the store's order."""
        return self._owners.get(role, ())
