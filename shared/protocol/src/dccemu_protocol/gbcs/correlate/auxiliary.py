"""Auxiliary controllers: descriptions, calendars, states (gbcs.md section 14)."""

from __future__ import annotations

from . import calendars as calendar
from . import schedules
from .asked import Asked, eui
from .commands import Access, DlmsPart, act, each_access, put
from .comparer import Comparer
from .datums import U16, mapped, octets, visible
from .meaning import Group, Meaning, Plain, Said
from .result import Unshaped
from .simple import activations, moment, valued

_SWITCHES = "0-0:10.0.103.255"


def _described(one: Asked) -> DlmsPart:
    return put(1, f"0-0:94.44.0.{10 + one.attribute('index')}", 2, valued(visible, "SwitchDescription", str))


def _typed(one: Asked) -> DlmsPart:
    def meaning(asked: Asked) -> Meaning:
        return asked.said("HCALCS", eui) if asked.has("HCALCS") else Said(bytes(8), asked.part("ALCS").place)

    return put(1, f"0-0:94.44.0.{20 + one.attribute('index')}", 2, Comparer(octets(), meaning))


def _switch(one: Asked) -> Meaning:
    """Which switch, and whether it is activated."""
    action = one.part("ActivateDeactivateSwitch")
    marker = action.part("ActivateSwitch" if action.has("ActivateSwitch") else "DeactivateSwitch")
    members: dict[object, Meaning] = {
        "controller": Said(action.attribute("index"), f"{action.place}/@index"),
        "action": Said(marker.name, marker.place),
    }
    return Group(action.place, members)


def _switch_of(selector: Plain) -> Plain:
    assert isinstance(selector, int)
    controller, action = divmod(selector, 256)
    return {"controller": controller, "action": {1: "ActivateSwitch", 2: "DeactivateSwitch"}.get(action, action)}


def _level(one: Asked) -> Meaning:
    """Which controller, whether it is an input, and the level."""
    load = one.maybe("InputFromControlledLoad")
    members: dict[object, Meaning] = {
        "controller": Said(one.attribute("auxiliaryControllerN"), f"{one.place}/@auxiliaryControllerN"),
        "input": Said(load is not None, one.place if load is None else load.place),
        "level": one.said("CommandedStateLevel"),
    }
    return Group(one.place, members)


def _levelled(selector: Plain, offset: int) -> Plain:
    assert isinstance(selector, int)
    direction, rest = divmod(selector, 0x1000)
    controller, level = divmod(rest, 256)
    if direction not in (1, 2):
        raise Unshaped("output 1 or input 2", direction)
    return {"controller": controller, "input": direction == 2, "level": level - offset}


ECS46A: tuple[DlmsPart, ...] = (each_access("ALCSHCALCSDescription", _described),)
_CALENDAR_ACTIVATIONS = activations((9000, "0-0:94.44.128.26", 6), (9000, "0-0:94.44.128.35", 6))
ECS46C: tuple[DlmsPart, ...] = (
    each_access("SwitchTypeAndId", _typed),
    put(11, "0-1:11.0.3.255", 2, calendar.numbered_special_days("ALCSHCALCSSpecialDays/ALCSHCALCSSpecialDay", "")),
    put(
        10,
        "0-1:12.0.2.255",
        2,
        schedules.switching(
            "ALCSHCALCSConnectionSchedule",
            "ALCSHCALCSSpecialDays/ALCSHCALCSSpecialDay",
            "index",
            schedules.schedule_shape(_SWITCHES, _switch_of),
            _switch,
            "ALCSScheduleDatesAndTime",
        ),
    ),
    *_CALENDAR_ACTIVATIONS,
)
_DEFINITIONS = "AuxiliaryControllerSpecialDayDefinitions/AuxiliaryControllerSpecialDayDefinition"
ECS46D: tuple[DlmsPart, ...] = (
    put(11, "0-1:11.0.3.255", 2, calendar.numbered_special_days(_DEFINITIONS, "")),
    put(
        10,
        "0-1:12.0.2.255",
        2,
        schedules.switching(
            "AuxiliaryControllerSchedule",
            _DEFINITIONS,
            "identifier",
            schedules.schedule_shape(_SWITCHES, lambda value: _levelled(value, 0x80)),
            lambda one: _level(one.part("AuxiliaryControllerAction")),
            "AuxiliaryControllerSchedulePeriodAndTime",
        ),
    ),
    *_CALENDAR_ACTIVATIONS,
)


def _timed(path: str, first: int, action: int) -> tuple[DlmsPart, ...]:
    """ECS47 with a duration: set it, then run the script of the controller."""

    def duration(asked: Asked) -> list[Access]:
        index = asked.part(path).attribute("index")
        return put(1, f"0-0:94.44.{116 + index}.{first}", 2, valued(U16, f"{path}/Duration"))(asked)

    return (duration, _run(path, action))


def _run(path: str, action: int) -> DlmsPart:
    def meaning(asked: Asked) -> Meaning:
        one = asked.part(path)
        return Said(256 * one.attribute("index") + action, f"{one.place}/@index")

    return act(9, _SWITCHES, 1, Comparer(U16, meaning))


ECS47_ACTIVATE = _timed("ActivateALCSHCALCS", 1, 0x11)
ECS47_DEACTIVATE = _timed("DeactivateALCSHCALCS", 2, 0x12)
ECS47_RESET = (_run("ResetALCSHCALCS", 0x20),)


def _state(first: int, scripts: str) -> tuple[DlmsPart, ...]:
    """ECS47a and ECS47e: start and end, then the level."""

    def between(attribute: int, path: str) -> DlmsPart:
        def part(asked: Asked) -> list[Access]:
            controller = asked.attribute("auxiliaryControllerN")
            return put(1, f"0-0:94.44.{116 + controller}.{attribute}", 2, moment(path))(asked)

        return part

    return (
        between(first, "StartDateTime"),
        between(first + 1, "EndDateTime"),
        act(9, scripts, 1, Comparer(mapped(U16, lambda value: _levelled(value, 0)), _level)),
    )


ECS47A = _state(1, _SWITCHES)
ECS47E = _state(3, "0-0:10.0.107.255")
