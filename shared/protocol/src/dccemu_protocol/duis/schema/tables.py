"""The tables of DUIS 5.4: every element, its order and occurrence, every type and its facets.

``data/duis-5.4.json`` is this project's own form of those facts. A particle is ``[kind, least, most, ...]``:

* ``["element", least, most, name, type]`` — ``type`` null means that the content is not looked at here;
* ``["all-of", least, most, [particle, ...]]`` — all of them, in this order;
* ``["one-of", least, most, [particle, ...]]`` — exactly one of them.

``most`` null means any number. A type is a built-in (``xs:unsignedInt``), a simple type with facets, or a complex type
with ``content`` or ``text`` and ``attributes`` (all required).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from ...errors import EmulatorError


@dataclass(frozen=True, slots=True)
class ElementParticle:
    least: int
    most: int | None
    name: str
    type: str | None


@dataclass(frozen=True, slots=True)
class GroupParticle:
    least: int
    most: int | None
    is_choice: bool
    parts: tuple[Particle, ...]


Particle: TypeAlias = "ElementParticle | GroupParticle"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleFacts:
    """A simple type: a built-in base and facets. Bounds are text, read by the base's own rules."""

    base: str
    values: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    min: str | None = None
    max: str | None = None
    above: str | None = None
    below: str | None = None
    length: int | None = None
    minLength: int | None = None
    maxLength: int | None = None
    totalDigits: int | None = None
    fractionDigits: int | None = None


@dataclass(frozen=True, slots=True)
class ComplexFacts:
    content: Particle | None
    text: str | None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    roots: Mapping[str, str]
    simple: Mapping[str, SimpleFacts]
    complex: Mapping[str, ComplexFacts]


def _particle(row: object) -> Particle:
    match row:
        case ["element", int(least), int() | None as most, str(name), str() | None as type_name]:
            return ElementParticle(least, most, name, type_name)
        case [("all-of" | "one-of") as kind, int(least), int() | None as most, [*parts]]:
            return GroupParticle(least, most, kind == "one-of", tuple(_particle(part) for part in parts))
        case _:
            raise EmulatorError(f"duis tables: {row!r} is not a particle")


def _simple(row: dict[str, Any]) -> SimpleFacts:
    facets: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    try:
        return SimpleFacts(**facets)
    except TypeError as error:
        raise EmulatorError(f"duis tables: {row!r} is not a simple type") from error


def _complex(row: Mapping[str, object]) -> ComplexFacts:
    content, text, attributes = row.get("content"), row.get("text"), row.get("attributes", {})
    if not isinstance(attributes, dict) or not (text is None or isinstance(text, str)):
        raise EmulatorError(f"duis tables: {row!r} is not a complex type")
    return ComplexFacts(_particle(content) if isinstance(content, list) else None, text, attributes)


def _names(particle: Particle | None) -> set[str]:
    if particle is None:
        return set()
    if isinstance(particle, ElementParticle):
        return {particle.type} if particle.type is not None else set()
    return set().union(*(_names(part) for part in particle.parts))


def _check(tables: Tables) -> None:
    used = set(tables.roots.values())
    for facts in tables.complex.values():
        used |= _names(facts.content) | set(facts.attributes.values()) | ({facts.text} if facts.text else set())
    unknown = {name for name in used if not name.startswith("xs:")} - set(tables.simple) - set(tables.complex)
    if unknown:
        raise EmulatorError(f"duis tables: the types {sorted(unknown)} are not defined")


@cache
def load() -> Tables:
    """Load and check the tables of DUIS 5.4."""
    document = json.loads(files(__package__).joinpath("data", "duis-5.4.json").read_text("utf-8"))
    simple = {name: _simple(row) for name, row in document["simple"].items()}
    tables = Tables(document["roots"], simple, {name: _complex(row) for name, row in document["complex"].items()})
    _check(tables)
    return tables
