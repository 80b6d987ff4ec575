"""What good Responses to 8.7 Join and 8.8 Unjoin do to the records (inventory.md sections 6.3 to 6.6).

A Type 1 Device is joined by two Commands, one to each side (GBCS CS03A1 and CS03A2, or CS03C twice); only when both
have answered does the association exist and the Device become Commissioned. A GSME and its Gas Proxy Function, and
Type 2 Devices, are joined by one.
"""

from __future__ import annotations

from dccemu_contracts.inventory import DeviceFact

from .ledger import Ledger
from .transitions import METERS, TYPE_1, TYPE_2, Event, transition

_METER_SIDE = METERS | {"GPF"}


def joined(ledger: Ledger, target: DeviceFact, other: DeviceFact) -> None:
    """``target`` answered that it is joined to ``other``."""
    pair = {target.type, other.type}
    if pair == {"GSME", "GPF"}:
        gsme, gpf = (target, other) if target.type == "GSME" else (other, target)
        _gas(ledger, gsme, gpf)
    elif target.type in _METER_SIDE and other.type in TYPE_1:
        _half(ledger, other, target, f"meter:{target.device}")
    elif target.type in TYPE_1 and other.type in _METER_SIDE:
        _half(ledger, target, other, f"self:{other.device}")
    elif target.type in _METER_SIDE and other.type in TYPE_2:
        _associate(ledger, other, target)


def _gas(ledger: Ledger, gsme: DeviceFact, gpf: DeviceFact) -> None:
    ledger.change(gsme, gpf=gpf.device)
    meters = tuple(dict.fromkeys((*gpf.meters, gsme.device)))
    gpf = ledger.change(gpf, meters=meters, import_mpxn=gsme.import_mpxn or gpf.import_mpxn)
    if transition(Event.GAS_METER_JOINED, gpf.status or "", "GPF"):
        ledger.move(gpf, Event.GAS_METER_JOINED)


def _half(ledger: Ledger, device: DeviceFact, meter: DeviceFact, half: str) -> None:
    halves = tuple(dict.fromkeys((*device.half_joins, half)))
    if not {f"meter:{meter.device}", f"self:{meter.device}"} <= set(halves):
        ledger.change(device, half_joins=halves)
        return
    rest = tuple(text for text in halves if not text.endswith(meter.device))
    device = _associate(ledger, ledger.change(device, half_joins=rest), meter)
    if transition(Event.JOINS_COMPLETE, device.status or "", device.type):
        ledger.move(device, Event.JOINS_COMPLETE)


def _associate(ledger: Ledger, device: DeviceFact, meter: DeviceFact) -> DeviceFact:
    return ledger.change(device, meters=tuple(dict.fromkeys((*device.meters, meter.device))))


def unjoined(ledger: Ledger, target: DeviceFact, other: DeviceFact) -> None:
    """``target`` answered that it is no longer joined to ``other``: one side is enough, the link key is gone."""
    if {target.type, other.type} == {"GSME", "GPF"}:
        gsme, gpf = (target, other) if target.type == "GSME" else (other, target)
        ledger.change(gsme, gpf=None)
        ledger.change(gpf, meters=tuple(eui for eui in gpf.meters if eui != gsme.device))
        return
    device, meter = (other, target) if target.type in _METER_SIDE else (target, other)
    halves = tuple(text for text in device.half_joins if not text.endswith(meter.device))
    ledger.change(device, half_joins=halves, meters=tuple(eui for eui in device.meters if eui != meter.device))
