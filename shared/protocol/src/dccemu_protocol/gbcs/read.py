"""Reading a whole message: typed payload, verdicts, and a tree for people and machines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from . import describe_der, describe_dlms, describe_gbz, dlms, gbz, naming
from .envelope import CRA, GbcsMessage, decode
from .errors import GbcsError
from .jsontree import Json
from .keysource import KeySource, NoKeys
from .names import message_codes
from .payload import Payload, decode_payload
from .verdicts import Opener, Verdict, mac_verdict, signature_verdict


class MessageKind(StrEnum):
    """What a message is; a Command without signature and MAC is a Pre-Command."""

    PRE_COMMAND = "precommand"
    COMMAND = "command"
    RESPONSE = "response"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message that has been read."""

    kind: MessageKind
    use_case: str | None
    title: str | None
    message: GbcsMessage
    signature: Verdict
    mac: Verdict
    payload: Payload
    body: Json

    @property
    def message_code(self) -> int:
        """The message code."""
        return self.message.message_code


def kind_of(message: GbcsMessage) -> MessageKind:
    """Pre-Command, Command, Response or Alert."""
    match message.cra:
        case CRA.COMMAND:
            bare = not message.signature and message.mac is None
            return MessageKind.PRE_COMMAND if bare else MessageKind.COMMAND
        case CRA.RESPONSE:
            return MessageKind.RESPONSE
        case CRA.ALERT:
            return MessageKind.ALERT
        case never:
            assert_never(never)


def read(data: bytes, keys: KeySource | None = None) -> ReadMessage:
    """Read a message and check it against the keys at hand.

    Raises
    ------
    GbcsError
        When the octets are no message, or the payload is not what the message code carries.
    """
    source = NoKeys() if keys is None else keys
    message = decode(data)
    try:
        payload = decode_payload(message)
        body = _describe(payload, message, Opener(message, source))
    except GbcsError as error:
        raise error.moved(_payload_offset(data, message)) from error
    entry = message_codes().get(message.message_code)
    return ReadMessage(
        kind_of(message),
        naming.use_case(message, payload, source),
        entry.title if entry else None,
        message,
        signature_verdict(message, source),
        mac_verdict(message, source),
        payload,
        body,
    )


def _describe(payload: Payload, message: GbcsMessage, opener: Opener) -> Json:
    code = message.message_code
    match payload:
        case dlms.AccessRequest() | dlms.AccessResponse() | dlms.DataNotification():
            return describe_dlms.describe(payload, code, opener)
        case gbz.GbzPayload():
            return describe_gbz.describe(payload, opener)
        case gbz.GbzAlert():
            return describe_gbz.describe_alert(payload, code, opener)
        case _:
            return describe_der.describe(payload, code)


def _payload_offset(data: bytes, message: GbcsMessage) -> int:
    """Where in the message its payload begins."""
    trailer = 0 if message.signature is None else 1 + len(message.signature)
    if message.mac is not None:
        trailer += len(message.mac)
    return len(data) - trailer - len(message.payload)
