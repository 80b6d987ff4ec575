"""Check a document against the tables of DUIS 5.4.

What is left open on purpose: the content of ``ds:Signature`` (its exact profile is checked by ``xmldsig``), and the
SMETS1 parts of a Response. ``xsi:type`` and ``xsi:nil`` are refused: no DUIS type has a substitute or may be nil.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from ...errors import EmulatorError, ProtocolError
from ..document import Element
from ..names import SR, XSI, local_name
from .models import Model, compile_model
from .simple import XML_SPACE, Check, compile_simple
from .tables import SimpleFacts, Tables, load

_IGNORED_ATTRIBUTES: Final = frozenset({f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation"})
_SOURCE: Final = "DUIS schema 5.4"


@dataclass(slots=True)
class ComplexType:
    """A complex type ready to check: either ``model`` (children) or ``text`` or neither (empty)."""

    name: str
    model: Model | None
    text: Check | None
    attributes: dict[str, Check]


CompiledType: TypeAlias = "ComplexType | Check"


class Types(dict[str, "CompiledType"]):
    """Types by name, compiled when first used."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables

    def simple(self, name: str) -> Check:
        found = self[name]
        if isinstance(found, ComplexType):
            raise EmulatorError(f"duis tables: {name} is not a simple type")
        return found

    def __missing__(self, name: str) -> CompiledType:
        found = self[name] = self._compile(name)
        return found

    def _compile(self, name: str) -> CompiledType:
        if name.startswith("xs:"):
            return compile_simple(SimpleFacts(base=name[3:]))
        if name in self.tables.simple:
            return compile_simple(self.tables.simple[name])
        facts = self.tables.complex[name]
        return ComplexType(
            name,
            None if facts.content is None else compile_model(facts.content),
            None if facts.text is None else self.simple(facts.text),
            {attribute: self.simple(kind) for attribute, kind in facts.attributes.items()},
        )


@cache
def types() -> Types:
    """The types of DUIS 5.4."""
    return Types(load())


def place_of(element: Element) -> str:
    """Path of an element by local names, with a position where brothers share the name."""
    parts: list[str] = []
    node: Element | None = element
    while node is not None:
        parent = node.getparent()
        brothers = [] if parent is None else [child for child in parent if child.tag == node.tag]
        position = f"[{brothers.index(node) + 1}]" if len(brothers) > 1 else ""
        parts.append(local_name(str(node.tag)) + position)
        node = parent
    return "/" + "/".join(reversed(parts))


def _refuse(element: Element, detail: str) -> ProtocolError:
    return ProtocolError("SCHEMA_INVALID", detail, place=place_of(element), source=_SOURCE)


def _expected(step: dict[str, tuple[int, str | None]]) -> str:
    names = [local_name(tag) for tag in step]
    return " or ".join(names[:6]) + (f" or {len(names) - 6} others" if len(names) > 6 else "")


def _check_attributes(element: Element, expected: dict[str, Check]) -> None:
    seen = 0
    for name, value in element.items():
        check = expected.get(str(name))
        if check is not None:
            seen += 1
            if reason := check(str(value)):
                raise _refuse(element, f"attribute {name!s}: {reason}")
        elif name not in _IGNORED_ATTRIBUTES:
            raise _refuse(element, f"attribute {str(name)[:80]} is not allowed")
    if seen != len(expected):
        missing = [name for name in expected if element.get(name) is None]
        raise _refuse(element, f"attribute {' and '.join(missing)} is missing")


def _check_leaf(element: Element, check: Check) -> None:
    if len(element):
        raise _refuse(element[0], f"{local_name(str(element.tag))} holds text, not elements")
    if reason := check(element.text or ""):
        raise _refuse(element, reason)


def _check_children(element: Element, model: Model, known: Types) -> None:
    text = element.text
    if text is not None and text.strip(XML_SPACE):
        raise _refuse(element, "text stands between the elements")
    steps, state = model.steps, 0
    for child in element:
        step = steps[state]
        found = step.get(child.tag)
        if found is None:
            allowed = f"; {_expected(step)} belongs here" if step else "; nothing more belongs here"
            raise _refuse(child, f"{local_name(str(child.tag))} is not expected{allowed}")
        state, name = found
        tail = child.tail
        if tail is not None and tail.strip(XML_SPACE):
            raise _refuse(child, "text stands between the elements")
        if name is None:
            continue
        kind = known[name]
        if isinstance(kind, ComplexType):
            _check_complex(child, kind, known)
        else:
            if child.keys():
                _check_attributes(child, {})
            _check_leaf(child, kind)
    if state not in model.final:
        raise _refuse(element, f"{_expected(steps[state])} is missing")


def _check_complex(element: Element, kind: ComplexType, known: Types) -> None:
    if kind.attributes or element.keys():
        _check_attributes(element, kind.attributes)
    if kind.model is not None:
        _check_children(element, kind.model, known)
    elif kind.text is not None:
        _check_leaf(element, kind.text)
    elif len(element) or element.text:
        raise _refuse(element, "the element must be empty")


def validate(root: Element) -> None:
    """Check a Request or Response document.

    Parameters
    ----------
    root
        Root element from ``parse_document``. A Signature may be present or not.

    Raises
    ------
    ProtocolError
        ``SCHEMA_INVALID`` with the path of the first element that does not follow the schema.
    """
    known = types()
    name = local_name(str(root.tag))
    type_name = known.tables.roots.get(name)
    if type_name is None or root.tag != f"{{{SR}}}{name}":
        raise _refuse(root, f"{root.tag!r} is not a DUIS document")
    kind = known[type_name]
    assert isinstance(kind, ComplexType)
    _check_complex(root, kind, known)
