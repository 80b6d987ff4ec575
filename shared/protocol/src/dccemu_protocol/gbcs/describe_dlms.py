"""DLMS payloads as a JSON-able tree, with the names of objects, units and results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from . import alerts, datum, dlms
from .datum import Datum
from .errors import GbcsError
from .jsontree import Json, alert_code, coded, cosem_date_or_time, cosem_date_time, instant, printable, seconds
from .names import Access, code_texts, dlms_names
from .times import from_seconds
from .verdicts import Opener

TYPE_NAMES: dict[int, str] = {
    0x00: "null-data",
    0x01: "array",
    0x02: "structure",
    0x03: "boolean",
    0x04: "bit-string",
    0x05: "double-long",
    0x06: "double-long-unsigned",
    0x09: "octet-string",
    0x0A: "visible-string",
    0x0C: "utf8-string",
    0x0F: "integer",
    0x10: "long",
    0x11: "unsigned",
    0x12: "long-unsigned",
    0x13: "compact-array",
    0x16: "enum",
}
_OPERATIONS = {
    dlms.Operation.GET: "get",
    dlms.Operation.SET: "set",
    dlms.Operation.ACTION: "action",
    dlms.Operation.GET_WITH_SELECTION: "get with selection",
}
_CALENDAR_CLASSES = frozenset((10, 11, 20, 22))
_LOG_CLASSES = frozenset((7, 30))
_RANGE = 1
_ENCRYPTED = b"\x31\x00\x00\x00\x00"
_INTEGRITY = frozenset((0x00F0, 0x00F2))


def describe(
    payload: dlms.AccessRequest | dlms.AccessResponse | dlms.DataNotification, code: int, opener: Opener
) -> Json:
    """The payload of a message of this message code."""
    match payload:
        case dlms.AccessRequest():
            return _request(payload, opener)
        case dlms.AccessResponse():
            return _response(payload, code, opener)
        case dlms.DataNotification():
            return _notification(payload, code, opener)


def _request(request: dlms.AccessRequest, opener: Opener) -> Json:
    accesses: list[Json] = []
    for one, value in zip(request.specifications, request.data, strict=True):
        obis = dlms.obis_text(one.obis)
        access = Access(_kind(one.operation), one.class_id, obis, one.member)
        entry = {"operation": _OPERATIONS[one.operation], **_object(access)}
        if one.selection is not None:
            parameters = describe_datum(one.selection.parameters, opener, class_id=one.class_id)
            _range_times(parameters, one.selection)
            entry["selector"] = one.selection.selector
            entry["selection"] = parameters
        if value != datum.NULL:
            entry["data"] = describe_datum(value, opener, class_id=one.class_id)
        accesses.append(entry)
    return {"protocol": "DLMS", "invoke_id": f"{request.invoke_id:08x}", "accesses": accesses}


def _range_times(tree: Json, selection: dlms.Selection) -> None:
    """From and to of a range selection are seconds since 2000 (gbcs.md section 6.4)."""
    elements = tree.get("elements") if isinstance(tree, dict) else None
    if selection.selector != _RANGE or not isinstance(elements, list):
        return
    for element in elements:
        if isinstance(element, dict) and element["type"] == TYPE_NAMES[datum.DoubleLongUnsigned.TAG]:
            value = element["value"]
            assert isinstance(value, int)
            element["date_time"] = instant(from_seconds(value))


def _response(response: dlms.AccessResponse, code: int, opener: Opener) -> Json:
    results = dlms_names().results
    asked = _asked(response, code)
    accesses: list[Json] = []
    for place, (answer, value) in enumerate(zip(response.results, response.data, strict=True)):
        entry: dict[str, Json] = {"operation": _OPERATIONS[answer.operation]}
        access = asked[place] if asked else None
        if access is not None:
            entry |= _object(access)
        entry["result"] = coded(answer.result, results)
        if value != datum.NULL:
            entry["data"] = describe_datum(value, opener, class_id=access.class_id if access else None)
            following = response.data[place + 1] if place + 1 < len(response.data) else None
            _scale(entry["data"], value, following)
        accesses.append(entry)
    return {"protocol": "DLMS", "invoke_id": f"{response.invoke_id:08x}", "accesses": accesses}


def _asked(response: dlms.AccessResponse, code: int) -> Sequence[Access]:
    """What the items answer: known for Commands that always ask the same."""
    found = dlms_names().accesses.get(code, ())
    kinds = [_kind(answer.operation) for answer in response.results]
    return found if [access.operation for access in found] == kinds else ()


def _kind(operation: dlms.Operation) -> str:
    return "get" if operation is dlms.Operation.GET_WITH_SELECTION else _OPERATIONS[operation]


def _object(access: Access) -> dict[str, Json]:
    names = dlms_names()
    known = names.classes.get(access.class_id)
    is_method = access.operation == "action"
    members = (known.methods if is_method else known.attributes) if known else {}
    return {
        "class": access.class_id,
        "class_name": known.name if known else None,
        "obis": access.obis,
        "object": names.objects.get((access.class_id, access.obis)),
        "method" if is_method else "attribute": access.member,
        "member": members.get(access.member),
    }


def _notification(notification: dlms.DataNotification, code: int, opener: Opener) -> Json:
    alert = alerts.dlms_alert(notification)
    tree: dict[str, Json] = {
        "protocol": "DLMS",
        "invoke_id": f"{notification.invoke_id:08x}",
        "alert": alert_code(alert.alert_code),
        "time": cosem_date_time(alert.time),
    }
    first = alert.items[0] if alert.items else None
    if code == alerts.FUTURE_DATED_DLMS and isinstance(first, datum.OctetString):
        instruction = alerts.read_dlms_instruction(first.value)
        access = Access("set", instruction.class_id, dlms.obis_text(instruction.obis), instruction.attribute)
        tree["instruction"] = {
            "message_code": f"{instruction.message_code:04x}",
            "originator_counter": instruction.originator_counter,
            **_object(access),
        }
    elif code == alerts.COMMAND_NOT_SUPPORTED and isinstance(first, datum.OctetString):
        command = alerts.read_unsupported_command(first.value)
        tree["command"] = {
            "message_code": f"{command.message_code:04x}",
            "originator_counter": command.originator_counter,
        }
    elif code in alerts.MESSAGE_DISCARDED and isinstance(first, datum.OctetString):
        message = alerts.read_discarded_message(first.value)
        tree["discarded"] = {
            "originator": str(message.originator),
            "recipient": str(message.target),
            "cra": message.cra,
            "counter": message.counter,
        }
    elif code in _INTEGRITY and isinstance(first, datum.OctetString):
        tree["cause"] = coded(int.from_bytes(first.value, "big"), code_texts().integrity_causes)
    elif alert.items:
        tree["items"] = [describe_datum(item, opener) for item in alert.items]
    return tree


def describe_datum(value: Datum, opener: Opener | None, *, class_id: int | None = None) -> Json:
    """A datum with its type; encrypted values are opened where a key is at hand."""
    tree: dict[str, Json] = {"type": TYPE_NAMES[value.TAG]}
    match value:
        case datum.Null():
            pass
        case datum.Array(elements) | datum.Structure(elements):
            described = [describe_datum(element, opener, class_id=class_id) for element in elements]
            for place, element in enumerate(elements[:-1]):
                _scale(described[place], element, elements[place + 1])
            tree["elements"] = described
            if (unit := _scaler_unit(value)) is not None:
                tree["scaler"], tree["unit"] = unit
        case datum.CompactArray(row_type, rows):
            tree["row_type"] = _type_text(row_type)
            tree["rows"] = [_plain(row) for row in rows]
            if class_id in _LOG_CLASSES and rows:
                _row_times(tree, rows)
        case datum.OctetString(octets):
            tree["value"] = octets.hex()
            _octets(tree, octets, opener, class_id)
        case datum.BitString(bits):
            tree["value"] = bits
        case _:
            tree["value"] = value.value
    return tree


def _octets(tree: dict[str, Json], octets: bytes, opener: Opener | None, class_id: int | None) -> None:
    """What an octet-string may stand for besides its octets."""
    if octets.startswith(_ENCRYPTED) and len(octets) >= 17:
        tree["encrypted"] = True
        plain = opener.open(octets) if opener else None
        if plain is not None:
            tree["decrypted"] = _plain_text(plain, class_id)
    elif len(octets) == 12 and (at := cosem_date_time(octets)) is not None:
        tree["date_time"] = at
    elif class_id in _CALENDAR_CLASSES and len(octets) in (4, 5):
        if (text := cosem_date_or_time(octets)) is not None:
            tree["date" if len(octets) == 5 else "time"] = text
    elif (text := printable(octets)) is not None:
        tree["text"] = text


def _plain_text(plain: bytes, class_id: int | None) -> Json:
    try:
        return describe_datum(datum.decode(plain), None, class_id=class_id or 30)
    except GbcsError:
        return {"type": "unknown", "value": plain.hex()}


def _row_times(tree: dict[str, Json], rows: Sequence[Datum]) -> None:
    """Logs begin their rows with the time."""
    stamps: list[Json] = []
    for row in rows:
        match row:
            case datum.Structure((datum.DoubleLongUnsigned(at), *_)):
                stamp = seconds(at)
                assert isinstance(stamp, dict)
                stamps.append(stamp["time"])
            case _:
                return
    tree["times"] = stamps


def _plain(row: Datum) -> Json:
    """A row of a compact-array without the types, which its description names."""
    match row:
        case datum.Array(elements) | datum.Structure(elements):
            return [_plain(element) for element in elements]
        case datum.OctetString(octets):
            return octets.hex()
        case datum.BitString(bits):
            return bits
        case datum.Null() | datum.CompactArray():
            return None
        case _:
            return row.value


def _type_text(row_type: datum.TypeDescription) -> str:
    match row_type:
        case datum.SimpleType(tag):
            return TYPE_NAMES[tag]
        case datum.StructureType(elements):
            return f"structure({', '.join(_type_text(element) for element in elements)})"
        case datum.ArrayType(count, element):
            return f"array({count} x {_type_text(element)})"


def _scaler_unit(value: Datum) -> tuple[int, str] | None:
    """``scaler_unit``: structure of integer and enum, the enum being a unit."""
    match value:
        case datum.Structure((datum.Integer(scaler), datum.Enum(unit))):
            name = dlms_names().units.get(unit)
            return None if name is None else (scaler, name)
        case _:
            return None


def _scale(tree: Json, value: Datum, following: Datum | None) -> None:
    """Add value and unit as a person reads them, when the next datum is the scaler and unit of this one."""
    if following is None or not isinstance(tree, dict):
        return
    unit = _scaler_unit(following)
    number = getattr(value, "value", None)
    if unit is None or not isinstance(number, int) or isinstance(number, bool):
        return
    tree["scaled"] = f"{Decimal(number).scaleb(unit[0]):f}"
    tree["unit"] = unit[1]
