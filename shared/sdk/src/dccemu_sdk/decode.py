"""Responses as JSON-able trees: the DUIS part and, decoded and checked, the GBCS message in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dccemu_protocol.duis import DuisResponse, write_date_time
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.jsontree import Json as GbcsJson
from dccemu_protocol.gbcs.keysource import KeySource
from dccemu_protocol.gbcs.read import ReadMessage, read

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A Response with its GBCS message read."""

    response: DuisResponse
    message: ReadMessage | None


def decode_response(response: DuisResponse, keys: KeySource | None = None) -> Decoded:
    """Read the GBCS message of a Response.

    Raises
    ------
    ProtocolError
        When the payload is not a GBCS message.
    """
    payload = response.gbcs_payload
    return Decoded(response, None if payload is None else read(payload, keys))


def describe_message(message: ReadMessage) -> dict[str, GbcsJson]:
    """A GBCS message as ``dccemu gbcs inspect`` shows it."""
    return {
        "kind": message.kind.value,
        "use_case": message.use_case,
        "title": message.title,
        "message_code": f"0x{message.message_code:04X}",
        "originator": str(message.message.originator),
        "recipient": str(message.message.target),
        "counter": message.message.counter,
        "signature": str(message.signature),
        "mac": str(message.mac),
        "body": message.body,
    }


def describe(response: DuisResponse, keys: KeySource | None = None) -> dict[str, object]:
    """A Response for people and machines; a payload that cannot be read says why."""
    shown: dict[str, object] = {
        "kind": response.kind,
        "code": response.response_code,
        "at": write_date_time(response.at),
        "request_id": None if response.request_id is None else str(response.request_id),
        "response_id": None if response.response_id is None else str(response.response_id),
        "service_reference_variant": response.service_reference_variant,
        "alert_code": response.alert_code,
    }
    shown = {name: value for name, value in shown.items() if value is not None}
    if response.gbcs_payload is None:
        if response.content:
            shown["content"] = response.content
        return shown
    shown["gbcs_payload"] = response.gbcs_payload.hex().upper()
    try:
        message = read(response.gbcs_payload, keys)
    except ProtocolError as error:
        shown["gbcs_error"] = str(error)
    else:
        shown["gbcs"] = describe_message(message)
    return shown
