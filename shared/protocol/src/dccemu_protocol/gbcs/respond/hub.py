"""The ZigBee network control object of a Communications Hub: its device log (gbcs.md sections 6.6, 10 and 14).

The log is the whitelist of the HAN. Entries are kept under ``hub/log`` by EUI-64; those removed go to the historic log
of 15 entries (inventory.md section 6.6).
"""

from __future__ import annotations

from hashlib import sha256

from .. import datum as d
from .. import times
from .dlms import ACTIONS, READERS, SETTERS, TYPE_UNMATCHED, ItemRefused, store
from .occasion import AlertOrder, Occasion
from .rules import Member, member
from .state import Value

LOG, HISTORIC = "hub/log", "hub/historic"
HISTORIC_DEPTH = 15
LOG_CHANGED, CONFIGURATION_CHANGED = 0x8F12, 0x8F2A
_CS14, _DBCH09 = 0x0018, 0x0113
_BROKER = 4
_LOG_MEMBER = member("104/0-0:30.3.0.255/4")
# As the published Response has them: link kinds, signal strengths, retries, link quality, and counts.
_FLAGS = d.BitString("11001000")
_SIGNALS = (d.Integer(-35), d.Integer(-50), d.Integer(-100), d.Unsigned(2), d.Unsigned(39), d.Unsigned(247))
_COUNTS = (d.Unsigned(1), d.Unsigned(0), d.Unsigned(100), d.Unsigned(1), d.Unsigned(1))


def _read_log(occasion: Occasion) -> d.Datum:
    seen = d.OctetString(times.date_time_octets(occasion.device_time))
    entries = [
        d.structure(d.OctetString(bytes.fromhex(eui)), _FLAGS, *_SIGNALS, seen, *_COUNTS)
        for eui in occasion.state.record(LOG)
    ]
    return d.array(entries)


READERS[_LOG_MEMBER] = _read_log


def backup(occasion: Occasion, name: str = LOG) -> d.Structure:
    """Log with hashed link keys: answered by CCS07, sent by the CS14 alert."""
    entries = [
        d.structure(d.OctetString(bytes.fromhex(eui)), d.OctetString(bytes.fromhex(str(key or ""))))
        for eui, key in occasion.state.record(name).items()
    ]
    return d.structure(
        d.OctetString(times.date_time_octets(occasion.device_time)),
        d.OctetString(extended_pan_id(occasion)),
        d.array(entries),
    )


def extended_pan_id(occasion: Occasion) -> bytes:
    """The network's extended PAN id: made from the hub's EUI-64 until one is restored."""
    return occasion.state.octets("hub/pan") or b"\x00\x00" + occasion.facts.octets[2:]


def link_key_hash(hub: bytes, device: bytes) -> bytes:
    """Hash of the link key of a Device that has joined: 16 octets that stay the same for the pair."""
    return sha256(b"link key" + hub + device).digest()[:16]


def _changed(occasion: Occasion) -> None:
    content = backup(occasion)
    occasion.note("event", LOG_CHANGED)
    occasion.alerts.append(AlertOrder(LOG_CHANGED, message_code=_CS14, content=(content,), role=_BROKER))


def _register(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """CCS01: a Device that is on the log already stays as it is, with success."""
    match value:
        case d.Structure((d.OctetString(eui), d.Enum(_), d.OctetString(install_code), d.Enum(_))) if len(eui) == 8:
            pass
        case _:
            raise ItemRefused(TYPE_UNMATCHED)
    log = occasion.state.record(LOG)
    if eui.hex() not in log:
        historic = occasion.state.record(HISTORIC)
        log[eui.hex()] = historic.pop(eui.hex(), "")
        occasion.state.put(HISTORIC, historic)
        occasion.state.put(LOG, log)
        occasion.state.put(f"hub/install/{eui.hex()}", install_code.hex())
        _changed(occasion)
    return d.NULL


def _remove(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """CCS02: the entry moves to the historic log, the oldest there overwritten; one that is not there is no fault."""
    assert isinstance(value, d.OctetString)
    log, eui = occasion.state.record(LOG), value.value.hex()
    if eui in log:
        historic: dict[str, Value] = {**occasion.state.record(HISTORIC), eui: log.pop(eui)}
        occasion.state.put(HISTORIC, dict(list(historic.items())[-HISTORIC_DEPTH:]))
        occasion.state.put(LOG, log)
        _changed(occasion)
    return d.NULL


def _restore(occasion: Occasion, _: Member, value: d.Datum) -> d.Datum:
    """CCS03: take over the PAN id and the log of another hub."""
    match value:
        case d.Structure((d.OctetString(pan), d.Array(entries))):
            pass
        case _:
            raise ItemRefused(TYPE_UNMATCHED)
    log: dict[str, Value] = {}
    for entry in entries:
        match entry:
            case d.Structure((d.OctetString(eui), d.OctetString(key))):
                log[eui.hex()] = key.hex()
            case _:
                raise ItemRefused(TYPE_UNMATCHED)
    occasion.state.put_octets("hub/pan", pan)
    occasion.state.put(LOG, log)
    _changed(occasion)
    return d.NULL


def _back_up(occasion: Occasion, _: Member, __: d.Datum) -> d.Datum:
    return backup(occasion)


def _back_up_historic(occasion: Occasion, _: Member, __: d.Datum) -> d.Datum:
    return backup(occasion, HISTORIC)


ACTIONS[member("104/0-0:30.3.0.255/1")] = _register
ACTIONS[member("104/0-0:30.3.0.255/2")] = _remove
ACTIONS[member("104/0-0:30.3.0.255/4")] = _back_up
ACTIONS[member("104/0-0:30.3.1.255/4")] = _back_up_historic
ACTIONS[member("104/0-0:30.3.0.255/5")] = _restore


def _configure(occasion: Occasion, of: Member, value: d.Datum) -> None:
    """DBCH04: the hub tells the broker what its Sub GHz configuration is now (DBCH09)."""
    store(occasion, of, value)
    occasion.alerts.append(AlertOrder(CONFIGURATION_CHANGED, message_code=_DBCH09, content=(value,), role=_BROKER))


def _scan(occasion: Occasion, of: Member, value: d.Datum) -> None:
    store(occasion, of, value)
    occasion.note("sub-ghz", 0x8F27, "e000000109")


SETTERS[member("1/0-0:94.44.10.0/2")] = _configure
SETTERS[member("1/0-0:94.44.10.1/2")] = _scan
