"""``inspect``: one message as a JSON object, and as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping

from .envelope import GbcsMessage
from .jsontree import Json, cosem_date_time
from .keysource import KeySource
from .read import read


def inspect(data: bytes, keys: KeySource | None = None) -> dict[str, Json]:
    """The JSON object of ``gbcs inspect``; the order of its members is fixed.

    Raises
    ------
    GbcsError
        When the octets are no message; its ``code``, ``detail`` and ``offset`` say what is wrong.
    """
    found = read(data, keys)
    message = found.message
    tree: dict[str, Json] = {
        "kind": str(found.kind),
        "use_case": found.use_case,
        "message_code": f"{found.message_code:04x}",
        "title": found.title,
        "originator": str(message.originator),
        "recipient": str(message.target),
        "counter": message.counter,
    }
    tree |= _optional_header(message)
    tree["signature"] = str(found.signature)
    tree["mac"] = str(found.mac)
    tree["body"] = found.body
    return tree


def _optional_header(message: GbcsMessage) -> dict[str, Json]:
    """Header members that only some messages have."""
    other = message.other
    tree: dict[str, Json] = {}
    if message.date_time:
        tree["date_time"] = cosem_date_time(message.date_time)
        tree["clock_status"] = f"{message.date_time[11]:02x}"
    if other.supplementary_party is not None:
        tree["supplementary_party"] = str(other.supplementary_party)
    if other.supplementary_counter is not None:
        tree["supplementary_counter"] = other.supplementary_counter
    if other.supplementary_originator_counter is not None:
        tree["supplementary_originator_counter"] = other.supplementary_originator_counter
    if other.certificate is not None:
        tree["certificate"] = other.certificate.hex()
    return tree


def text(tree: dict[str, Json]) -> str:
    """An inspected message as indented lines."""
    return "\n".join(_lines(tree, 0))


def _lines(node: Json, depth: int) -> list[str]:
    """Members of an object, or elements of a list, one a line; small nodes stay on one line."""
    pad = "  " * depth
    lines: list[str] = []
    members = node.items() if isinstance(node, dict) else enumerate(node, 1) if isinstance(node, list) else ()
    for name, value in members:
        label = f"{name}." if isinstance(node, list) else f"{str(name).replace('_', ' ')}:"
        short = _short(value)
        if short is not None:
            lines.append(f"{pad}{label} {short}".rstrip())
        else:
            lines.append(f"{pad}{label}")
            lines.extend(_lines(value, depth + 1))
    return lines


def _short(node: Json) -> str | None:
    """One line for a leaf, a typed datum or a coded value; ``None`` for what needs more."""
    match node:
        case None:
            return "-"
        case bool():
            return "yes" if node else "no"
        case int() | float() | str():
            return str(node)
        case {"code": code, "text": words, **rest} if not rest:
            return f"{code} ({words})" if words else str(code)
        case {"value": int(value), "time": str(at), **rest} if not rest:
            return f"{at} ({value})"
        case {"type": str(kind), "value": value, **rest} if "decrypted" not in rest and not isinstance(
            value, list | dict
        ):
            return _datum(kind, value, rest)
        case {"type": "null-data"}:
            return "null-data"
        case {"elements": list(), "scaler": scaler, "unit": unit}:
            return f"scaler {scaler}, unit {unit}"
        case list() if not node:
            return "none"
        case list() if all(isinstance(one, int | str) for one in node) and len(str(node)) < 100:
            return ", ".join(str(one) for one in node)
        case _:
            return None


def _datum(kind: str, value: object, rest: Mapping[object, object]) -> str | None:
    notes = [f"{str(name).replace('_', ' ')} {found}" for name, found in rest.items() if isinstance(found, str | int)]
    if len(notes) != len(rest):
        return None
    note = f" = {', '.join(notes)}" if notes else ""
    return f"{kind} {value}{note}"
