"""Which use case a message belongs to.

The message code says it; where several use cases share a code, the payload, the protection or the sender tells them
apart as far as it can. What cannot be told apart (a Response that says only "done") gets the name they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from . import alerts, datum, dlms, gbz
from .der_types import CredentialDetailsRequest, CredentialsAlert, KeyUsage, Role
from .envelope import CRA, GbcsMessage
from .errors import GbcsError
from .keysource import KeySource
from .names import message_codes
from .payload import Payload

_MODES = {10: 0x0125, 11: 0x0126}
_SCRIPTS = {0x11: "ECS47Activate", 0x12: "ECS47Deactivate", 0x20: "ECS47Reset"}


def use_case(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str | None:
    """The use case's name, ``None`` when the message code is unknown or belongs to none."""
    code = message.message_code
    instructed = _instructed(code, payload)
    if instructed is not None:
        return _name(instructed)
    rule = _RULES.get(code)
    return (rule and rule(message, payload, keys)) or _name(code)


def _name(code: int) -> str | None:
    """The name for a code alone: of one use case, or what the names of several have in common."""
    entry = message_codes().get(code)
    return _common_start(entry.use_cases) if entry and entry.use_cases else None


def _common_start(names: Sequence[str]) -> str:
    """``ECS62`` of ``ECS62Add`` and ``ECS62Remove``."""
    first, last = min(names), max(names)
    same = next((place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return first[:same].rstrip("-")


def _instructed(code: int, payload: Payload | None) -> int | None:
    """The message code of the Command that a future dated alert tells of."""
    try:
        if code == alerts.FUTURE_DATED_DLMS and isinstance(payload, dlms.DataNotification):
            match alerts.dlms_alert(payload).items:
                case (datum.OctetString(octets), *_):
                    return alerts.read_dlms_instruction(octets).message_code
        if code == alerts.FUTURE_DATED_GBZ and isinstance(payload, gbz.GbzAlert):
            return alerts.read_gbz_instruction(payload.extra).message_code
    except GbcsError:
        return None
    if code == alerts.FIRMWARE_ACTIVATION:
        return 0x0012
    if code in alerts.UPDATE_CREDENTIALS and isinstance(payload, CredentialsAlert):
        mode = payload.outcome.mode
        return _MODES.get(mode, 0x0100 + mode)
    return None


def _credential_details(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str:
    if isinstance(payload, CredentialDetailsRequest):
        signed = payload.authorising_cell.key_usage == KeyUsage.DIGITAL_SIGNATURE
    else:
        signed = bool(message.signature)
    return f"{_name(message.message_code)}{'Signature' if signed else 'MAC'}"


def _handover(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str:
    """Handed over by the broker, which held the credentials for the party to come."""
    party = message.originator if message.cra is CRA.COMMAND else message.target
    by_broker = party in keys.owners(Role.ACCESS_CONTROL_BROKER)
    return f"{_name(message.message_code)}{'Handover' if by_broker else ''}"


def _join(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str:
    """Critical when the User signs, not critical when the broker sends it for a User."""
    critical = message.other.supplementary_party is None and message.signature != b""
    if message.cra is CRA.COMMAND and message.mac is None:
        critical = message.other.supplementary_party is None
    names = message_codes()[message.message_code].use_cases
    return next(name for name in names if name.endswith("NonCritical") != critical)


def _auxiliary(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str | None:
    """The script that is executed last says what happens."""
    match payload:
        case dlms.AccessRequest(data=(*_, datum.LongUnsigned(script))):
            return _SCRIPTS.get(script & 0xFF)
        case _:
            return None


def _boost(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str | None:
    match payload:
        case dlms.AccessRequest(data=(*_, datum.Boolean(associated))):
            return "ECS62Add" if associated else "ECS62Remove"
        case _:
            return None


def _generic_alert(message: GbcsMessage, payload: Payload | None, keys: KeySource) -> str:
    is_dlms, is_gbz = isinstance(payload, dlms.DataNotification), isinstance(payload, gbz.GbzAlert)
    protocol = "-DLMS" if is_dlms else "-ZigBee" if is_gbz else ""
    return f"{_name(message.message_code)}{protocol}"


_Rule = Callable[[GbcsMessage, Payload | None, KeySource], str | None]
_RULES: Mapping[int, _Rule] = {
    0x0008: _credential_details,
    0x011B: _credential_details,
    0x0102: _handover,
    0x0103: _handover,
    0x00AB: _join,
    0x00AF: _join,
    0x000F: _join,
    0x0055: _auxiliary,
    0x005F: _boost,
    0x1000: _generic_alert,
    0x1001: _generic_alert,
}
