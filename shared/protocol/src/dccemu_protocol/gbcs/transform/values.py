"""Value sources: named, typed readers of a DUIS body that use cases are made of.

A source in the use-case data is a number (constant), a text (path of an element that holds an integer), or an object
with one member, ``{"name": argument}``, that names a reader of this module or of one of the families that register
their own (``tariff``, ``schedules``, ``alerts`` ...). Compiling turns it into a function of the job, the element the
paths start from, and the running number within an enclosing list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from ...duis.document import Element
from ..times import date_time_octets
from . import rules
from .elements import at, attribute, boolean, children, find, has, hexadecimal, place, ranged, scaled, steps, text
from .job import Job
from .rules import TransformError
from .times import (
    CANCELLATION_YEAR,
    gas_date_octets,
    minutes,
    moment,
    plain_date_octets,
    seconds,
    time_octets,
    wild_date_octets,
)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
T = TypeVar("T")
Source: TypeAlias = Callable[[Job, Element, int], T]
Integers: TypeAlias = Source[int]
Octets: TypeAlias = Source[bytes]

UNBOUNDED: Final = 1 << 80
INTEGER_SOURCES: dict[str, Callable[[Json], Integers]] = {}
OCTET_SOURCES: dict[str, Callable[[Json], Octets]] = {}
MIDNIGHT: Final = bytes.fromhex("000000008000ff")


class CatalogueError(Exception):
    """The use-case data of the package are not well formed."""


def text_argument(argument: Json) -> str:
    """An argument that has to be a text."""
    if not isinstance(argument, str):
        raise CatalogueError(f"{argument!r} is not a text")
    return argument


def list_argument(argument: Json) -> list[Json]:
    """An argument that has to be a list."""
    if not isinstance(argument, list):
        raise CatalogueError(f"{argument!r} is not a list")
    return argument


def object_argument(argument: Json) -> dict[str, Json]:
    """An argument that has to be an object."""
    if not isinstance(argument, dict):
        raise CatalogueError(f"{argument!r} is not an object")
    return argument


def integer_argument(argument: Json) -> int:
    """An argument that has to be an integer."""
    if not isinstance(argument, int) or isinstance(argument, bool):
        raise CatalogueError(f"{argument!r} is not an integer")
    return argument


def single(spec: Json) -> tuple[str, Json]:
    """The one member of an object."""
    ((name, argument),) = object_argument(spec).items()
    return name, argument


def integer_source(spec: Json, low: int = -UNBOUNDED, high: int = UNBOUNDED) -> Integers:
    """A source of integers within bounds; out of bounds is ``TRANSFORM_VALUE_OUT_OF_RANGE`` at the element read."""
    if isinstance(spec, int):
        constant = int(spec)
        if not low <= constant <= high:
            raise CatalogueError(f"{constant} is not within {low} to {high}")
        return lambda job, element, number: constant
    if isinstance(spec, str):
        path, names = spec, steps(spec)

        def read(job: Job, element: Element, number: int) -> int:
            found = find(element, names)
            return ranged(at(element, path) if found is None else found, low, high)

        return read
    name, argument = single(spec)
    if name not in INTEGER_SOURCES:
        raise CatalogueError(f"there is no integer source {name!r}")
    inner = INTEGER_SOURCES[name](argument)
    where = _path_of(argument)

    def check(job: Job, element: Element, number: int) -> int:
        value = inner(job, element, number)
        if not low <= value <= high:
            raise TransformError(
                rules.VALUE_OUT_OF_RANGE, f"{value} is not within {low} to {high}", place(element, where)
            )
        return value

    return check


def octet_source(spec: Json) -> Octets:
    """A source of octets; a text is a constant in hexadecimal."""
    if isinstance(spec, str):
        constant = bytes.fromhex(spec)
        return lambda job, element, number: constant
    name, argument = single(spec)
    if name not in OCTET_SOURCES:
        raise CatalogueError(f"there is no octet source {name!r}")
    return OCTET_SOURCES[name](argument)


def _path_of(argument: Json) -> str:
    if isinstance(argument, str):
        return argument
    if isinstance(argument, list) and argument and isinstance(argument[0], str):
        return argument[0]
    return ""


# -- integers --------------------------------------------------------------------------------------------------------


def _choice(argument: Json) -> Integers:
    path, choices = list_argument(argument)
    path = text_argument(path)
    numbers = {key: integer_argument(value) for key, value in object_argument(choices).items()}

    def read(job: Job, element: Element, number: int) -> int:
        found = at(element, path)
        value = numbers.get(text(found))
        if value is None:
            raise TransformError(
                rules.VALUE_OUT_OF_RANGE, f"{text(found)[:40]!r} is none of {', '.join(numbers)}", place(found)
            )
        return value

    return read


def _scaled(argument: Json) -> Integers:
    path, factor = list_argument(argument)
    path, factor = text_argument(path), integer_argument(factor)
    return lambda job, element, number: scaled(at(element, path), factor)


def _present(argument: Json) -> Integers:
    path, found, missing = list_argument(argument)
    names = steps(text_argument(path))
    yes, no = integer_argument(found), integer_argument(missing)
    return lambda job, element, number: no if find(element, names) is None else yes


def _attribute(argument: Json) -> Integers:
    path, name, low, high = list_argument(argument)
    path, name = text_argument(path), text_argument(name)
    low, high = integer_argument(low), integer_argument(high)
    return lambda job, element, number: attribute(at(element, path), name, low, high)


def _sum(argument: Json) -> Integers:
    terms = [integer_source(term) for term in list_argument(argument)]
    return lambda job, element, number: sum([term(job, element, number) for term in terms])


def _times(argument: Json) -> Integers:
    factor, inner = list_argument(argument)
    factor = integer_argument(factor)
    source = integer_source(inner)
    return lambda job, element, number: factor * source(job, element, number)


def _count(argument: Json) -> Integers:
    path = text_argument(argument)
    return lambda job, element, number: len(children(element, path))


def _seconds(argument: Json) -> Integers:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> int:
        found = at(element, path)
        return seconds(moment(found), found)

    return read


def _end_seconds(argument: Json) -> Integers:
    """Seconds since 2000; the year 3000 means no end, FFFFFFFE (GCS15e vector)."""
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> int:
        found = at(element, path)
        when = moment(found)
        return 0xFFFFFFFE if when.year >= CANCELLATION_YEAR else seconds(when, found)

    return read


def _minutes(argument: Json) -> Integers:
    path = text_argument(argument)
    return lambda job, element, number: minutes(at(element, path))


def _flag(argument: Json) -> Integers:
    path = text_argument(argument)
    return lambda job, element, number: int(boolean(at(element, path)))


def _start_time(argument: Json) -> Integers:
    cancelled = int(text_argument(argument), 16)
    return lambda job, element, number: job.start_time(cancelled)


INTEGER_SOURCES |= {
    "choice": _choice,
    "scaled": _scaled,
    "present": _present,
    "attribute": _attribute,
    "sum": _sum,
    "times": _times,
    "count": _count,
    "seconds": _seconds,
    "end seconds": _end_seconds,
    "minutes": _minutes,
    "flag": _flag,
    "start time": _start_time,
    "running number": lambda argument: lambda job, element, number: number,
    "now": lambda argument: lambda job, element, number: job.now_seconds,
}


# -- octets ----------------------------------------------------------------------------------------------------------


def _text(argument: Json) -> Octets:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> bytes:
        return ascii_octets(at(element, path))

    return read


def ascii_octets(element: Element) -> bytes:
    """An element's text, white space kept, as ASCII."""
    found = element.text or ""
    if not found.isascii():
        raise TransformError(rules.TEXT_NOT_ENCODABLE, f"{found[:40]!r} is not ASCII", place(element))
    return found.encode("ascii")


def eui_octets(element: Element) -> bytes:
    """The eight octets of an EUI-64."""
    found = text(element)
    try:
        octets = bytes.fromhex(found.replace("-", ""))
    except ValueError:
        octets = b""
    if len(octets) != 8:
        raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{found[:40]!r} is not an EUI-64", place(element))
    return octets


def _at_path(read: Callable[[Element], bytes]) -> Callable[[Json], Octets]:
    def compile_path(argument: Json) -> Octets:
        path, names = text_argument(argument), steps(text_argument(argument))

        def octets(job: Job, element: Element, number: int) -> bytes:
            found = find(element, names)
            return read(at(element, path) if found is None else found)

        return octets

    return compile_path


def _joined(argument: Json) -> Octets:
    parts = [octet_source(part) for part in list_argument(argument)]
    return lambda job, element, number: b"".join([part(job, element, number) for part in parts])


def _optional_text(argument: Json) -> Octets:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> bytes:
        return ascii_octets(at(element, path)) if has(element, path) else b""

    return read


def _number_octet(argument: Json) -> Octets:
    source = integer_source(argument, 0, 255)
    return lambda job, element, number: bytes((source(job, element, number),))


def _customer_identification_number(argument: Json) -> Octets:
    def read(job: Job, element: Element, number: int) -> bytes:
        return job.context.cin.encode("ascii")

    return read


OCTET_SOURCES |= {
    "text": _text,
    "optional text": _optional_text,
    "hexadecimal": _at_path(hexadecimal),
    "eui": _at_path(eui_octets),
    "octet": _number_octet,
    "joined": _joined,
    "date-time": _at_path(lambda element: date_time_octets(moment(element))),
    "time": _at_path(time_octets),
    "date": _at_path(plain_date_octets),
    "wild date": _at_path(wild_date_octets),
    "wild date at midnight": _at_path(lambda element: wild_date_octets(element) + MIDNIGHT),
    "gas date": _at_path(gas_date_octets),
    "activation": lambda argument: lambda job, element, number: job.activation,
    "customer identification number": _customer_identification_number,
    "protection counter": lambda argument: lambda job, element, number: b"\x04" + job.counter.to_bytes(8, "big"),
    "reader": lambda argument: lambda job, element, number: job.reader.octets,
    "device": lambda argument: lambda job, element, number: job.device.eui.octets,
}
