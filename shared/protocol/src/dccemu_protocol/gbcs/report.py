"""An inspected message as a report for a person: what it is, who sends it, is it genuine, what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .jsontree import Json

_WIDTH = 100
_HEADER = (
    ("kind", "kind"),
    ("use case", "use_case"),
    ("message code", "message_code"),
    ("originator", "originator"),
    ("recipient", "recipient"),
    ("counter", "counter"),
    ("date-time", "date_time"),
    ("clock status", "clock_status"),
    ("on behalf of", "supplementary_party"),
    ("with counter", "supplementary_counter"),
    ("fresh counter", "supplementary_originator_counter"),
    ("certificate", "certificate"),
    ("signature", "signature"),
    ("MAC", "mac"),
)
_COMPONENT_HEAD = frozenset(
    ("cluster", "cluster_name", "frame_control", "command_id", "command", "sequence", "encrypted", "opened")
)


def text(tree: Mapping[str, Json]) -> str:
    """The report of what ``inspect`` gave."""
    title = tree.get("title")
    lines = [str(title) if title else f"message code {tree.get('message_code')}"]
    lines += [f"  {label:14}{tree[name]}" for label, name in _HEADER if tree.get(name) is not None]
    body = tree.get("body")
    if isinstance(body, dict):
        lines += _body(body)
    return "\n".join(lines)


def _body(body: dict[str, Json]) -> list[str]:
    lines = [f"  {'payload':14}{body.get('protocol')}"]
    for name, value in body.items():
        if name in ("protocol", "invoke_id"):
            continue
        if name == "accesses" and isinstance(value, list):
            for number, access in enumerate(value, 1):
                lines += _access(number, access)
        elif name == "components" and isinstance(value, list):
            for number, component in enumerate(value, 1):
                lines += _component(number, component)
        else:
            lines += _named(name, value, 1)
    return lines


def _access(number: int, access: Json) -> list[str]:
    """One DLMS access: what is asked or answered, then its data."""
    if not isinstance(access, dict):
        return []
    line = f"  {number}. {access['operation']}"
    if "obis" in access:
        is_method = "method" in access
        member = f"{'method' if is_method else 'attribute'} {access['method' if is_method else 'attribute']}"
        named = f" {access['member']}" if access.get("member") else ""
        line += (
            f" {access.get('object') or 'unnamed object'}: {member}{named} (class {access['class']}, {access['obis']})"
        )
    lines = [line]
    if "selection" in access:
        lines += _labelled(f"selector {access['selector']}", access["selection"], 2)
    if "result" in access:
        lines.append(f"     result {_leaf(access['result'])}")
    if "data" in access:
        lines += _labelled("data", access["data"], 2)
    return lines


def _component(number: int, component: Json) -> list[str]:
    """One ZigBee command and its fields."""
    if not isinstance(component, dict):
        return []
    name = component.get("command") or f"command {component['command_id']}"
    cluster = component.get("cluster_name") or "cluster"
    line = f"  {number}. {name} ({cluster} {component['cluster']}, sequence {component['sequence']})"
    if component.get("encrypted"):
        line += ", encrypted" if component.get("opened") is False else ", decrypted"
    lines = [line]
    for member, value in component.items():
        if member == "attributes" and isinstance(value, list):
            lines += [f"     {_attribute(one)}" for one in value]
        elif member == "fields" and isinstance(value, dict):
            for field, found in value.items():
                lines += _named(field, found, 2)
        elif member not in _COMPONENT_HEAD:
            lines += _named(member, value, 2)
    return lines


def _attribute(attribute: Json) -> str:
    if not isinstance(attribute, dict):
        return str(attribute)
    line = f"{attribute['id']} {attribute.get('name') or 'unnamed attribute'}"
    if "value" in attribute:
        return f"{line} = {_datum(attribute)}"
    return f"{line}: {_leaf(attribute['status'])}" if "status" in attribute else line


def _named(name: str, value: Json, depth: int) -> list[str]:
    return _labelled(name.replace("_", " "), value, depth)


def _labelled(label: str, value: Json, depth: int) -> list[str]:
    """A label and a value: on one line when the value is short, else below."""
    pad = "  " * depth + ("" if depth == 1 else " ")
    short = _leaf(value)
    if short is not None:
        return [f"{pad}{label} {short}".rstrip()]
    return [f"{pad}{label}", *_children(value, depth + 1)]


def _children(value: Json, depth: int) -> list[str]:
    """What a value consists of, one part a line or more."""
    match value:
        case {"type": "compact-array", "row_type": kind, "rows": list(rows)} if isinstance(value, dict):
            return _rows(str(kind), rows, value.get("times"), depth)
        case {"type": str(), "elements": list(elements)}:
            return _numbered(elements, depth)
        case {"type": str(kind), "decrypted": opened}:
            return _labelled(f"{kind}, decrypted:", opened, depth)
        case dict():
            return [line for name, one in value.items() for line in _named(name, one, depth)]
        case list():
            return _numbered(value, depth)
        case _:
            return [str(value)]


def _numbered(values: Iterable[Json], depth: int) -> list[str]:
    lines = []
    for number, value in enumerate(values, 1):
        kind = value.get("type") if isinstance(value, dict) and "elements" in value else None
        lines += _labelled(f"{number}. {kind}" if kind and _leaf(value) is None else f"{number}.", value, depth)
    return lines


def _rows(kind: str, rows: list[Json], stamps: Json, depth: int) -> list[str]:
    """A log: its row type once, then a row a line, led by its time."""
    pad = "  " * depth + " "
    lines = [f"{pad}{len(rows)} rows of {kind}"]
    for place, row in enumerate(rows):
        stamp = f"{stamps[place]}  " if isinstance(stamps, list) else ""
        cells = row[1:] if stamp and isinstance(row, list) else row
        lines.append(f"{pad}  {stamp}{_cells(cells)}")
    return lines


def _cells(row: Json) -> str:
    return " ".join(_cells(one) for one in row) if isinstance(row, list) else str(row)


def _leaf(value: Json) -> str | None:
    """A value that fits one line, else ``None``."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int() | float() | str():
            return str(value)
        case {"code": code, "name": name, "critical": critical}:
            return f"{code} {name or 'unnamed'} ({'critical' if critical else 'not critical'})"
        case {"code": code, "text": words}:
            return f"{code} ({words})" if words else str(code)
        case {"value": int(number), "time": str(at)}:
            return f"{at} ({number})"
        case {"value": str(octets), "text": str(words)} if "type" not in value:
            return f'"{words}" ({octets})'
        case {"value": str(octets), **rest} if not rest:
            return octets or "empty"
        case {"type": str(), "decrypted": _}:
            return None
        case {"type": str(), "elements": list(), "scaler": scaler, "unit": unit}:
            return f"scaler {scaler}, unit {unit}"
        case {"type": str(kind), "elements": list(elements)}:
            return _inline(kind, elements)
        case {"type": "compact-array"}:
            return None
        case dict() if "type" in value:
            return _datum(value)
        case {"value": str(date), "weekday": weekday}:
            return date if weekday is None else f"{date} weekday {weekday}"
        case dict():
            return _joined([(name, _leaf(one)) for name, one in value.items()])
        case list():
            plain = not any(isinstance(one, dict) and "type" not in one for one in value)
            return _joined([("", _leaf(one)) for one in value]) if plain else None


def _joined(parts: list[tuple[str, str | None]]) -> str | None:
    """Parts on one line when each is short and so are all together."""
    inner = [f"{name.replace('_', ' ')} {one}".strip() for name, one in parts if one is not None]
    line = ", ".join(inner) or "none"
    return line if len(inner) == len(parts) and len(line) <= _WIDTH else None


def _inline(kind: str, elements: list[Json]) -> str | None:
    """Elements within braces when they are few and short."""
    if not elements:
        return f"empty {kind}"
    line = _joined([("", _leaf(element)) for element in elements])
    return None if line is None else f"{kind} {{{line}}}"


def _datum(node: Mapping[str, Json]) -> str:
    """A typed value: as a person reads it first, then as it is."""
    kind, value = node.get("type"), node.get("value")
    if "value" not in node:
        return str(kind)
    if node.get("encrypted"):
        return f"{kind} {value}, encrypted"
    shown = "true" if value is True else "false" if value is False else "empty" if value == "" else str(value)
    for name in ("date_time", "date", "time"):
        if name in node:
            return f"{node[name]} ({kind} {shown})"
    if "text" in node:
        return f'"{node["text"]}" ({kind} {shown})'
    if "scaled" in node:
        return f"{node['scaled']} {node.get('unit') or ''} ({kind} {shown})"
    return f"{kind} {shown}"
