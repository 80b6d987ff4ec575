"""Alerts that somebody asks a Device for, with the content that the code has (gbcs.md section 10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dccemu_protocol import catalogue
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import der_types as t
from dccemu_protocol.gbcs import times
from dccemu_protocol.gbcs.respond import AlertOrder, Content, DeviceFacts, Draft, billing_alert
from dccemu_protocol.gbcs.respond.rules import member, rules
from dccemu_protocol.identifiers import Eui64

ROLES: Mapping[str, int] = {
    "Recovery": 1,
    "Supplier": 2,
    "NetworkOperator": 3,
    "AccessControlBroker": 4,
    "TransitionalCoS": 5,
    "WANProvider": 6,
    "LoadController": 8,
}
_GAS = frozenset(("GSME", "GPF"))
_BILLING, _OPERATIONAL_UPDATE = 0x8F0A, 0x8F88


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: the code, and where the code has content its parameters by name."""

    code: int
    role: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def order(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> AlertOrder:
    """The Alert to send.

    Raises
    ------
    ProtocolError
        ``UNKNOWN_ALERT_CODE`` or ``BAD_ALERT_PARAMETER``.
    """
    entry = catalogue.alert_codes.get(f"{asked.code:04X}")
    if entry is None:
        raise ProtocolError("UNKNOWN_ALERT_CODE", f"{asked.code:04X} is not an alert code", source="gbcs.md section 10")
    role = asked.role
    if role is None:
        role = next((ROLES[name] for name in entry.recipients if name in ROLES and _has(state, ROLES[name])), 2)
    if asked.code == _BILLING and facts.type in ("ESME", "GSME"):
        return billing_alert(facts.type)
    content = _CONTENT.get(asked.code)
    if content is None:
        return AlertOrder(asked.code, role=role)
    message_code, value = content(facts, state, asked, at)
    party = _owner(state, ROLES["LoadController"]) if asked.code == _OPERATIONAL_UPDATE else None
    return AlertOrder(asked.code, message_code=message_code, content=value, role=role, supplementary_party=party)


def _owner(state: Draft, role: int) -> Eui64 | None:
    eui = state.record(f"cell/{role}/digitalSignature/0").get("eui")
    return Eui64.from_hex(eui) if isinstance(eui, str) and eui else None


def _has(state: Draft, role: int) -> bool:
    return any(True for _ in state.names(f"cell/{role}/"))


Coded = tuple[int, Content]
Maker = Callable[[DeviceFacts, Draft, Asked, datetime], Coded]
_CONFIGURATION = member("1/0-0:94.44.10.0/2")


def _octets(asked: Asked, name: str, length: int) -> bytes:
    text = asked.parameters.get(name, "00" * length)
    try:
        octets = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        octets = b""
    if len(octets) != length:
        raise ProtocolError("BAD_ALERT_PARAMETER", f"{name} is {length} octets in hexadecimal, not {text[:40]!r}")
    return octets


def _time(asked: Asked, name: str, otherwise: datetime) -> datetime:
    text = asked.parameters.get(name)
    if text is None:
        return otherwise
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ProtocolError("BAD_ALERT_PARAMETER", f"{name} is not an ISO 8601 instant: {text[:40]!r}") from None
    if found.tzinfo is None:
        raise ProtocolError("BAD_ALERT_PARAMETER", f"{name} has no time zone: {text[:40]!r}")
    return found


def _number(asked: Asked, name: str, otherwise: int) -> int:
    text = asked.parameters.get(name, str(otherwise))
    if not text.isdigit():
        raise ProtocolError("BAD_ALERT_PARAMETER", f"{name} is not a number: {text[:40]!r}")
    return int(text)


def _stamp(at: datetime) -> d.OctetString:
    return d.OctetString(times.date_time_octets(at))


def _outage(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """ECS80: when the outage began and ended."""
    return 0x0067, (_stamp(_time(asked, "start", at)), _stamp(_time(asked, "end", at)))


def _integrity(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """MIIWA: the cause in two octets, 0000 to 0009."""
    cause = _octets(asked, "cause", 2)
    return (0x00F2, cause) if facts.type in _GAS else (0x00F0, (d.OctetString(cause),))


def _firmware_receipt(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """FDRA: the calculated hash of the image."""
    value = d.OctetString(_octets(asked, "hash", 32))
    return (0x00CF, d.encode(value)) if facts.type in _GAS else (0x00CE, (value,))


def _device_id(message_code: int) -> Maker:
    def content(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
        return message_code, (d.OctetString(_octets(asked, "device", 8)),)

    return content


def _channel_changed(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    channel = f"{int.from_bytes(_octets(asked, 'channel', 4), 'big'):032b}"
    return 0x0111, (d.structure(d.BitString(channel), d.OctetString(_octets(asked, "cause", 1))),)


def _scan_outcome(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    return 0x0112, (
        d.structure(d.OctetString(_octets(asked, "request", 1)), d.OctetString(_octets(asked, "outcome", 1))),
    )


def _discarded(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """DBCH10: originator, target, CRA and counter of the message that was discarded."""
    return 0x0114, (d.OctetString(_octets(asked, "message", 25)),)


def _hub_log(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """CS14: the device log with hashed link keys."""
    log = state.record("hub/log")
    entries = [
        d.structure(d.OctetString(bytes.fromhex(eui)), d.OctetString(bytes.fromhex(str(key or ""))))
        for eui, key in log.items()
    ]
    pan = state.octets("hub/pan") or b"\x00\x00" + facts.octets[2:]
    return 0x0018, (d.structure(_stamp(at), d.OctetString(pan), d.array(entries)),)


def _proxy_log(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """GCS62: the Gas Proxy Function's device log."""
    entries = tuple(
        t.DeviceLogEntry(Eui64.from_hex(eui), kind if isinstance(kind, int) else 6)
        for eui, kind in state.record("han/log").items()
    )
    return 0x00B2, t.DeviceLogBackupAlert(asked.code, at, entries)


def _transfer(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """CCS08: Device, version and code of a firmware transfer."""
    failed = asked.code == 0x8F89
    device = Eui64(_octets(asked, "device", 8))
    code = _number(asked, "result", 3 if failed else 0)
    return 0x0128, t.FirmwareTransferAlert(asked.code, at, device, _octets(asked, "version", 4), code)


def _activation(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """CS09: version and result of a PPMID's activation."""
    return 0x012B, t.FirmwareResultAlert(asked.code, at, _octets(asked, "version", 4), _number(asked, "result", 0))


def _configuration(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """DBCH09: the Sub GHz configuration."""
    stored = state.octets(f"dlms/{_CONFIGURATION}")
    return 0x0113, (rules().objects[_CONFIGURATION] if stored is None else d.decode(stored),)


def _update(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """ECS200: a load controller's operational data as JSON text."""
    text = asked.parameters.get("data", '{"outputState":"0","inputState":"0","other-data":""}')
    return 0x0123, (d.Utf8String(text),)


def _undelivered(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """8F84: originator, target, CRA and counter of the message that did not reach the ESME."""
    return 0x00D5, (d.OctetString(_octets(asked, "message", 25)),)


def _limit(facts: DeviceFacts, state: Draft, asked: Asked, at: datetime) -> Coded:
    """ECS101, ECS102: a limit of a proportional controller processed, ended or cancelled."""
    controller = d.Unsigned(_number(asked, "controller", 0x11))
    level = d.Unsigned(_number(asked, "level", 100))
    if asked.code == 0x8F87:
        return 0x0122, (controller, level)
    return 0x0121, (controller, _stamp(_time(asked, "start", at)), _stamp(_time(asked, "end", at)), level)


_CONTENT: Mapping[int, Maker] = {
    **dict.fromkeys(range(0x8F35, 0x8F3D), _outage),
    0x81A0: _integrity,
    0x8F72: _firmware_receipt,
    0x8F1C: _firmware_receipt,
    0x8F20: _device_id(0x0110),
    0x8F2D: _device_id(0x0115),
    0x8F26: _channel_changed,
    0x8F28: _scan_outcome,
    0x8F2C: _discarded,
    0x8F12: _hub_log,
    0x8071: _proxy_log,
    0x8F89: _transfer,
    0x8F8A: _transfer,
    0x8F8B: _activation,
    0x8F2A: _configuration,
    0x8F84: _undelivered,
    0x8F88: _update,
    0x8F86: _limit,
    0x8F87: _limit,
}
