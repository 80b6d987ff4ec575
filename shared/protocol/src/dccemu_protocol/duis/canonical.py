"""Canonical XML as the signature profile uses it (duis.md section 7)."""

from __future__ import annotations

from lxml import etree

from ..errors import ProtocolError
from .document import Element


def canonical(element: Element, *, exclusive: bool = False) -> bytes:
    """Give the canonical form of an element, without comments: Canonical XML 1.0, or the exclusive one.

    Raises
    ------
    ProtocolError
        ``NOT_CANONICAL`` when there is none: Canonical XML does not allow relative namespace names.
    """
    try:
        return etree.tostring(element, method="c14n", exclusive=exclusive, with_comments=False)
    except etree.C14NError as error:
        raise ProtocolError(
            "NOT_CANONICAL", f"the document has no canonical form: {error}", place="/", source="duis.md 7"
        ) from None
