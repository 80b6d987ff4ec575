"""Is the signature, is the MAC, of a message good, as far as the keys at hand can tell (gbcs.md section 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from ..identifiers import Eui64
from ..pki.names import Usage
from .crypto import decrypt, encryption_key, shared_secret, verify_mac, verify_signature
from .der_types import Role
from .envelope import CRA, GbcsMessage
from .errors import GbcsError
from .keysource import KeySource

HAN_COMMANDS = frozenset((0x0090, 0x009B, 0x0116, 0x0117, 0x0118, 0x0119))
"""Message codes that one Device sends to another: the MAC of these Commands is between the two."""


class Verdict(StrEnum):
    """What checking a protection came to."""

    VALID = "valid"
    INVALID = "invalid"
    ABSENT = "absent"
    UNKNOWN_KEY = "unknown-key"


def signature_verdict(message: GbcsMessage, keys: KeySource) -> Verdict:
    """Check the signature with the originator's digital signature keys."""
    if not message.signature:
        return Verdict.ABSENT
    verdict = Verdict.UNKNOWN_KEY
    for key in keys.public_keys(message.originator, Usage.DIGITAL_SIGNATURE):
        verdict = Verdict.INVALID
        try:
            verify_signature(message, key)
        except GbcsError:
            continue
        return Verdict.VALID
    return verdict


def mac_verdict(message: GbcsMessage, keys: KeySource) -> Verdict:
    """Check the MAC with the secrets of those who may have made it and the other end."""
    if message.mac is None:
        return Verdict.ABSENT
    verdict = Verdict.UNKNOWN_KEY
    for sender in _mac_makers(message, keys):
        for secret in secrets(sender, message.target, keys):
            verdict = Verdict.INVALID
            try:
                verify_mac(message, secret)
            except GbcsError:
                continue
            return Verdict.VALID
    return verdict


def _mac_makers(message: GbcsMessage, keys: KeySource) -> tuple[Eui64, ...]:
    """The broker makes the MAC of every Command that comes from outside the home."""
    if message.cra is CRA.COMMAND and message.message_code not in HAN_COMMANDS:
        return tuple(keys.owners(Role.ACCESS_CONTROL_BROKER))
    return (message.originator,)


def secrets(one: Eui64, other: Eui64, keys: KeySource) -> Iterator[bytes]:
    """Shared secrets of two parties, from the private keys of either."""
    for mine, theirs in ((one, other), (other, one)):
        for private in keys.private_keys(mine, Usage.KEY_AGREEMENT):
            for public in keys.public_keys(theirs, Usage.KEY_AGREEMENT):
                yield shared_secret(private, public)


class Opener:
    """Opens the encrypted values of one message; the key that fitted first is kept for the next."""

    __slots__ = ("_keys", "_message", "_source")

    def __init__(self, message: GbcsMessage, source: KeySource) -> None:
        self._message = message
        self._source = source
        self._keys: list[bytes] | None = None

    def open(self, blob: bytes) -> bytes | None:
        """The plain text, or ``None`` when no key at hand opens it."""
        if self._keys is None:
            reader = self._message.other.supplementary_party or self._message.target
            found = secrets(self._message.originator, reader, self._source)
            self._keys = [encryption_key(self._message, secret) for secret in found]
        for place, key in enumerate(self._keys):
            try:
                plain = decrypt(blob, key, self._message.originator)
            except GbcsError:
                continue
            self._keys.insert(0, self._keys.pop(place))
            return plain
        return None
