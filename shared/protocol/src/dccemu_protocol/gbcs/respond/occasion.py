"""One Command being carried out: what the Device knows, when it is, and what will go out beside the Response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec

from ...identifiers import Eui64
from .. import crypto, times
from ..datum import Datum
from ..der_types import DerAlert
from ..envelope import GbcsMessage
from .events import LOG_DEPTH, note
from .keys import cell_key, own_key
from .rules import MessageRules
from .state import DeviceFacts, Draft, Value

RELIABLE, DOUBTFUL = 0x00, 0x02


Content: TypeAlias = tuple[Datum, ...] | bytes | DerAlert


@dataclass(frozen=True, slots=True)
class Sealing:
    """What content that depends on the Alert is made with: Device, time, counter, recipient and its encryption."""

    facts: DeviceFacts
    state: Draft
    at: datetime
    counter: int
    recipient: Eui64
    encrypt: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class AlertOrder:
    """An Alert that the Device has to send.

    ``content`` is what the alert code carries beyond code and time (gbcs.md section 10): DLMS data, octets for GBZ, a
    whole DER value, or a function that makes one of them when counter and recipient are known. ``role`` is the remote
    party role it goes to, ``recipient`` the party where it is not the one in that role's cell. ``message_code`` is
    1000 or 1001 (generic) where nothing else is said.
    """

    code: int
    message_code: int | None = None
    content: Content | Callable[[Sealing], Content] = ()
    role: int | None = None
    recipient: Eui64 | None = None
    at: datetime | None = None
    supplementary_party: Eui64 | None = None
    supplementary_counter: int | None = None


@dataclass(slots=True)
class Occasion:
    """The Command, the Device and the moment."""

    command: GbcsMessage
    rules: MessageRules
    facts: DeviceFacts
    state: Draft
    at: datetime
    role: int
    new_private_key: Callable[[], ec.EllipticCurvePrivateKey]
    alerts: list[AlertOrder] = field(default_factory=list)
    encryption_counter: int | None = None
    _seconds: int | None = field(default=None, init=False, repr=False)

    @property
    def seconds(self) -> int:
        """Network time in seconds since 2000."""
        if self._seconds is None:
            self._seconds = times.seconds_since_2000(self.at)
        return self._seconds

    @property
    def device_time(self) -> datetime:
        """What the Device's own clock shows."""
        return device_time(self.state, self.at)

    @property
    def clock_status(self) -> int:
        """Clock status octet: reliable or doubtful (gbcs.md section 3.4)."""
        return self.state.integer("clock/status", RELIABLE)

    @property
    def reader(self) -> Eui64:
        """Who reads encrypted values: the supplementary remote party, else the originator (gbcs.md section 4.3)."""
        return self.command.other.supplementary_party or self.command.originator

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt a value for the reader.

        Raises
        ------
        LookupError
            When the Device holds no key agreement key of the reader.
        """
        other = self.command.other
        public = cell_key(self.state, self.role, "keyAgreement", other.certificate)
        secret = crypto.shared_secret(own_key(self.state, "keyAgreement"), public)
        counter = self.command.counter if self.encryption_counter is None else self.encryption_counter
        me = self.command.target
        return crypto.encrypt(plain, crypto.derive_key(secret, me, crypto.USE_ENCRYPTION, counter, self.reader), me)

    def note(self, log: str, code: int, extra: str = "") -> None:
        """Write an entry into one of the Device's logs of events."""
        note(self.state, log, self.at, code, extra)


def note_snapshot(state: Draft, at: datetime) -> None:
    """Remember that the registers were captured because tariff or payment mode changed."""
    entries: list[Value] = [*state.entries("log/change"), times.seconds_since_2000(at)]
    state.put("log/change", entries[-LOG_DEPTH:])


def device_time(state: Draft, at: datetime) -> datetime:
    """What a Device's clock shows when network time is ``at``."""
    offset = state.integer("clock/offset")
    return at + timedelta(seconds=offset) if offset else at


def next_counter(state: Draft) -> int:
    """A fresh Originator Counter of the Device, for Alerts and encryption keys."""
    counter = state.integer("counter/own") + 1
    state.put("counter/own", counter)
    return counter
