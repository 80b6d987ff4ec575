"""The hardened door for XML: octets in, a bounded element tree out.

A DUIS document is UTF-8 XML 1.0 without a document type declaration. Whatever the parser would have to fetch,
expand or run is refused before the parser sees it, so nothing here depends on the parser's own switches alone:

* any ``<!DOCTYPE`` (no internal, external or parameter entity can then exist, nor a default attribute);
* any processing instruction but the XML declaration, and any encoding but UTF-8;
* more octets, ``<`` or ``=`` characters than the bounds allow, which caps elements and attributes;
* deeper nesting than the bound allows.

Comments are dropped while parsing and the text around them is joined, so ``1<!-- -->2`` reads as ``12`` everywhere:
in the signature's canonical form (which ignores comments), in the schema check and in the values taken out.

Sources: duis.md section 1 item 8 and section 7; reliability corpus items 1, 2 and 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from lxml import etree

from ..errors import ProtocolError

Element: TypeAlias = etree._Element

_DECLARATION: Final = re.compile(
    rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:\"1\.0\"|'1\.0')"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:\"(?P<a>[A-Za-z0-9._-]+)\"|'(?P<b>[A-Za-z0-9._-]+)'))?"
    rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:\"(?:yes|no)\"|'(?:yes|no)'))?[ \t\r\n]*\?>"
)
_USUAL_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ENCODINGS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_PLAIN_TEXT_LIMIT: Final = 9_000_000  # libxml2 refuses text nodes over 10 MB unless told otherwise
_ATTRIBUTE: Final = len(b' a=""')
_NAMESPACE: Final = len(b' xmlns=""')
_SOURCE: Final = "duis.md 1.8"
_LONG_NAME: Final = re.compile(rb"<[^ \t\r\n<>/]{256}")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one document.

    The octet bound holds a firmware image of 10 240 000 octets in base64. Attributes of one element, and namespace
    declarations in force while canonicalising, cost their square: their bounds keep that under a tenth of a second.
    """

    octets: int = 16 * 1024 * 1024
    elements: int = 50_000
    attributes: int = 5_000
    namespaces: int = 1_000
    depth: int = 48

    @property
    def uncounted(self) -> int:
        """Octets of a document that is too short to break any bound but that on depth."""
        return min(self.octets, self.elements, _ATTRIBUTE * self.attributes, _NAMESPACE * self.namespaces)


DEFAULT: Final = Limits()


def _parser(*, huge: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        remove_comments=True,
        strip_cdata=True,
        huge_tree=huge,
    )


_PARSER: Final = _parser(huge=False)
_HUGE_PARSER: Final = _parser(huge=True)
_TOO_DEEP: dict[int, etree.XPath] = {}


def _not_xml(detail: str, place: str = "") -> ProtocolError:
    return ProtocolError("NOT_XML", detail, place=place, source=_SOURCE)


def _check_prolog(data: bytes) -> None:
    start = 3 if data.startswith(_BYTE_ORDER_MARK) else 0
    if data.startswith(_USUAL_DECLARATION, start):
        start += len(_USUAL_DECLARATION)
    elif data.startswith(b"<?", start):
        declaration = _DECLARATION.match(data, start)
        if declaration is None:
            raise _not_xml("the document does not begin with a proper XML 1.0 declaration", "offset 0")
        encoding = declaration["a"] or declaration["b"] or b"utf-8"
        if encoding.lower() not in _ENCODINGS:
            raise _not_xml(f"encoding {encoding.decode('ascii')} is not UTF-8", "offset 0")
        start = declaration.end()
    if (at := data.find(b"<?", start)) >= 0:
        raise _not_xml("processing instructions are not allowed", f"offset {at}")
    if (at := data.find(b"<!DOCTYPE")) >= 0:
        raise _not_xml("a document type declaration is not allowed", f"offset {at}")


def _check_counts(data: bytes, tags: int, limits: Limits) -> None:
    """Count characters that elements, attributes and namespace declarations cannot do without."""
    if len(data) <= limits.uncounted:
        return
    attributes = data.count(b"=")
    for what, count, limit in (
        ("elements", tags, 2 * limits.elements),
        ("attributes", attributes, limits.attributes),
        # Each has an equals sign, so few of these need no second count.
        ("namespace declarations", 0 if attributes <= limits.namespaces else data.count(b"xmlns"), limits.namespaces),
    ):
        if count > limit:
            raise ProtocolError("DOCUMENT_TOO_LARGE", f"too many {what}: about {count}", source=_SOURCE)


def _check_depth(root: Element, tags: int, depth: int) -> None:
    """Look for an element below ``depth`` others, unless the document has too few ``tags`` to begin and end them."""
    if tags <= 2 * depth:
        return
    too_deep = _TOO_DEEP.get(depth)
    if too_deep is None:
        too_deep = _TOO_DEEP[depth] = etree.XPath("boolean(/" + "/".join("*" * (depth + 1)) + ")")
    if too_deep(root):
        raise ProtocolError("DOCUMENT_TOO_DEEP", f"elements nest deeper than {depth} levels", source=_SOURCE)


def parse_document(data: bytes, limits: Limits = DEFAULT) -> Element:
    """Parse one DUIS document within bounds.

    Parameters
    ----------
    data
        The octets as received: UTF-8, with or without XML declaration and byte order mark.
    limits
        Bounds on octets, elements, attributes and depth.

    Returns
    -------
    Element
        The root element. Comments are gone; nothing was fetched or expanded.

    Raises
    ------
    ProtocolError
        ``DOCUMENT_TOO_LARGE``, ``DOCUMENT_TOO_DEEP`` or ``NOT_XML`` with the place the parser stopped at.
    """
    if len(data) > limits.octets:
        raise ProtocolError(
            "DOCUMENT_TOO_LARGE", f"{len(data)} octets are more than {limits.octets}", source="duis.md 1"
        )
    tags = data.count(b"<")
    _check_counts(data, tags, limits)
    if b"\0" in data:
        raise _not_xml("the document is not UTF-8: it holds NUL octets", f"offset {data.index(0)}")
    if (name := _LONG_NAME.search(data)) is not None:
        raise ProtocolError(
            "DOCUMENT_TOO_LARGE", "an element name is longer than 255", place=f"offset {name.start()}", source=_SOURCE
        )
    _check_prolog(data)
    try:
        root = etree.fromstring(data, _HUGE_PARSER if len(data) > _PLAIN_TEXT_LIMIT else _PARSER)
    except etree.XMLSyntaxError as error:
        raise _not_xml(str(error)[:200], f"line {error.lineno} column {error.offset}") from None
    except ValueError as error:
        raise _not_xml(str(error)[:200]) from None
    _check_depth(root, tags, limits.depth)
    return root


def parse_part(data: bytes) -> Element:
    """Parse octets that ``parse_document`` would let pass, because it let a document pass that holds all their tags.

    Raises
    ------
    ProtocolError
        ``NOT_XML``.
    """
    try:
        return etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError as error:
        raise _not_xml(str(error)[:200], f"line {error.lineno} column {error.offset}") from None
