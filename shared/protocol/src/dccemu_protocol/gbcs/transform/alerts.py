"""Alert behaviour: bit strings of an ESME, event configurations of a GSME (gbcs.md section 14)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ...duis.document import Element
from ...duis.names import local_name
from ..gbz import Component, cluster_command
from . import rules
from .components import FAMILIES
from .elements import at, find, place, steps, text
from .job import Job
from .lists import BIT_SOURCES
from .rules import TransformError
from .values import Json, Source, text_argument

_CODE: Final = re.compile(r"x([0-9A-F]{4})\Z")
_WAN, _HAN, _LOG, _ALARM = 0x08, 0x10, 0x03, 0x40
_FLAGS: Final = (("WANAlert", _WAN), ("HANAlert", _HAN), ("EventLog", _LOG), ("Alarm", _ALARM))
_SWITCH: Final = {"Enable": True, "Disable": False}
_MAX_EVENTS: Final = 255


def _is_enabled(element: Element) -> bool:
    found = _SWITCH.get(text(element))
    if found is None:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{text(element)[:40]!r} is not a switch", place(element))
    return found


def _code(element: Element) -> int:
    found = _CODE.match(local_name(element.tag))
    if found is None:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, "the element is not an alert code", place(element))
    return int(found[1], 16)


def _behaviour(argument: Json) -> Source[str]:
    """256 bits that say which codes change, 256 that say how; bit 255 - low octet of the code."""
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> str:
        change = value = 0
        for group in at(element, path):
            for one in group:
                bit = 1 << (_code(one) & 0xFF)
                change |= bit
                if _is_enabled(one):
                    value |= bit
        return f"{change:0256b}{value:0256b}"

    return read


def _event_configuration(argument: Json) -> Callable[[Job], list[Component]]:
    """One SetEventConfiguration for each combination of switches, codes ascending.

    The vector has the groups in the order of the sort key below; no source tells the rule.
    """

    def build(job: Job) -> list[Component]:
        simple = find(job.body, steps("GasSupplierAlerts"))
        detailed = find(job.body, steps("GasSupplierAlertEventSettings"))
        groups: dict[int, list[int]] = {}
        for one in simple if simple is not None else ():
            groups.setdefault(_WAN if _is_enabled(one) else 0, []).append(_code(one))
        for one in detailed if detailed is not None else ():
            flags = sum(flag for name, flag in _FLAGS if _is_enabled(at(one, name)))
            groups.setdefault(flags, []).append(_code(one))
        if not groups:
            raise TransformError(rules.CANNOT_TRANSFORM, "no alert is named", place(job.body))
        return [
            cluster_command(
                "SetEventConfiguration",
                {
                    "issuerEventId": job.now_seconds,
                    "startTime": 0,
                    "eventConfiguration": flags,
                    "configurationControl": 0,
                    "numberOfEvents": len(groups[flags]),
                    "entries": tuple([{"eventId": code} for code in sorted(groups[flags])]),
                },
                0,
            )
            for flags in sorted(groups, key=lambda flags: (not flags & _WAN, not flags & _HAN, flags))
        ]

    return build


BIT_SOURCES |= {"alert behaviour": _behaviour}
FAMILIES |= {"event configuration": _event_configuration}
