"""Future-dated instructions (gbcs.md section 11).

A Command may carry an execution time. The Device answers it at once and keeps what is to be done as one pending
instruction for its message code; a later Command with that code replaces it, one with the *never* value cancels it. At
the time it is carried out, and one Alert goes out for each activation time that the Command carried.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from ...identifiers import Eui64
from .. import datum as d
from .. import times
from .occasion import AlertOrder, Occasion, note_snapshot
from .rules import Member, member, rules
from .state import DeviceFacts, Draft, Value

DONE, NOT_DONE = 0x8F66, 0x8F67
DLMS_ALERT, GBZ_ALERT = 0x00CC, 0x00CD
PREFIX = "pending/"


def pending_name(message_code: int) -> str:
    """Name of the pending instruction of a message code."""
    return f"{PREFIX}{message_code:04x}"


def schedule(occasion: Occasion, due: int, content: dict[str, Value]) -> None:
    """Keep an instruction until ``due`` (seconds since 2000), in place of an earlier one."""
    command = occasion.command
    occasion.state.put(
        pending_name(command.message_code),
        {
            "due": due,
            "counter": command.counter,
            "originator": command.originator.hex,
            "role": occasion.role,
            **content,
        },
    )


def cancel(occasion: Occasion) -> None:
    """Forget the pending instruction of the Command's message code."""
    occasion.state.drop(pending_name(occasion.command.message_code))


def take_up_dlms(occasion: Occasion, items: list[tuple[Member, bytes]]) -> None:
    """Do, keep or cancel what the activation times of a DLMS Command ask for: they are all equal."""
    time = items[0][1]
    if time == times.NEVER:
        cancel(occasion)
        return
    instant = times.instant(time)
    if instant is None:
        cancel(occasion)
        for activated, _ in items:
            activate_member(occasion.state, activated)
        _note_change(occasion.state, occasion.at, items[0][0])
        return
    names: list[Value] = [str(activated) for activated, _ in items]
    schedule(occasion, times.seconds_since_2000(instant), {"kind": "dlms", "items": names})


def activate_member(state: Draft, activated: Member) -> None:
    """Make the passive values that an activation time governs the active ones."""
    for passive, active in rules().activations[activated]:
        value = state.octets(f"dlms/{passive}")
        if value is not None:
            state.put_octets(f"dlms/{active}", _as_read(active, value))


def _as_read(active: Member, octets: bytes) -> bytes:
    """The active value in the type it is read with, where that differs from the type it was set with."""
    initial = rules().objects.get(active)
    value = d.decode(octets)
    if isinstance(initial, d.Array) and not isinstance(value, d.Array):
        return d.encode(d.Array((value,)))
    return octets


def _note_change(state: Draft, at: datetime, activated: Member) -> None:
    """A change of tariff or payment mode takes a snapshot of the registers (billing data log)."""
    if activated.class_id in (20, 113, 111):
        note_snapshot(state, at)


def fire_dlms(state: Draft, message_code: int, pending: dict[str, Value], due: datetime) -> list[AlertOrder]:
    """Carry out a pending DLMS instruction: one Alert for each activation time, in their order."""
    orders = []
    failures = state.record("failures")
    counter = cast(int, pending["counter"])
    for name in cast("list[str]", pending["items"]):
        activated = member(name)
        failed = isinstance(failures.get(name), int)
        if not failed:
            activate_member(state, activated)
        octets = b"".join(
            (
                message_code.to_bytes(2, "big"),
                counter.to_bytes(8, "big"),
                activated.class_id.to_bytes(2, "big"),
                activated.obis,
                bytes((activated.member,)),
            )
        )
        orders.append(
            AlertOrder(
                NOT_DONE if failed else DONE,
                message_code=DLMS_ALERT,
                content=(d.OctetString(octets),),
                role=cast(int, pending["role"]),
                recipient=Eui64.from_hex(cast(str, pending["originator"])),
                at=due,
            )
        )
    _note_change(state, due, member(cast("list[str]", pending["items"])[0]))
    return orders


def due_times(facts: DeviceFacts, state: Draft) -> dict[str, int]:
    """Every pending instruction and when it is due (seconds since 2000)."""
    found = {}
    for name in state.names(PREFIX):
        due = state.record(name).get("due")
        if isinstance(due, int):
            found[name] = due
    return found
