"""Meaning: what the request says, as values that know their element, and its comparison with what was found.

What is found in the Pre-Command is plain: scalars, tuples, and mappings from a name or number to such values.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from .result import Difference, Unlike

Plain: TypeAlias = object
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Said:
    """One value and the path of the element that says it; ``also`` are values that mean the same."""

    value: Plain
    place: str
    also: tuple[Plain, ...] = ()


@dataclass(frozen=True, slots=True)
class Anything:
    """A value that the User cannot know."""

    place: str


@dataclass(frozen=True, slots=True)
class Group:
    """Values by name or number; with ``otherwise`` those not given have that value."""

    place: str
    members: Mapping[Hashable, Meaning]
    otherwise: Plain = None


@dataclass(frozen=True, slots=True)
class Row:
    """Values in order."""

    place: str
    items: tuple[Meaning, ...]


Meaning: TypeAlias = Said | Anything | Group | Row


def compare(meaning: Meaning, found: Plain, item: str) -> None:
    """Compare, members that an element gives first.

    Raises
    ------
    Unlike
        At the first difference.
    """
    match meaning:
        case Said(value, place, also):
            if not _is_same(value, found) and not any(_is_same(one, found) for one in also):
                raise Unlike(Difference(place, item, show(value), show(found)))
        case Anything():
            return
        case Group(place, members, otherwise):
            _compare_group(place, members, otherwise, found, item)
        case Row(place, items):
            _compare_row(place, items, found, item)


def _is_same(one: Plain, other: Plain) -> bool:
    """Equal and of one type: 1 is not true."""
    return type(one) is type(other) and one == other


def _compare_group(place: str, members: Mapping[Hashable, Meaning], otherwise: Plain, found: Plain, item: str) -> None:
    if not isinstance(found, Mapping):
        raise Unlike(Difference(place, item, "a group of values", show(found)))
    for name, member in members.items():
        at = f"{item} {_label(name)}"
        if name not in found:
            raise Unlike(Difference(member.place, at, _gist(member), _NOTHING))
        compare(member, found[name], at)
    for name, value in found.items():
        if name not in members and not (otherwise is not None and _is_same(value, otherwise)):
            expected = _NOTHING if otherwise is None else show(otherwise)
            raise Unlike(Difference(place, f"{item} {_label(name)}", expected, show(value)))


def _compare_row(place: str, items: tuple[Meaning, ...], found: Plain, item: str) -> None:
    if not isinstance(found, tuple):
        raise Unlike(Difference(place, item, "a list", show(found)))
    for number, (member, value) in enumerate(zip(items, found, strict=False), 1):
        compare(member, value, f"{item} [{number}]")
    if len(items) > len(found):
        missing = items[len(found)]
        raise Unlike(Difference(missing.place, f"{item} [{len(found) + 1}]", _gist(missing), _NOTHING))
    if len(found) > len(items):
        number = len(items) + 1
        raise Unlike(Difference(place, f"{item} [{number}]", _NOTHING, show(found[len(items)])))


def _gist(meaning: Meaning) -> str:
    match meaning:
        case Said(value):
            return show(value)
        case Anything():
            return "a value"
        case Group(_, members):
            return ", ".join(f"{_label(name)} {_gist(member)}" for name, member in members.items())[:200]
        case Row(_, items):
            return f"{len(items)} entries"


def _label(name: Hashable) -> str:
    return " ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)


def show(value: Plain) -> str:
    """A value for people."""
    match value:
        case None:
            return "not specified"
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.hex() if len(value) <= 40 else f"{value[:32].hex()}... ({len(value)} octets)"
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case Mapping():
            return ", ".join(f"{_label(name)} {show(one)}" for name, one in value.items())[:200]
        case tuple():
            return " ".join(show(one) for one in value)[:200]
        case _:
            return str(value)[:200]
