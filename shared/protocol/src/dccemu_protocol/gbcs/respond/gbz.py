"""Carrying out a GBZ Command: components in order, each answered in its way (gbcs.md sections 7 and 9).

After a component that fails, each remaining one is answered by a default response for command FF with status 01.
Entries of logs and snapshots that are not there are answered with status 8B and stop nothing. Commands that carry an
execution time are kept as a whole and take effect at that time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import gbz, zcl
from ..errors import GbcsError
from . import activation
from .gas_attributes import attribute_value
from .gas_effects import apply, is_of_its_kind
from .occasion import Occasion
from .rules import rules
from .state import Value

SUCCESS, FAILURE, UNSUPPORTED_COMMAND, UNSUPPORTED_ATTRIBUTE, NOT_FOUND = 0x00, 0x01, 0x81, 0x86, 0x8B
MALFORMED = 0x80
_ANY_COMMAND = 0xFF
NEVER = frozenset((0xFFFFFFFF, 0xFFFFFFFE))

# Where each command with an execution time has it; absent name: the From Date Time of the component.
TIMES: dict[tuple[int, int], str | None] = {
    (0x0700, 0x04): "startTime",
    (0x0700, 0x05): "startTime",
    (0x0700, 0x06): "startTime",
    (0x0705, 0x03): "startTime",
    (0x0705, 0x06): "implementationTime",
    (0x0705, 0x09): None,
    (0x0705, 0x0B): "implementationTime",
    (0x0705, 0x0C): "implementationTime",
    (0x0707, 0x00): "startTime",
    (0x0707, 0x04): "startTime",
}


class ComponentRefused(Exception):
    """A component cannot be done: the ZCL status it is answered with, and whether it fails the rest."""

    def __init__(self, status: int, *, stops: bool = True) -> None:
        super().__init__(f"status {status:02x}")
        self.status = status
        self.stops = stops


@dataclass(frozen=True, slots=True)
class Asked:
    """A cluster command of the Command: its fields, and From Date Time where the component has one."""

    component: gbz.Component
    command: zcl.ZclCommand

    def number(self, name: str) -> int:
        """A numeric field."""
        value = self.command.fields[name]
        assert isinstance(value, int)
        return value

    def octets(self, name: str) -> bytes:
        """A string field."""
        value = self.command.fields[name]
        assert isinstance(value, bytes)
        return value


Answer = Callable[[Occasion, Asked], Sequence[zcl.ZclPayload]]
ANSWERS: dict[str, Answer] = {}


def carry_out(occasion: Occasion) -> bytes:
    """Execute the Command's payload and give the Response's."""
    request = gbz.decode(occasion.command.payload)
    takes_effect = _take_up(occasion, request.components)
    answers: list[gbz.Component] = []
    failed = False
    for component in request.components:
        if failed:
            answers.append(_wrap(occasion, component, zcl.DefaultResponse(_ANY_COMMAND, FAILURE), 0))
            continue
        try:
            found = _answer(occasion, component, takes_effect)
        except ComponentRefused as refusal:
            failed = refusal.stops
            found = [zcl.DefaultResponse(component.command_id, refusal.status)]
        for payload in found:
            encrypted = sum(answer.is_encrypted for answer in answers)
            answers.append(_wrap(occasion, component, payload, encrypted))
    return gbz.encode(gbz.GbzPayload(tuple(answers)))


def _answer(occasion: Occasion, component: gbz.Component, takes_effect: bool) -> Sequence[zcl.ZclPayload]:
    key = f"{component.cluster:04x}/{component.frame_control & 0x09:02x}/{component.command_id:02x}"
    forced = occasion.state.record("failures").get(key)
    if isinstance(forced, int):
        raise ComponentRefused(forced)
    try:
        request = component.zcl()
    except GbcsError as error:
        raise ComponentRefused(UNSUPPORTED_COMMAND if error.rule == "GBCS_UNKNOWN" else MALFORMED) from None
    if isinstance(request, zcl.ReadAttributes):
        return [_read_attributes(occasion, component.cluster, request)]
    if not isinstance(request, zcl.ZclCommand):
        raise ComponentRefused(UNSUPPORTED_COMMAND)
    asked = Asked(component, request)
    how = rules().commands.get((component.cluster, component.frame_control & 0x09, component.command_id), "default")
    if takes_effect:
        apply(occasion.state, occasion.at, component, request)
    if how == "default":
        return [zcl.DefaultResponse(component.command_id, SUCCESS)]
    return ANSWERS[how](occasion, asked)


def _read_attributes(occasion: Occasion, cluster: int, request: zcl.ReadAttributes) -> zcl.ZclPayload:
    records = []
    for number in request.attributes:
        known = rules().attributes.get((cluster, number))
        if known is None:
            records.append(zcl.AttributeRecord(number, UNSUPPORTED_ATTRIBUTE))
            continue
        forced = occasion.state.record("failures").get(f"{cluster:04x}/{number:04x}")
        if isinstance(forced, int):
            records.append(zcl.AttributeRecord(number, forced))
            continue
        value = attribute_value(occasion, cluster, number, known)
        records.append(zcl.AttributeRecord(number, SUCCESS, ATTRIBUTE_TYPES[known.type], value))
    return zcl.ReadAttributesResponse(tuple(records))


ATTRIBUTE_TYPES = {name: number for number, name in zcl.tables().attribute_types.items()}


def _wrap(occasion: Occasion, asked: gbz.Component, payload: zcl.ZclPayload, encrypted: int) -> gbz.Component:
    """An answer with the frame control that its kind has (gbcs.md section 7)."""
    publishes = bool(asked.frame_control & zcl.SERVER_TO_CLIENT)
    direction = 0 if publishes else zcl.SERVER_TO_CLIENT
    silent = zcl.NO_DEFAULT_RESPONSE if occasion.rules.no_default_response else 0
    layout: zcl.CommandLayout | None = None
    match payload:
        case zcl.DefaultResponse():
            control, command_id = direction, zcl.DEFAULT_RESPONSE
        case zcl.ReadAttributesResponse():
            control, command_id = direction | silent, zcl.READ_ATTRIBUTES_RESPONSE
        case zcl.ZclCommand(name, _):
            layout = zcl.layout_named(name)
            control, command_id = zcl.CLUSTER_SPECIFIC | direction | silent, layout.command_id
        case _:
            raise TypeError(f"{type(payload).__name__} does not answer a component")
    octets = zcl.encode(payload, layout)
    frame_counter: int | None = None
    if not isinstance(payload, zcl.DefaultResponse) and (asked.cluster, command_id) in occasion.rules.encrypted:
        octets, frame_counter = occasion.encrypt(octets), encrypted
    return gbz.Component(asked.cluster, control, asked.sequence, command_id, octets, frame_counter=frame_counter)


# -- execution times -------------------------------------------------------------------------------------------------


def _time_of(component: gbz.Component) -> int | None:
    """The execution time a component carries, or ``None``."""
    key = component.cluster, component.command_id
    if key not in TIMES or not is_of_its_kind(component):
        return None
    name = TIMES[key]
    if name is None:
        return component.from_date_time or 0
    try:
        request = component.zcl()
    except GbcsError:
        return None
    value = request.fields[name] if isinstance(request, zcl.ZclCommand) else None
    return value if isinstance(value, int) else None


def _take_up(occasion: Occasion, components: Sequence[gbz.Component]) -> bool:
    """Keep or cancel what a future-dated Command asks for; whether its components take effect now."""
    if not occasion.rules.activations:
        return True
    found = [time for time in map(_time_of, components) if time is not None]
    if not found:
        return True
    activation.cancel(occasion)
    if found[0] in NEVER:
        return False
    if found[0] == 0:
        return True
    content: dict[str, Value] = {"kind": "gbz", "payload": occasion.command.payload.hex()}
    activation.schedule(occasion, found[0], content)
    return False


def timed(components: Sequence[gbz.Component]) -> list[gbz.Component]:
    """The components that are instructions: those with an execution time, in order."""
    return [component for component in components if _time_of(component) is not None]
