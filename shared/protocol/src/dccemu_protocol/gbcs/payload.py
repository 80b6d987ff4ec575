"""The payload of a message as typed values: which protocol it is, by its first octets (gbcs.md section 2)."""

from __future__ import annotations

from typing import TypeAlias

from . import der, dlms, gbz
from .der_types import DerValue
from .envelope import CRA, GbcsMessage
from .errors import BAD_TAG, GbcsError

DlmsPayload: TypeAlias = dlms.AccessRequest | dlms.AccessResponse | dlms.DataNotification
Payload: TypeAlias = DlmsPayload | gbz.GbzPayload | gbz.GbzAlert | DerValue

_DLMS_TAG = {CRA.COMMAND: 0xD9, CRA.RESPONSE: 0xDA, CRA.ALERT: 0x0F}
_DLMS_TAGS = frozenset(_DLMS_TAG.values())


def decode_payload(message: GbcsMessage) -> Payload:
    """Read the whole payload; offsets of errors count from the front of the payload."""
    payload = message.payload
    first = payload[0] if payload else None
    if first in _DLMS_TAGS:
        if first != _DLMS_TAG[message.cra]:
            raise GbcsError(BAD_TAG, f"{first:02x} does not start the payload of a {message.cra.name.title()}", 0)
        return dlms.decode(payload)
    if payload.startswith(gbz.PROFILE):
        return gbz.decode_alert(payload) if message.cra is CRA.ALERT else gbz.decode(payload)
    return der.decode(payload, message.message_code, message.cra)


def encode_payload(payload: Payload, message_code: int, cra: CRA) -> bytes:
    """The octets of a payload."""
    match payload:
        case dlms.AccessRequest() | dlms.AccessResponse() | dlms.DataNotification():
            return dlms.encode(payload)
        case gbz.GbzPayload():
            return gbz.encode(payload)
        case gbz.GbzAlert():
            return gbz.encode_alert(payload)
        case _:
            return der.encode(payload, message_code, cra)
