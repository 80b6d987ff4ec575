"""Pending instructions whose time has come (gbcs.md section 11)."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from ...identifiers import Eui64
from .. import gbz, times, zcl
from . import activation, credentials, der_answers
from .activation import PREFIX
from .gas_effects import apply
from .gbz import timed
from .occasion import AlertOrder
from .state import DeviceFacts, Draft, Value


def fire(facts: DeviceFacts, state: Draft, name: str) -> list[AlertOrder]:
    """Carry out a pending instruction and forget it; the Alerts are one for each activation time it had."""
    pending = state.record(name)
    if not pending:
        return []
    state.drop(name)
    message_code = int(name.removeprefix(PREFIX), 16)
    due = times.from_seconds(cast(int, pending["due"]))
    match pending["kind"]:
        case "dlms":
            return activation.fire_dlms(state, message_code, pending, due)
        case "gbz":
            return _fire_gbz(state, message_code, pending, due)
        case "credentials":
            return [credentials.fire(facts, state, message_code, pending, due)]
        case "firmware":
            return [der_answers.fire_firmware(facts, state, pending, due)]
        case kind:
            raise ValueError(f"{name} is of kind {kind!r}")


def _fire_gbz(state: Draft, message_code: int, pending: dict[str, Value], due: datetime) -> list[AlertOrder]:
    components = gbz.decode(bytes.fromhex(cast(str, pending["payload"]))).components
    failures = state.record("failures")
    orders = []
    instructions = timed(components)
    for component in components:
        key = f"{component.cluster:04x}/{component.frame_control & 0x09:02x}/{component.command_id:02x}"
        failed = isinstance(failures.get(key), int)
        command = component.zcl()
        if not failed and isinstance(command, zcl.ZclCommand):
            apply(state, due, component, command)
        if component in instructions:
            orders.append(_gbz_alert(message_code, pending, component, due, failed))
    return orders


def _gbz_alert(
    message_code: int, pending: dict[str, Value], component: gbz.Component, due: datetime, failed: bool
) -> AlertOrder:
    octets = b"".join(
        (
            message_code.to_bytes(2, "big"),
            cast(int, pending["counter"]).to_bytes(8, "big"),
            component.cluster.to_bytes(2, "big"),
            bytes((component.frame_control, component.command_id)),
        )
    )
    return AlertOrder(
        activation.NOT_DONE if failed else activation.DONE,
        message_code=activation.GBZ_ALERT,
        content=bytes((len(octets),)) + octets,
        role=cast(int, pending["role"]),
        recipient=Eui64.from_hex(cast(str, pending["originator"])),
        at=due,
    )
