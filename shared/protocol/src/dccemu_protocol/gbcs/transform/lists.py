"""Value sources over lists and choices: entries by index, one of several elements, bits of schedules and masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...duis.document import Element
from . import rules
from .elements import at, attribute, children, find, integer, place, ranged, steps, text
from .job import Job
from .rules import TransformError
from .times import moment
from .values import (
    INTEGER_SOURCES,
    OCTET_SOURCES,
    UNBOUNDED,
    CatalogueError,
    Integers,
    Json,
    Octets,
    Source,
    integer_argument,
    integer_source,
    list_argument,
    object_argument,
    octet_source,
    text_argument,
)

_MOST: Final = 48
BIT_SOURCES: dict[str, Callable[[Json], Source[str]]] = {}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def by_index(elements: list[Element], low: int, high: int, name: str = "index") -> dict[int, Element]:
    """Elements by their index attribute; the same index twice is ``TRANSFORM_LIST_INCONSISTENT``."""
    found: dict[int, Element] = {}
    for element in elements:
        index = attribute(element, name, low, high)
        if index in found:
            raise TransformError(rules.LIST_INCONSISTENT, f"{name} {index} is given twice", place(element))
        found[index] = element
    return found


def numbered(elements: list[Element], name: str = "index") -> list[Element]:
    """Elements in the order of their index, which has to run from 1 without gaps (gbcs.md section 14, thresholds)."""
    found = by_index(elements, 1, _MOST, name)
    if sorted(found) != list(range(1, len(found) + 1)):
        raise TransformError(rules.LIST_INCONSISTENT, f"the numbers by {name} have gaps", place(elements[0]))
    return [found[index] for index in sorted(found)]


def distinct(elements: list[Element], name: str = "index") -> list[Element]:
    """Elements as they come, after a check that no two have the same index."""
    by_index(elements, 0, _MOST, name)
    return elements


ORDERS: Final[dict[str, Callable[[list[Element]], list[Element]]]] = {"numbered": numbered, "distinct": distinct}
"""What the use-case data may ask of the elements of a list: ``"order": "numbered"`` or ``"distinct"``."""


def order_named(name: Json) -> Callable[[list[Element]], list[Element]] | None:
    """The order the use-case data ask for; ``None`` takes the elements as they come."""
    if name is None:
        return None
    if name not in ORDERS:
        raise CatalogueError(f"there is no order {name!r}")
    return ORDERS[text_argument(name)]


def _indexed(argument: Json) -> Integers:
    path, index = list_argument(argument)
    path, index = text_argument(path), integer_argument(index)

    def read(job: Job, element: Element, number: int) -> int:
        found = by_index(children(element, path), 1, _MOST).get(index)
        if found is None:
            raise TransformError(
                rules.LIST_INCONSISTENT, f"there is no {path} with index {index}", place(element, path)
            )
        return ranged(found, 0, 255)

    return read


def _one_of(argument: Json) -> Integers:
    """``[[path, addend], ...]``: the integer at the first path there is, and its addend."""
    choices = [
        (steps(text_argument(path)), integer_argument(addend))
        for path, addend in (list_argument(choice) for choice in list_argument(argument))
    ]
    first = text_argument(list_argument(list_argument(argument)[0])[0])

    def read(job: Job, element: Element, number: int) -> int:
        for names, addend in choices:
            found = find(element, names)
            if found is not None:
                return integer(found) + addend
        raise TransformError(rules.ELEMENT_MISSING, f"{first} is missing", place(element, first))

    return read


def _samples(argument: Json) -> Integers:
    """Intervals of so many seconds in the period of the request, and one more (gbcs.md section 14, snapshots)."""
    interval = integer_argument(argument)

    def read(job: Job, element: Element, number: int) -> int:
        start, end = at(element, "ReadLogPeriod/StartDateTime"), at(element, "ReadLogPeriod/EndDateTime")
        period = int((moment(end) - moment(start)).total_seconds())
        if period < 0 or period // interval + 1 > 0xFFFF:
            raise TransformError(
                rules.DATE_OUT_OF_RANGE, "the period is not one of 1 to 65535 samples", place(element, "ReadLogPeriod")
            )
        return period // interval + 1

    return read


def _integer_if_present(argument: Json) -> Integers:
    path, found, missing = list_argument(argument)
    names = steps(text_argument(path))
    yes, no = integer_source(found, -UNBOUNDED, UNBOUNDED), integer_source(missing)
    return lambda job, element, number: (no if find(element, names) is None else yes)(job, element, number)


def _octets_if_present(argument: Json) -> Octets:
    path, found, missing = list_argument(argument)
    names = steps(text_argument(path))
    yes, no = octet_source(found), octet_source(missing)
    return lambda job, element, number: (no if find(element, names) is None else yes)(job, element, number)


def _days_of_week(argument: Json) -> Source[str]:
    """Seven bits, Monday first; none where the element is not there."""
    path = f"{text_argument(argument)}/DayOfWeekApplicability"

    def read(job: Job, element: Element, number: int) -> str:
        bits = ["0"] * 7
        for one in children(element, path):
            day = at(one, "DayOfWeekID")
            if text(day) not in _DAYS:
                raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{text(day)[:40]!r} is not a day", place(day))
            bits[_DAYS.index(text(day))] = "1"
        return "".join(bits)

    return read


def _special_days(argument: Json) -> Source[str]:
    """One bit for each special day that the body defines, the first defined first."""
    members = {key: text_argument(value) for key, value in object_argument(argument).items()}
    defined, key, named, by = members["defined"], members["key"], members["named"], members["by"]

    def read(job: Job, element: Element, number: int) -> str:
        positions = {
            index: position for position, index in enumerate(by_index(children(job.body, defined), 1, 20, key))
        }
        bits = ["0"] * len(positions)
        for one in children(element, named):
            index = attribute(one, by[1:], 1, 20) if by[0] == "@" else ranged(at(one, by), 1, 20)
            if index not in positions:
                raise TransformError(rules.LIST_INCONSISTENT, f"special day {index} is not defined", place(one))
            bits[positions[index]] = "1"
        return "".join(bits)

    return read


def _channel_mask(argument: Json) -> Source[str]:
    """Five bits of channel page and 27 of channels, channel first+k at bit k from the right (DBCH04)."""
    page, path, first, last = list_argument(argument)
    page, first, last = integer_argument(page), integer_argument(first), integer_argument(last)
    path = text_argument(path)

    def read(job: Job, element: Element, number: int) -> str:
        mask = page << 27
        container = at(element, path)
        for channel in range(first, last + 1):
            if find(container, steps(f"Channel{channel}")) is not None:
                mask |= 1 << (channel - first)
        return f"{mask:032b}"

    return read


INTEGER_SOURCES |= {
    "indexed": _indexed,
    "one of": _one_of,
    "samples": _samples,
    "if present": _integer_if_present,
}
OCTET_SOURCES |= {"if present": _octets_if_present}
BIT_SOURCES |= {"days of week": _days_of_week, "special days": _special_days, "channel mask": _channel_mask}
