"""GBZ Commands: ZigBee components, compiled from the use-case data (gbcs.md section 7).

A component is ``["read attributes", "0702", [attribute, ...]]`` or ``["CommandName", {field: source, ...}, options]``;
the fields are those of the command's layout, their types bound the values. A repeated group is the member
``"entries": {"each": path, "of": {field: source}}``; ``"order"`` in it says how its elements are
numbered by ``@index`` (``lists.ORDERS``). Options:

``"if": path``            the component is there only when the element is;
``"each": path``          one component for each element, whose paths start from it;
``"repeat": count``       so many components; the running number counts from 0;
``"from": source``        From Date Time.

A component may also be ``["family", argument]``, made by a constructor of ``FAMILIES`` as a list of components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ...duis.document import Element
from ..gbz import Component, GbzPayload, cluster_command, encode, read_attributes
from ..zcl import ENTRIES, Entry, FieldValue, Scalar, ZclDate, layout_named
from . import rules
from .elements import children, find, place, steps
from .job import Job
from .lists import order_named
from .rules import TransformError
from .values import (
    CatalogueError,
    Integers,
    Json,
    Source,
    integer_argument,
    integer_source,
    list_argument,
    object_argument,
    octet_source,
    text_argument,
)

Components: TypeAlias = Callable[[Job, Element, int], Component]
FAMILIES: dict[str, Callable[[Json], Callable[[Job], list[Component]]]] = {}
_READ: Final = "read attributes"
_MAX_COMPONENTS: Final = 255
_BOUNDS: Final = {f"u{bits}": (0, (1 << bits) - 1) for bits in range(8, 56, 8)} | {
    "i32": (-0x80000000, 0x7FFFFFFF),
    "utc": (0, 0xFFFFFFFF),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One component, or a run of like ones."""

    build: Components
    start: Integers | None
    condition: tuple[str, ...] | None
    each: str | None
    repeat: int | None

    def add_to(self, out: list[Component], job: Job) -> None:
        """Append the components, numbering them on."""
        body = job.body
        if self.condition is not None and find(body, self.condition) is None:
            return
        if self.repeat is not None:
            runs = [(body, number) for number in range(self.repeat)]
        elif self.each is not None:
            runs = [(element, number) for number, element in enumerate(children(body, self.each), 1)]
        else:
            runs = [(body, 0)]
        for element, number in runs:
            start = None if self.start is None else self.start(job, element, number)
            out.append(replace(self.build(job, element, number), sequence=len(out), from_date_time=start))


@dataclass(frozen=True, slots=True)
class Family:
    """Components whose kind and number depend on the body in a way a table does not tell."""

    build: Callable[[Job], list[Component]]

    def add_to(self, out: list[Component], job: Job) -> None:
        """Append the components, numbering them on."""
        for component in self.build(job):
            out.append(replace(component, sequence=len(out)))


@dataclass(frozen=True, slots=True)
class GbzCommand:
    """The ordered components of one use case."""

    parts: tuple[Part | Family, ...]

    def payload(self, job: Job) -> bytes:
        """The GBZ payload's octets."""
        out: list[Component] = []
        for part in self.parts:
            part.add_to(out, job)
        if not 1 <= len(out) <= _MAX_COMPONENTS:
            raise TransformError(
                rules.CANNOT_TRANSFORM, f"a message of {len(out)} components cannot be told", place(job.body)
            )
        return encode(GbzPayload(tuple(out)))


def compile_components(spec: Json) -> GbzCommand:
    """Compile the components of a GBZ Command."""
    return GbzCommand(tuple(_part(part) for part in list_argument(spec)))


def _part(spec: Json) -> Part | Family:
    name, argument, *rest = list_argument(spec)
    name = text_argument(name)
    if name in FAMILIES:
        return Family(FAMILIES[name](argument))
    if name == _READ:
        return Part(_reading(argument, list_argument(rest[0])), None, None, None, None)
    options = object_argument(rest[0]) if rest else {}
    if not set(options) <= {"if", "each", "repeat", "from"}:
        raise CatalogueError(f"unknown options among {sorted(options)}")
    return Part(
        cluster_component(name, object_argument(argument)),
        integer_source(options["from"], 0, 0xFFFFFFFF) if "from" in options else None,
        steps(text_argument(options["if"])) if "if" in options else None,
        text_argument(options["each"]) if "each" in options else None,
        integer_argument(options["repeat"]) if "repeat" in options else None,
    )


def _reading(cluster: Json, attributes: list[Json]) -> Components:
    component = read_attributes(int(text_argument(cluster), 16), [integer_argument(one) for one in attributes], 0)
    return lambda job, element, number: component


def cluster_component(name: str, fields: dict[str, Json]) -> Components:
    """Compile a cluster command; its fields have to be exactly those of the layout."""
    layout = layout_named(name)
    kinds = {one.name: one.type for one in layout.fields}
    expected = set(kinds) | ({ENTRIES} if layout.group else set())
    if expected != set(fields):
        raise CatalogueError(f"{name} has the fields {sorted(expected)}, not {sorted(fields)}")
    sources = [(field, _field(kinds[field], source)) for field, source in fields.items() if field != ENTRIES]
    entries = _entries({one.name: one.type for one in layout.group}, fields[ENTRIES]) if layout.group else None

    def build(job: Job, element: Element, number: int) -> Component:
        values: dict[str, FieldValue] = {field: source(job, element, number) for field, source in sources}
        if entries is not None:
            values[ENTRIES] = entries(job, element, number)
        return cluster_command(name, values, 0)

    return build


def _entries(kinds: dict[str, str], spec: Json) -> Source[tuple[Entry, ...]]:
    members = object_argument(spec)
    path, order = text_argument(members["each"]), order_named(members.get("order"))
    sources = [(field, _field(kinds[field], source)) for field, source in object_argument(members["of"]).items()]

    def build(job: Job, element: Element, number: int) -> tuple[Entry, ...]:
        found = children(element, path)
        return tuple(
            [
                {field: source(job, one, count) for field, source in sources}
                for count, one in enumerate(found if order is None else order(found), 1)
            ]
        )

    return build


def _field(kind: str, spec: Json) -> Source[Scalar]:
    if kind in _BOUNDS:
        return integer_source(spec, *_BOUNDS[kind])
    octets = octet_source(spec)
    if kind != "date":
        return octets

    def date(job: Job, element: Element, number: int) -> Scalar:
        year, *rest = (None if one == 0xFF else one for one in octets(job, element, number))
        return ZclDate(None if year is None else 1900 + year, *rest)

    return date
