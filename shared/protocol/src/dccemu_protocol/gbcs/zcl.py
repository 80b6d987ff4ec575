"""ZCL and ZSE commands and attributes inside GBZ components (gbcs.md section 7).

``data/zcl.json`` has one line for each command: its name and its fields in order as ``name:type``. ``*`` before a
comma list is a group repeated to the end, ``count*`` one repeated as often as the earlier field ``count`` says; such a
group is the field ``entries``. Integers are little-endian. A command's values are a mapping from field name to a
number, octets (strings keep no encoding) or a ``ZclDate``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

from .errors import BAD_TAG, BAD_VALUE, OUT_OF_RANGE, UNKNOWN, GbcsError
from .octets import Cursor

CLUSTER_SPECIFIC = 0x01
SERVER_TO_CLIENT = 0x08
NO_DEFAULT_RESPONSE = 0x10
READ_ATTRIBUTES = 0x00
READ_ATTRIBUTES_RESPONSE = 0x01
DEFAULT_RESPONSE = 0x0B
ENTRIES = "entries"


@dataclass(frozen=True, slots=True)
class ZclDate:
    """ZCL date: each part ``None`` when it is FF (not specified)."""

    year: int | None
    month: int | None
    day: int | None
    weekday: int | None


Scalar: TypeAlias = int | bytes | ZclDate
Entry: TypeAlias = Mapping[str, Scalar]
FieldValue: TypeAlias = Scalar | tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class ZclCommand:
    """A cluster command, or the publish form of one, by name."""

    name: str
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class ReadAttributes:
    """Profile-wide read attributes."""

    attributes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AttributeRecord:
    """One attribute of an answer; type and value are there when the status is 0."""

    attribute: int
    status: int
    type: int | None = None
    value: int | bytes | None = None


@dataclass(frozen=True, slots=True)
class ReadAttributesResponse:
    """Profile-wide answer to read attributes."""

    records: tuple[AttributeRecord, ...]


@dataclass(frozen=True, slots=True)
class DefaultResponse:
    """Profile-wide default response."""

    command_id: int
    status: int


ZclPayload: TypeAlias = ZclCommand | ReadAttributes | ReadAttributesResponse | DefaultResponse


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name and type (``u8``..``u48``, ``i32``, ``utc``, ``str``, ``date``, ``bytes``)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class CommandLayout:
    """Fields of one command; a repeated group, and the field that counts it (``None``: to the end), come last."""

    cluster: int
    command_id: int
    to_client: bool
    name: str
    fields: tuple[Field, ...]
    group: tuple[Field, ...] = ()
    counted_by: str | None = None


_INTEGERS = {f"u{8 * width}": (width, False) for width in range(1, 7)} | {"i32": (4, True), "utc": (4, False)}
_ATTRIBUTE_INTEGERS: Mapping[int, tuple[int, bool]] = {
    0x18: (1, False),
    0x19: (2, False),
    0x20: (1, False),
    0x21: (2, False),
    0x22: (3, False),
    0x23: (4, False),
    0x25: (6, False),
    0x2B: (4, True),
    0x30: (1, False),
}
_ATTRIBUTE_STRINGS = frozenset((0x41, 0x42))
_TYPES = frozenset(_INTEGERS) | {"str", "date", "bytes"}
_GROUP = re.compile(r"([A-Za-z]*)\*(\S+)\Z")


@dataclass(frozen=True, slots=True)
class Tables:
    """What ``data/zcl.json`` holds, checked."""

    layouts: Mapping[tuple[int, bool, int], CommandLayout]
    by_name: Mapping[str, tuple[CommandLayout, ...]]
    clusters: Mapping[int, str]
    attributes: Mapping[tuple[int, int], str]
    attribute_types: Mapping[int, str]
    statuses: Mapping[int, str]


@cache
def tables() -> Tables:
    """The tables, read once."""
    source = json.loads(files(__package__).joinpath("data", "zcl.json").read_text("utf-8"))
    layouts: dict[tuple[int, bool, int], CommandLayout] = {}
    by_name: dict[str, tuple[CommandLayout, ...]] = {}
    attributes: dict[tuple[int, int], str] = {}
    for cluster_text, cluster in source["clusters"].items():
        cluster_id = int(cluster_text, 16)
        for key, to_client in (("toServer", False), ("toClient", True)):
            for command_text, (name, text) in cluster.get(key, {}).items():
                layout = _layout(cluster_id, int(command_text, 16), to_client, name, text)
                layouts[cluster_id, to_client, layout.command_id] = layout
                by_name[name] = (*by_name.get(name, ()), layout)
        for attribute, name in cluster.get("attributes", {}).items():
            attributes[cluster_id, int(attribute, 16)] = name
    return Tables(
        layouts,
        by_name,
        {int(number, 16): cluster["name"] for number, cluster in source["clusters"].items()},
        attributes,
        {int(number, 16): name for number, name in source["attributeTypes"].items()},
        {int(number, 16): name for number, name in source["status"].items()},
    )


def _layout(cluster: int, command_id: int, to_client: bool, name: str, text: str) -> CommandLayout:
    fields: list[Field] = []
    for part in text.split():
        group = _GROUP.match(part)
        if group is None:
            fields.append(_field(part))
            continue
        members = tuple(_field(one) for one in group[2].split(","))
        return CommandLayout(cluster, command_id, to_client, name, tuple(fields), members, group[1] or None)
    return CommandLayout(cluster, command_id, to_client, name, tuple(fields))


def _field(text: str) -> Field:
    name, _, kind = text.partition(":")
    if kind not in _TYPES:
        raise ValueError(f"{text!r} names no ZCL field type")
    return Field(name, kind)


def layout_of(cluster: int, frame_control: int, command_id: int) -> CommandLayout:
    """The layout of a cluster command."""
    layout = tables().layouts.get((cluster, bool(frame_control & SERVER_TO_CLIENT), command_id))
    if layout is None:
        raise GbcsError(UNKNOWN, f"cluster {cluster:04x} has no command {command_id:02x} in this direction")
    return layout


# -- reading ---------------------------------------------------------------------------------------------------------


def decode(cluster: int, frame_control: int, command_id: int, payload: bytes) -> ZclPayload:
    """Read the whole ZCL payload of a component, its ZCL header given."""
    cursor = Cursor(payload)
    value: ZclPayload
    if frame_control & CLUSTER_SPECIFIC:
        value = _read_command(cursor, layout_of(cluster, frame_control, command_id))
    elif command_id == READ_ATTRIBUTES:
        value = ReadAttributes(tuple([_little(cursor, 2) for _ in range((cursor.left + 1) // 2)]))
    elif command_id == READ_ATTRIBUTES_RESPONSE:
        records = []
        while cursor.left:
            records.append(_read_record(cursor))
        value = ReadAttributesResponse(tuple(records))
    elif command_id == DEFAULT_RESPONSE:
        value = DefaultResponse(cursor.u8(), cursor.u8())
    else:
        raise GbcsError(UNKNOWN, f"{command_id:02x} is not a profile-wide command in use")
    cursor.finish("the ZCL payload")
    return value


def _read_command(cursor: Cursor, layout: CommandLayout) -> ZclCommand:
    fields: dict[str, FieldValue] = {one.name: _read_field(cursor, one.type) for one in layout.fields}
    if layout.group:
        entries: list[Entry] = []
        if layout.counted_by is None:
            while cursor.left:
                entries.append(_read_entry(cursor, layout))
        else:
            count = fields[layout.counted_by]
            assert isinstance(count, int)
            if count > cursor.left:
                cursor.need(count)
            entries = [_read_entry(cursor, layout) for _ in range(count)]
        fields[ENTRIES] = tuple(entries)
    return ZclCommand(layout.name, fields)


def _read_entry(cursor: Cursor, layout: CommandLayout) -> Entry:
    return {one.name: _read_field(cursor, one.type) for one in layout.group}


def _read_field(cursor: Cursor, kind: str) -> Scalar:
    integer = _INTEGERS.get(kind)
    if integer is not None:
        return _little(cursor, *integer)
    if kind == "str":
        return cursor.take(cursor.u8())
    if kind == "bytes":
        return cursor.take(cursor.left)
    year, month, day, weekday = (None if octet == 0xFF else octet for octet in cursor.take(4))
    return ZclDate(None if year is None else 1900 + year, month, day, weekday)


def _read_record(cursor: Cursor) -> AttributeRecord:
    attribute, status = _little(cursor, 2), cursor.u8()
    if status:
        return AttributeRecord(attribute, status)
    at = cursor.at
    kind = cursor.u8()
    integer = _ATTRIBUTE_INTEGERS.get(kind)
    if integer is not None:
        return AttributeRecord(attribute, 0, kind, _little(cursor, *integer))
    if kind not in _ATTRIBUTE_STRINGS:
        raise GbcsError(BAD_TAG, f"{kind:02x} is not an attribute type in use", at)
    return AttributeRecord(attribute, 0, kind, cursor.take(cursor.u8()))


def _little(cursor: Cursor, width: int, signed: bool = False) -> int:
    at = cursor.need(width)
    return int.from_bytes(cursor.data[at : at + width], "little", signed=signed)


# -- writing ---------------------------------------------------------------------------------------------------------


def encode(value: ZclPayload, layout: CommandLayout | None = None) -> bytes:
    """The octets of a ZCL payload; a command's layout is looked up by name where that is unambiguous."""
    out = bytearray()
    match value:
        case ZclCommand(name, values):
            _write_command(out, layout or layout_named(name), values)
        case ReadAttributes(attributes):
            for attribute in attributes:
                out += _number(attribute, 2, False, "attribute")
        case ReadAttributesResponse(records):
            for record in records:
                _write_record(out, record)
        case DefaultResponse(command_id, status):
            out += bytes((command_id, status))
    return bytes(out)


def layout_named(name: str) -> CommandLayout:
    """The layout of the command of that name (names are unique in the table)."""
    found = tables().by_name.get(name, ())
    if len(found) != 1:
        raise GbcsError(UNKNOWN, f"{len(found)} commands are named {name!r}")
    return found[0]


def _write_command(out: bytearray, layout: CommandLayout, values: Mapping[str, FieldValue]) -> None:
    known = {one.name for one in layout.fields} | ({ENTRIES} if layout.group else set())
    if known != set(values):
        raise GbcsError(BAD_VALUE, f"{layout.name} has the fields {sorted(known)}, not {sorted(values)}")
    for one in layout.fields:
        _write_field(out, one, values[one.name])
    if not layout.group:
        return
    entries = values[ENTRIES]
    if not isinstance(entries, tuple):
        raise GbcsError(BAD_VALUE, f"the entries of {layout.name} are not a tuple")
    if layout.counted_by is not None and values[layout.counted_by] != len(entries):
        raise GbcsError(BAD_VALUE, f"{layout.counted_by} is not the number of entries ({len(entries)})")
    for entry in entries:
        for one in layout.group:
            _write_field(out, one, entry[one.name])


def _write_field(out: bytearray, field: Field, value: FieldValue) -> None:
    match value:
        case int() if field.type in _INTEGERS:
            out += _number(value, *_INTEGERS[field.type], field.name)
        case bytes() if field.type == "bytes":
            out += value
        case bytes() if field.type == "str":
            if len(value) > 0xFF:
                raise GbcsError(OUT_OF_RANGE, f"{field.name} has {len(value)} octets, more than 255")
            out.append(len(value))
            out += value
        case ZclDate(year, month, day, weekday) if field.type == "date":
            for part in (None if year is None else year - 1900, month, day, weekday):
                out += b"\xff" if part is None else _number(part, 1, False, field.name)
        case _:
            raise GbcsError(BAD_VALUE, f"{field.name} is {value!r}, not {field.type}")


def _write_record(out: bytearray, record: AttributeRecord) -> None:
    out += _number(record.attribute, 2, False, "attribute")
    out += _number(record.status, 1, False, "status")
    if record.status:
        return
    kind, value = record.type, record.value
    if kind is None or value is None:
        raise GbcsError(BAD_VALUE, f"attribute {record.attribute:04x} has status 0 and no value")
    if isinstance(value, int) and kind in _ATTRIBUTE_INTEGERS:
        out.append(kind)
        out += _number(value, *_ATTRIBUTE_INTEGERS[kind], "attribute value")
    elif isinstance(value, bytes) and kind in _ATTRIBUTE_STRINGS and len(value) <= 0xFF:
        out += bytes((kind, len(value))) + value
    else:
        raise GbcsError(BAD_VALUE, f"attribute {record.attribute:04x} is {value!r}, not of type {kind}")


def _number(value: int, width: int, signed: bool, name: str) -> bytes:
    try:
        return value.to_bytes(width, "little", signed=signed)
    except OverflowError:
        raise GbcsError(OUT_OF_RANGE, f"{name} {value} does not fit {8 * width} bits") from None
