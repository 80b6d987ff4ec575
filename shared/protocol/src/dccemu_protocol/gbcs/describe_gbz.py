"""GBZ payloads as a JSON-able tree, with the names of clusters, commands, attributes and statuses."""

from __future__ import annotations

from collections.abc import Mapping

from . import alerts, gbz, zcl
from .errors import GbcsError
from .jsontree import Json, alert_code, coded, printable, seconds
from .names import code_texts
from .octets import Cursor
from .verdicts import Opener

_BILLING_DATA = 0x008B
_INTEGRITY = 0x00F2
_FIRMWARE_RECEIPT = 0x00CF
_MULTIPLIER, _DIVISOR, _UNIT = 0x0301, 0x0302, 0x0300
_METERING = 0x0702
_UNITS = {0x00: "kWh", 0x01: "m³", 0x02: "ft³", 0x80: "kWh", 0x81: "m³"}


def describe(payload: gbz.GbzPayload, opener: Opener) -> Json:
    """The payload of a Command or Response."""
    return {"protocol": "GBZ", "components": [describe_component(one, opener) for one in payload.components]}


def describe_alert(alert: gbz.GbzAlert, code: int, opener: Opener) -> Json:
    """The payload of an Alert of this message code."""
    tree: dict[str, Json] = {
        "protocol": "GBZ",
        "alert": alert_code(alert.alert_code),
        "time": seconds(alert.time),
    }
    if not alert.extra:
        return tree
    if code == alerts.FUTURE_DATED_GBZ:
        found = alerts.read_gbz_instruction(alert.extra)
        tree["instruction"] = {
            "message_code": f"{found.message_code:04x}",
            "originator_counter": found.originator_counter,
            **_command_names(found.cluster, found.frame_control, found.command_id),
        }
    elif code == _BILLING_DATA:
        cursor = Cursor(alert.extra)
        component = gbz.read_component(cursor, last=True)
        cursor.finish("the component")
        tree["component"] = describe_component(component, opener)
    elif code == _INTEGRITY and len(alert.extra) == 2:
        tree["cause"] = coded(int.from_bytes(alert.extra, "big"), code_texts().integrity_causes)
    elif code == _FIRMWARE_RECEIPT and alert.extra[0] == 0x09:
        cursor = Cursor(alert.extra, 1)
        tree["hash"] = cursor.counted().hex()
        cursor.finish("the hash")
    else:
        tree["extra"] = alert.extra.hex()
    return tree


def describe_component(component: gbz.Component, opener: Opener) -> Json:
    """One component, opened where a key is at hand."""
    tree: dict[str, Json] = {
        **_command_names(component.cluster, component.frame_control, component.command_id),
        "sequence": component.sequence,
        "encrypted": component.is_encrypted,
    }
    if component.from_date_time is not None:
        tree["from_date_time"] = seconds(component.from_date_time)
    plain: bytes | None = component.payload
    if component.is_encrypted:
        plain = opener.open(component.payload)
        tree["opened"] = plain is not None
    if plain is None:
        tree["payload"] = component.payload.hex()
        return tree
    try:
        value = component.zcl(plain)
    except GbcsError as error:
        tree["payload"] = plain.hex()
        tree["error"] = {"code": error.code, "detail": error.detail}
        return tree
    _describe_value(tree, component.cluster, value)
    return tree


def _command_names(cluster: int, frame_control: int, command_id: int) -> dict[str, Json]:
    tables = zcl.tables()
    if frame_control & zcl.CLUSTER_SPECIFIC:
        layout = tables.layouts.get((cluster, bool(frame_control & zcl.SERVER_TO_CLIENT), command_id))
        name = layout.name if layout else None
    else:
        name = {0x00: "ReadAttributes", 0x01: "ReadAttributesResponse", 0x0B: "DefaultResponse"}.get(command_id)
    return {
        "cluster": f"{cluster:04x}",
        "cluster_name": tables.clusters.get(cluster),
        "frame_control": f"{frame_control:02x}",
        "command_id": f"{command_id:02x}",
        "command": name,
    }


def _describe_value(tree: dict[str, Json], cluster: int, value: zcl.ZclPayload) -> None:
    tables = zcl.tables()
    match value:
        case zcl.ReadAttributes(attributes):
            tree["attributes"] = [_attribute(cluster, attribute) for attribute in attributes]
        case zcl.ReadAttributesResponse(records):
            described: list[Json] = [_record(cluster, record) for record in records]
            _scale(cluster, records, described)
            tree["attributes"] = described
        case zcl.DefaultResponse(command_id, status):
            tree["answers"] = f"{command_id:02x}"
            tree["status"] = coded(status, tables.statuses)
        case zcl.ZclCommand(name, fields):
            layout = zcl.layout_named(name)
            kinds = {one.name: one.type for one in layout.fields + layout.group}
            tree["fields"] = {field: _field(kinds.get(field, ""), found, kinds) for field, found in fields.items()}


def _attribute(cluster: int, attribute: int) -> dict[str, Json]:
    return {"id": f"{attribute:04x}", "name": zcl.tables().attributes.get((cluster, attribute))}


def _record(cluster: int, record: zcl.AttributeRecord) -> dict[str, Json]:
    tables = zcl.tables()
    tree = _attribute(cluster, record.attribute) | {"status": coded(record.status, tables.statuses)}
    if record.type is not None:
        tree["type"] = tables.attribute_types.get(record.type)
        value = record.value
        if isinstance(value, bytes):
            tree["value"] = value.hex()
            if (text := printable(value)) is not None:
                tree["text"] = text
        else:
            tree["value"] = value
    return tree


def _scale(cluster: int, records: tuple[zcl.AttributeRecord, ...], described: list[Json]) -> None:
    """Summations of the metering cluster in the unit, multiplier and divisor read beside them."""
    values = {record.attribute: record.value for record in records}
    multiplier, divisor, unit = (values.get(one) for one in (_MULTIPLIER, _DIVISOR, _UNIT))
    if cluster != _METERING or not isinstance(multiplier, int) or not isinstance(divisor, int) or not divisor:
        return
    for record, tree in zip(records, described, strict=True):
        name = zcl.tables().attributes.get((cluster, record.attribute), "")
        if "Summation" in name and isinstance(record.value, int) and isinstance(tree, dict):
            tree["scaled"] = f"{record.value * multiplier / divisor:g}"
            tree["unit"] = _UNITS.get(unit) if isinstance(unit, int) else None


def _field(kind: str, value: zcl.FieldValue, kinds: Mapping[str, str]) -> Json:
    match value:
        case int() if kind == "utc":
            return seconds(value)
        case int():
            return value
        case bytes():
            text = printable(value)
            return {"value": value.hex(), "text": text} if text is not None else {"value": value.hex()}
        case zcl.ZclDate(year, month, day, weekday):
            parts = (
                "****" if year is None else f"{year:04}",
                *("**" if p is None else f"{p:02}" for p in (month, day)),
            )
            return {"value": "-".join(parts), "weekday": weekday}
        case _:
            return [{name: _field(kinds[name], one, kinds) for name, one in entry.items()} for entry in value]
