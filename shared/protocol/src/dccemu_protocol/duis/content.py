"""Write the content of an answer from nested mappings, in the order of the schema.

Callers name elements and values and need not know their order: ``{"DeviceType": "ESME", "DeviceID": eui}`` becomes
the two elements as the schema lists them. An attribute is a key that begins with ``@``, the text of an element that
also has attributes is the key ``#``. What the schema does not allow at that place is our own mistake and raises
``EmulatorError``; the result is canonical XML. None leaves an element out; an empty mapping writes an empty element.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeAlias

from ..errors import EmulatorError
from ..identifiers import Eui64, RequestId
from .names import local_name, sr
from .schema.models import element_order
from .schema.validator import ComplexType, types
from .times import write_date_time

Leaf: TypeAlias = "str | int | bool | bytes | datetime | date | Eui64 | RequestId"
Content: TypeAlias = "Leaf | Mapping[str, Content] | Sequence[Content] | None"

_HEXADECIMAL: Final = frozenset({"hexBinary"})


def escape(text: str) -> str:
    """Escape text as Canonical XML 1.0 writes it."""
    if "&" in text or "<" in text or ">" in text or "\r" in text:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    return text


def _escape_attribute(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")


def _base(type_name: str) -> str:
    if type_name.startswith("xs:"):
        return type_name[3:]
    facts = types().tables.simple.get(type_name)
    return "" if facts is None else facts.base


def _text(value: Content, type_name: str, place: str) -> str:
    match value:
        case bool():
            text = "true" if value else "false"
        case int():
            text = str(value)
        case bytes():
            text = value.hex().upper() if _base(type_name) in _HEXADECIMAL else b64encode(value).decode()
        case datetime():
            text = write_date_time(value)
        case date():
            text = value.isoformat()
        case str():
            text = value
        case Eui64() | RequestId():
            text = str(value)
        case _:
            raise EmulatorError(f"{place}: {type(value).__name__} is not the value of an element")
    if reason := types().simple(type_name)(text):
        raise EmulatorError(f"{place}: {reason}")
    return text


def _children(value: Mapping[str, Content], type_name: str, place: str) -> str:
    kind = types()[type_name]
    particle = types().tables.complex[type_name].content
    assert isinstance(kind, ComplexType)
    assert kind.model is not None
    assert particle is not None
    order = dict.fromkeys(name for name, _ in element_order(particle))
    if unknown := {key for key in value if not key.startswith("@")} - set(order):
        raise EmulatorError(f"{place}: {', '.join(sorted(unknown))} does not belong there")
    written: list[str] = []
    state = 0
    for name in order:
        content = value.get(name)
        if name not in value or content is None:
            continue
        items = content if isinstance(content, Sequence) and not isinstance(content, (str, bytes)) else (content,)
        for item in items:
            step = kind.model.steps[state].get(sr(name))
            if step is None or step[1] is None:
                raise EmulatorError(f"{place}: {name} is not expected there")
            state = step[0]
            written.append(_element(name, step[1], item, f"{place}/{name}"))
    if state not in kind.model.final:
        raise EmulatorError(f"{place}: one of {', '.join(map(local_name, kind.model.steps[state]))} is missing")
    return "".join(written)


def _attributes(value: Content, kind: ComplexType, place: str) -> str:
    given = {key[1:]: item for key, item in value.items() if key.startswith("@")} if isinstance(value, Mapping) else {}
    if set(given) != set(kind.attributes):
        raise EmulatorError(f"{place}: the attributes {sorted(given)} are not {sorted(kind.attributes)}")
    facts = types().tables.complex[kind.name].attributes
    return "".join(f' {name}="{_escape_attribute(_text(given[name], facts[name], place))}"' for name in sorted(given))


def _element(name: str, type_name: str, value: Content, place: str) -> str:
    kind = types()[type_name]
    if not isinstance(kind, ComplexType):
        return f"<sr:{name}>{escape(_text(value, type_name, place))}</sr:{name}>"
    attributes = _attributes(value, kind, place)
    facts = types().tables.complex[type_name]
    if facts.text is not None:
        text = value.get("#") if isinstance(value, Mapping) else value
        inner = escape(_text(text, facts.text, place))
    elif facts.content is not None:
        inner = _children({} if value is None else _mapping(value, place), type_name, place)
    else:
        inner = ""
    return f"<sr:{name}{attributes}>{inner}</sr:{name}>"


def _mapping(value: Content, place: str) -> Mapping[str, Content]:
    if not isinstance(value, Mapping):
        raise EmulatorError(f"{place}: {type(value).__name__} is not a mapping of elements")
    return value


def element(path: str, value: Content) -> str:
    """Write one element of an answer.

    Parameters
    ----------
    path
        Complex type and element name: ``ResponseMessage/DSPInventory``, ``DCCAlert/PowerOutageEvent``.
    value
        Its content: a value, or a mapping from element names to contents (a sequence for repeated elements).

    Raises
    ------
    EmulatorError
        When the schema has no such element or the content does not fit it.
    """
    owner, _, name = path.partition("/")
    facts = types().tables.complex.get(owner)
    order = {} if facts is None or facts.content is None else dict(element_order(facts.content))
    type_name = order.get(name)
    if type_name is None:
        raise EmulatorError(f"the schema has no {path}")
    return _element(name, type_name, value, path)
