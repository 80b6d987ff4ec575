"""Value sources: named, typed readers of a DUIS body that use cases are made of.

A source in the use-case data is a number (constant), a text (path of an element that holds an integer), or an object
with one member, ``{"name": argument}``, that names a reader registered by ``readers``, ``lists`` or one of the families
(``tariff``, ``alerts`` ...). Compiling turns it into a function of the job, the element the
paths start from, and the running number within an enclosing list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from ...duis.document import Element
from . import rules
from .elements import at, find, place, ranged, steps
from .job import Job
from .rules import TransformError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
T = TypeVar("T")
Source: TypeAlias = Callable[[Job, Element, int], T]
Integers: TypeAlias = Source[int]
Octets: TypeAlias = Source[bytes]

UNBOUNDED: Final = 1 << 80
INTEGER_SOURCES: dict[str, Callable[[Json], Integers]] = {}
OCTET_SOURCES: dict[str, Callable[[Json], Octets]] = {}


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
