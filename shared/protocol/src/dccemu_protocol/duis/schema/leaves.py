"""The elements of a valid document in order, each with the check of its text."""

from __future__ import annotations

from collections.abc import Iterator

from ..document import Element
from ..names import local_name
from .simple import Check
from .validator import CompiledType, ComplexType, Types, types


def leaves(root: Element) -> Iterator[tuple[Element, Check | None]]:
    """Every element in document order with the check of its text, None where only white space may stand in it.

    Parameters
    ----------
    root
        Root of a document that ``validate`` let pass, without its Signature.
    """
    known = types()
    return _leaves(root, known[known.tables.roots[local_name(str(root.tag))]], known)


def _leaves(element: Element, kind: CompiledType, known: Types) -> Iterator[tuple[Element, Check | None]]:
    if not isinstance(kind, ComplexType):
        yield element, kind
        return
    if kind.model is None:
        yield element, kind.text or _nothing
        return
    yield element, None
    state = 0
    for child in element:
        state, name = kind.model.steps[state][child.tag]
        assert name is not None, "only a Signature has no type of the schema"
        yield from _leaves(child, known[name], known)


def _nothing(text: str) -> str | None:
    return "the element must be empty" if text else None
