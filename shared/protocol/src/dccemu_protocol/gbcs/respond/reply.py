"""From a Command that passed the Device's checks to its Response, protected (gbcs.md sections 2, 3.4, 4 and 9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .. import crypto, times
from .. import datum as d
from ..envelope import CRA, GbcsMessage, OtherInformation
from . import der_answers, esme, gas_answers, gbz, hub, protected
from . import dlms as dlms_answers
from .keys import cell_key, own_key
from .occasion import AlertOrder, Occasion, next_counter
from .rules import MessageRules, Protocol, rules

__all__ = ["Unprotected", "carry_out", "respond", "rules_of", "unsupported"]

# Their modules fill the tables of members and answers when they are imported.
_FILLED = (esme, gas_answers, hub, protected)
_CARRY_OUT: Mapping[Protocol, Callable[[Occasion], bytes]] = {
    "DLMS": dlms_answers.carry_out,
    "GBZ": gbz.carry_out,
    "DER": der_answers.carry_out,
}
_BROKER = 4
# Gas reads tell the reliability of the clock in the clock status of the header (section 3.4).
_TELLS_STATUS = frozenset((0x0074, 0x0075, 0x00B6, 0x00B8, 0x012A))
_OTHER_CLOCK = 0x04
# Responses that name the fresh counter of their encryption key (section 3.3).
_FRESH_COUNTER = frozenset((0x0034, 0x0096))
COMMAND_NOT_SUPPORTED, _ECS100 = 0x8F85, 0x0120


class Unprotected(LookupError):
    """The Response cannot be protected: the Device holds no key for it."""


def rules_of(message_code: int) -> MessageRules | None:
    """What holds for a message code, ``None`` where no Device knows it."""
    return rules().messages.get(message_code)


def respond(occasion: Occasion) -> bytes:
    """Carry out the Command and give the whole Response; the Alerts it caused are in ``occasion.alerts``.

    Raises
    ------
    Unprotected
        When the Device holds no key of the originator to protect the Response with.
    GbcsError
        When the payload is not one of the message code.
    """
    key = own_key(occasion.state, "digitalSignature")
    message = carry_out(occasion)
    if _is_signed(occasion):
        return crypto.encode_signed(message, key)
    try:
        public = cell_key(occasion.state, occasion.role, "keyAgreement")
    except LookupError as error:
        raise Unprotected(str(error)) from error
    return crypto.encode_with_mac(message, crypto.shared_secret(own_key(occasion.state, "keyAgreement"), public))


def carry_out(occasion: Occasion) -> GbcsMessage:
    """Execute the Command: its Response without signature and MAC."""
    command = occasion.command
    other = command.other
    if other.certificate is not None and command.message_code in _FRESH_COUNTER:
        occasion.encryption_counter = next_counter(occasion.state)
    payload = _CARRY_OUT[occasion.rules.protocol](occasion)
    return GbcsMessage(
        CRA.RESPONSE,
        command.counter,
        command.target,
        command.originator,
        OtherInformation(
            other.message_code, other.supplementary_party, other.supplementary_counter, occasion.encryption_counter
        ),
        payload,
        date_time=_date_time(occasion),
        signature=b"",
    )


def _date_time(occasion: Occasion) -> bytes:
    if not occasion.rules.response_date_time:
        return b""
    status = times.UNSPECIFIED_STATUS
    if occasion.command.message_code in _TELLS_STATUS:
        status = occasion.clock_status | (_OTHER_CLOCK if occasion.facts.type == "GPF" else 0)
    return times.date_time_octets(occasion.device_time, status)


def _is_signed(occasion: Occasion) -> bool:
    protection = occasion.rules.response
    if protection == "by-originator":
        return occasion.role != _BROKER
    return protection == "signature"


def unsupported(command: GbcsMessage, role: int) -> AlertOrder:
    """The ECS100 alert that answers a Command whose use case the Device does not have."""
    octets = command.message_code.to_bytes(2, "big") + command.counter.to_bytes(8, "big")
    return AlertOrder(
        COMMAND_NOT_SUPPORTED,
        message_code=_ECS100,
        content=(d.OctetString(octets),),
        role=role,
        recipient=command.originator,
        supplementary_party=command.other.supplementary_party,
        supplementary_counter=command.other.supplementary_counter,
    )
