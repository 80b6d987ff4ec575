"""Device Alerts: payload and protection (gbcs.md sections 2 and 10)."""

from __future__ import annotations

from datetime import datetime

from ...identifiers import Eui64
from .. import crypto, der, dlms, gbz, times
from .. import datum as d
from .. import der_types as t
from ..envelope import CRA, GbcsMessage, OtherInformation
from .keys import cell_key, cell_name, own_key
from .occasion import AlertOrder, Content, Sealing, device_time, next_counter
from .state import DeviceFacts, Draft

GENERIC_CRITICAL, GENERIC = 0x1000, 0x1001
_ROLES = (2, 4, 3, 5, 6, 8, 1)
# Non-critical Alerts carry a MAC for the recipient; all others are signed.
_WITH_MAC = frozenset((0x0018, 0x00B2, 0x00F0, 0x00F2, *range(0x0110, 0x0116), GENERIC))
_GBZ_DEVICES = frozenset(("GSME", "GPF"))
_DER_DEVICES = frozenset(("PPMID", "HCALCS"))


class NoRecipient(LookupError):
    """No trust anchor cell names a party for this Alert."""


def recipient_of(state: Draft, order: AlertOrder) -> tuple[Eui64, int]:
    """Who the Alert goes to, and under which role: a Device without that role's cells tells the broker."""
    roles = _ROLES if order.role is None else (order.role, 4)
    for role in roles:
        for usage in ("keyAgreement", "digitalSignature"):
            owner = state.record(cell_name(role, usage)).get("eui")
            if isinstance(owner, str) and owner:
                return order.recipient or Eui64.from_hex(owner), role
    if order.recipient is not None and order.role is not None:
        return order.recipient, order.role
    raise NoRecipient(f"no cell of role {order.role} names a party")


def message_code(order: AlertOrder) -> int:
    """8Fxx codes are critical (section 10, *Code ranges*)."""
    if order.message_code is not None:
        return order.message_code
    return GENERIC_CRITICAL if order.code >> 8 == 0x8F else GENERIC


def alert(facts: DeviceFacts, state: Draft, order: AlertOrder, at: datetime) -> bytes:
    """The whole Alert, protected, with a fresh Originator Counter.

    Raises
    ------
    NoRecipient
        When no trust anchor cell names a party for it.
    LookupError
        When a key is missing.
    """
    recipient, role = recipient_of(state, order)
    counter = next_counter(state)
    when = order.at or device_time(state, at)
    code = message_code(order)
    message = GbcsMessage(
        CRA.ALERT,
        counter,
        Eui64(facts.octets),
        recipient,
        OtherInformation(code, order.supplementary_party, order.supplementary_counter),
        _payload(facts, order, _content(facts, state, order, counter, when, recipient, role), counter, when, code),
        signature=b"",
    )
    if code in _WITH_MAC:
        public = cell_key(state, role, "keyAgreement")
        return crypto.encode_with_mac(message, crypto.shared_secret(own_key(state, "keyAgreement"), public))
    return crypto.encode_signed(message, own_key(state, "digitalSignature"))


def _content(
    facts: DeviceFacts, state: Draft, order: AlertOrder, counter: int, when: datetime, recipient: Eui64, role: int
) -> Content:
    if not callable(order.content):
        return order.content
    me = Eui64(facts.octets)

    def encrypt(plain: bytes) -> bytes:
        secret = crypto.shared_secret(own_key(state, "keyAgreement"), cell_key(state, role, "keyAgreement"))
        key = crypto.derive_key(secret, me, crypto.USE_ENCRYPTION, counter, recipient)
        return crypto.encrypt(plain, key, me)

    return order.content(Sealing(facts, state, when, counter, recipient, encrypt))


def _payload(facts: DeviceFacts, order: AlertOrder, content: Content, counter: int, when: datetime, code: int) -> bytes:
    if not isinstance(content, bytes | tuple):
        return der.encode(content, code, CRA.ALERT)
    if isinstance(content, bytes) or facts.type in _GBZ_DEVICES:
        extra = content if isinstance(content, bytes) else b"".join(d.encode(item) for item in content)
        return gbz.encode_alert(gbz.GbzAlert(order.code, times.seconds_since_2000(when), extra))
    if facts.type in _DER_DEVICES and not content:
        return der.encode(t.PlainAlert(order.code, when), code, CRA.ALERT)
    stamp = d.OctetString(times.date_time_octets(when))
    body = d.structure(d.LongUnsigned(order.code), stamp, *content)
    return dlms.encode(dlms.DataNotification(dlms.invoke_id(counter), body))
