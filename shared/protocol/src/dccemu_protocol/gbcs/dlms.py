"""DLMS access request, access response and data notification (gbcs.md sections 6.1, 6.2 and 10).

The long-invoke-id-and-priority is ``20`` and the low 24 bits of the Originator Counter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct

from .datum import Datum, encode_into, read, read_some
from .errors import BAD_TAG, BAD_VALUE, GbcsError
from .octets import Cursor, encode_length

_OBIS = re.compile(r"(\d+)-(\d+):(\d+)\.(\d+)\.(\d+)\.(\d+)\Z")


class Operation(IntEnum):
    """What an access request specification asks for."""

    GET = 1
    SET = 2
    ACTION = 3
    GET_WITH_SELECTION = 4


@dataclass(frozen=True, slots=True)
class Selection:
    """Selective access: selector id and its parameters."""

    selector: int
    parameters: Datum


@dataclass(frozen=True, slots=True)
class Specification:
    """One access request specification; ``member`` is the attribute, for ``ACTION`` the method."""

    operation: Operation
    class_id: int
    obis: bytes
    member: int
    selection: Selection | None = None


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """The payload of a DLMS Command: as many data as specifications."""

    invoke_id: int
    specifications: tuple[Specification, ...]
    data: tuple[Datum, ...]


@dataclass(frozen=True, slots=True)
class AccessResult:
    """Kind of the answered specification (``GET`` also for selective access) and its result code."""

    operation: Operation
    result: int


access_result = lru_cache(maxsize=1024)(AccessResult)
"""An access result; the same few come again and again."""


@dataclass(frozen=True, slots=True)
class AccessResponse:
    """The payload of a DLMS Response."""

    invoke_id: int
    data: tuple[Datum, ...]
    results: tuple[AccessResult, ...]


@dataclass(frozen=True, slots=True)
class DataNotification:
    """The payload of a DLMS Alert."""

    invoke_id: int
    body: Datum


def invoke_id(counter: int) -> int:
    """Long-invoke-id-and-priority made of an Originator Counter."""
    return 0x20000000 | (counter & 0xFFFFFF)


def obis_text(obis: bytes) -> str:
    """``A-B:C.D.E.F``, all six groups."""
    a, b, c, d, e, f = obis
    return f"{a}-{b}:{c}.{d}.{e}.{f}"


def obis_octets(text: str) -> bytes:
    """The six octets of ``A-B:C.D.E.F``."""
    found = _OBIS.match(text)
    if found is None:
        raise GbcsError(BAD_VALUE, f"{text!r} is not an OBIS code A-B:C.D.E.F")
    try:
        return bytes(int(group) for group in found.groups())
    except ValueError:
        raise GbcsError(BAD_VALUE, f"a group of {text!r} is more than 255") from None


def encode(payload: AccessRequest | AccessResponse | DataNotification) -> bytes:
    """The payload's octets."""
    if isinstance(payload, AccessRequest):
        return _encode_request(payload)
    if isinstance(payload, AccessResponse):
        return _encode_response(payload)
    out = bytearray(b"\x0f")
    out += payload.invoke_id.to_bytes(4, "big")
    out.append(0)
    encode_into(out, payload.body)
    return bytes(out)


def _encode_request(request: AccessRequest) -> bytes:
    specifications, data = request.specifications, request.data
    if len(specifications) != len(data):
        raise GbcsError(BAD_VALUE, f"{len(specifications)} specifications have {len(data)} data")
    out = bytearray(b"\xd9")
    out += request.invoke_id.to_bytes(4, "big")
    out.append(0)
    count = encode_length(len(specifications))
    out += count
    for one in specifications:
        encode_specification(out, one)
    out += count
    for datum in data:
        encode_into(out, datum)
    return bytes(out)


def encode_specification(out: bytearray, one: Specification) -> None:
    """Append the octets of an access request specification."""
    if len(one.obis) != 6:
        raise GbcsError(BAD_VALUE, f"OBIS {one.obis.hex()} does not have six octets")
    out.append(one.operation)
    out += one.class_id.to_bytes(2, "big")
    out += one.obis
    out.append(one.member)
    selection = one.selection
    if (selection is not None) != (one.operation == _SELECTIVE):
        raise GbcsError(BAD_VALUE, "selective access and its parameters go together")
    if selection is not None:
        out.append(selection.selector)
        encode_into(out, selection.parameters)


def assemble_request(invoke_id: int, count: int, specifications: bytes | bytearray, data: bytes | bytearray) -> bytes:
    """The octets of an access request whose ``count`` specifications and data are written already."""
    length = encode_length(count)
    return b"".join((b"\xd9", invoke_id.to_bytes(4, "big"), b"\x00", length, specifications, length, data))


def _encode_response(response: AccessResponse) -> bytes:
    if len(response.data) != len(response.results):
        raise GbcsError(BAD_VALUE, f"{len(response.results)} results have {len(response.data)} data")
    data, results = bytearray(), bytearray()
    for datum in response.data:
        encode_into(data, datum)
    for one in response.results:
        results += bytes((one.operation, one.result))
    return assemble_response(response.invoke_id.to_bytes(4, "big"), len(response.data), data, results)


def assemble_response(invoke_id: bytes, count: int, data: bytes | bytearray, results: bytes | bytearray) -> bytes:
    """The octets of an access response whose ``count`` data and results are written already."""
    length = encode_length(count)
    return b"".join((b"\xda", invoke_id, b"\x00\x00", length, data, length, results))


def decode(data: bytes) -> AccessRequest | AccessResponse | DataNotification:
    """Read a whole DLMS payload, told apart by its first octet."""
    cursor = Cursor(data)
    tag = cursor.u8()
    if tag not in (0xD9, 0xDA, 0x0F):
        raise GbcsError(BAD_TAG, f"{tag:02x} does not start a DLMS payload", 0)
    invoke = cursor.unsigned(4)
    cursor.expect(b"\x00", "the date-time")
    payload: AccessRequest | AccessResponse | DataNotification
    if tag == 0xD9:
        payload = _read_request(cursor, invoke)
    elif tag == 0xDA:
        payload = _read_response(cursor, invoke)
    else:
        payload = DataNotification(invoke, read(cursor))
    cursor.finish("the DLMS payload")
    return payload


def _read_request(cursor: Cursor, invoke: int) -> AccessRequest:
    specifications = _read_specifications(cursor, _count(cursor))
    at = cursor.at
    count = _count(cursor)
    if count != len(specifications):
        raise GbcsError(BAD_VALUE, f"{len(specifications)} specifications have {count} data", at)
    return AccessRequest(invoke, specifications, tuple(read_some(cursor, count)))


def _read_specifications(cursor: Cursor, count: int) -> tuple[Specification, ...]:
    end = cursor.at + count * _PLAIN.size
    plain = _without_selection(cursor.data[cursor.at : end]) if end <= cursor.end else None
    if plain is None:
        return tuple([_read_specification(cursor) for _ in range(count)])
    cursor.at = end
    return plain


@lru_cache(maxsize=1024)
def _without_selection(octets: bytes) -> tuple[Specification, ...] | None:
    """Specifications without selective access, ``None`` for others; the same lists come again and again."""
    places = list(_PLAIN.iter_unpack(octets))
    if not all(place[0] in _ANSWERED for place in places):
        return None
    return tuple([Specification(_ANSWERED[operation], *place) for operation, *place in places])


def _read_specification(cursor: Cursor) -> Specification:
    operation = _operation(cursor, _OPERATIONS)
    class_id = cursor.unsigned(2)
    obis = cursor.take(6)
    member = cursor.u8()
    if operation is not _SELECTIVE:
        return Specification(operation, class_id, obis, member)
    return Specification(operation, class_id, obis, member, Selection(cursor.u8(), read(cursor)))


def _read_response(cursor: Cursor, invoke: int) -> AccessResponse:
    cursor.expect(b"\x00", "the repeated specification")
    data = tuple(read_some(cursor, _count(cursor)))
    at = cursor.at
    count = _count(cursor)
    if count != len(data):
        raise GbcsError(BAD_VALUE, f"{count} results have {len(data)} data", at)
    results = tuple([access_result(_operation(cursor, _ANSWERED), cursor.u8()) for _ in range(count)])
    return AccessResponse(invoke, data, results)


_PLAIN = Struct(">BH6sB")
_SELECTIVE = Operation.GET_WITH_SELECTION
_OPERATIONS = {operation.value: operation for operation in Operation}
_ANSWERED = {value: operation for value, operation in _OPERATIONS.items() if value < 4}


def _operation(cursor: Cursor, known: dict[int, Operation]) -> Operation:
    at = cursor.at
    operation = known.get(cursor.u8())
    if operation is None:
        raise GbcsError(BAD_VALUE, f"{cursor.data[at]:02x} is not an operation", at)
    return operation


def _count(cursor: Cursor) -> int:
    """A count that the octets left can hold."""
    count = cursor.length()
    if count > cursor.left:
        cursor.need(count)
    return count
