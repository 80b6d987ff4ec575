"""The data of this package: who may send what, how the answer is protected, and what a Device holds to begin with.

One file, ``gbcs/data/responses.json``, read and checked once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, TypeAlias, cast

from .. import datum as d
from .state import Value

Protection: TypeAlias = Literal["mac", "signature", "signature+mac", "by-originator"]
Protocol: TypeAlias = Literal["DLMS", "GBZ", "DER"]


class Member(NamedTuple):
    """An attribute or method of a DLMS object."""

    class_id: int
    obis: bytes
    member: int

    def __str__(self) -> str:
        a, b, c, d_, e, f = self.obis
        return f"{self.class_id}/{a}-{b}:{c}.{d_}.{e}.{f}/{self.member}"


@dataclass(frozen=True, slots=True)
class MessageRules:
    """What holds for every message with one message code.

    ``roles`` are the remote party roles that may send the Command. ``protection`` is that of the Command, ``response``
    that of the Response; ``by-originator`` means MAC when the broker sends, else signature (gbcs.md section 2).
    ``encrypted`` names the GBZ response components (cluster, command) that are encrypted.
    """

    message_code: int
    use_cases: tuple[str, ...]
    title: str
    protocol: Protocol
    protection: Protection
    response: Literal["mac", "signature", "by-originator"]
    response_date_time: bool
    devices: frozenset[str]
    roles: frozenset[int]
    activations: int
    encrypted: frozenset[tuple[int, int]]
    no_default_response: bool


@dataclass(frozen=True, slots=True)
class LogShape:
    """A log that is read in rows: their columns, where rows come from and what each column but the first holds."""

    columns: tuple[d.TypeDescription, ...]
    kind: Literal["profile", "snapshots", "events"]
    every: int | None
    of: str
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A ZCL attribute: name, type and the value it has until something changes it."""

    name: str
    type: str
    value: int | bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything in the file."""

    messages: Mapping[int, MessageRules]
    objects: Mapping[Member, d.Datum]
    settable: Mapping[Member, str]
    actions: Mapping[Member, str]
    logs: Mapping[Member, LogShape]
    activations: Mapping[Member, tuple[tuple[Member, Member], ...]]
    mirrors: Mapping[Member, Member]
    attributes: Mapping[tuple[int, int], Attribute]
    commands: Mapping[tuple[int, int, int], str]


@cache
def rules() -> Rules:
    """The checked content of ``responses.json``."""
    text = (files("dccemu_protocol.gbcs") / "data" / "responses.json").read_text(encoding="utf-8")
    content = cast("dict[str, dict[str, dict[str, Value]]]", json.loads(text))
    dlms, gbz = content["dlms"], content["gbz"]
    messages = [_message(entry) for entry in cast("list[dict[str, Value]]", content["messages"])]
    return Rules(
        messages={entry.message_code: entry for entry in messages},
        objects={member(name): datum(value) for name, value in dlms["objects"].items()},
        settable={member(name): _text(value) for name, value in dlms["settable"].items()},
        actions={member(name): _text(value) for name, value in dlms["actions"].items()},
        logs={member(name): _log(value) for name, value in dlms["logs"].items()},
        activations={
            member(name): tuple((member(_text(_list(p)[0])), member(_text(_list(p)[1]))) for p in _list(value))
            for name, value in dlms["activations"].items()
        },
        mirrors={member(name): member(_text(value)) for name, value in dlms["mirrors"].items()},
        attributes=_attributes(gbz["attributes"]),
        commands={_command(name): _text(value) for name, value in gbz["commands"].items()},
    )


def member(text: str) -> Member:
    """Read ``class/a-b:c.d.e.f/member``."""
    class_id, obis, number = text.split("/")
    groups = obis.replace("-", ".").replace(":", ".").split(".")
    if len(groups) != 6:
        raise ValueError(f"{text!r} does not name an OBIS of six groups")
    return Member(int(class_id), bytes(int(group) for group in groups), int(number))


_NUMBERS: Mapping[str, type[d.Number]] = {
    "double-long": d.DoubleLong,
    "double-long-unsigned": d.DoubleLongUnsigned,
    "integer": d.Integer,
    "long": d.Long,
    "unsigned": d.Unsigned,
    "long-unsigned": d.LongUnsigned,
    "enum": d.Enum,
}
TYPE_NAMES: Mapping[type, str] = {
    d.Null: "null-data",
    d.Array: "array",
    d.Structure: "structure",
    d.Boolean: "boolean",
    d.BitString: "bit-string",
    d.OctetString: "octet-string",
    d.VisibleString: "visible-string",
    d.Utf8String: "utf8-string",
    d.CompactArray: "compact-array",
} | {kind: name for name, kind in _NUMBERS.items()}
_TAGS = {name: kind.TAG for name, kind in _NUMBERS.items()} | {"octet-string": d.OctetString.TAG}


def datum(value: Value) -> d.Datum:
    """Read ``{"type name": value}``."""
    ((name, content),) = cast("dict[str, Value]", value).items()
    if name in _NUMBERS:
        return _NUMBERS[name](cast(int, content))
    match name:
        case "array":
            return d.Array(tuple(datum(element) for element in _list(content)))
        case "structure":
            return d.Structure(tuple(datum(element) for element in _list(content)))
        case "boolean":
            return d.TRUE if content else d.FALSE
        case "bit-string":
            return d.BitString(_text(content))
        case "octet-string":
            return d.OctetString(bytes.fromhex(_text(content)))
        case "visible-string":
            return d.VisibleString(_text(content))
        case "utf8-string":
            return d.Utf8String(_text(content))
    raise ValueError(f"{name!r} is not a DLMS data type in use")


def _message(entry: dict[str, Value]) -> MessageRules:
    return MessageRules(
        message_code=int(_text(entry["message_code"]), 16),
        use_cases=tuple(_text(name) for name in _list(entry["use_cases"])),
        title=_text(entry["title"]),
        protocol=cast(Protocol, entry["protocol"]),
        protection=cast(Protection, entry["protection"]),
        response=cast('Literal["mac", "signature", "by-originator"]', entry["response"]),
        response_date_time=entry["response_date_time"] is True,
        devices=frozenset(_text(name) for name in _list(entry["devices"])),
        roles=frozenset(cast(int, role) for role in _list(entry["roles"])),
        activations=cast(int, entry.get("activations", 0)),
        encrypted=frozenset(_cluster_command(_text(name)) for name in _list(entry.get("encrypted", []))),
        no_default_response=entry.get("no_default_response") is True,
    )


def _log(value: Value) -> LogShape:
    entry = cast("dict[str, Value]", value)
    every = entry.get("every")
    return LogShape(
        columns=tuple(_column(column) for column in _list(entry["columns"])),
        kind=cast('Literal["profile", "snapshots", "events"]', entry["kind"]),
        every=every if isinstance(every, int) else None,
        of=_text(entry.get("of", "")),
        measures=tuple(_text(name) for name in _list(entry.get("measures", []))),
    )


def _column(value: Value) -> d.TypeDescription:
    if isinstance(value, dict):
        count, element = _list(value["array"])
        return d.ArrayType(cast(int, count), _column(element))
    return d.SimpleType(_TAGS[_text(value)])


def _attributes(clusters: dict[str, Value]) -> dict[tuple[int, int], Attribute]:
    found: dict[tuple[int, int], Attribute] = {}
    for cluster, attributes in clusters.items():
        for number, value in cast("dict[str, list[Value]]", attributes).items():
            name, type_name, content = value
            plain = bytes.fromhex(content) if isinstance(content, str) else cast(int, content)
            found[int(cluster, 16), int(number, 16)] = Attribute(_text(name), _text(type_name), plain)
    return found


def _command(text: str) -> tuple[int, int, int]:
    cluster, control, command = text.split("/")
    return int(cluster, 16), int(control, 16), int(command, 16)


def _cluster_command(text: str) -> tuple[int, int]:
    cluster, command = text.split("/")
    return int(cluster, 16), int(command, 16)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _list(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value
