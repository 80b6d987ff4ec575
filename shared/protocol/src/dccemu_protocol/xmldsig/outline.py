"""Requests of a known outline: read, checked and verified without a tree.

The *outline* of a document is its tags, octet for octet and in order, before a Signature in the usual form. Documents
of one outline differ in the texts between their tags and in nothing else. So when one of them went through the parser,
the schema check and the canonicaliser, all that these say of tags is known of the others: they nest, the schema allows
them there with these attributes, and they stand as Canonical XML writes them. What depends on texts is done for each
document anew: characters, the schema's checks of values, white space where no text may stand, the Signature.

A document that is not recognised here, or fails a check here, is not refused: it goes the ordinary way, which says
what is wrong with it. Only plain text is taken (ASCII without ``&`` and carriage returns): there the octets of a text
are its characters, and its canonical form.

Sources: duis.md sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from ..duis.canonical import canonical
from ..duis.document import DEFAULT, Element, Limits, parse_part
from ..duis.names import BODY, HEADER, REQUEST, REQUEST_ID, local_name
from ..duis.request import EXECUTION, PAYLOAD, DuisRequest, request_of
from ..duis.schema.leaves import leaves
from ..duis.schema.simple import XML_SPACE, Check
from ..errors import ProtocolError
from ..identifiers import RequestId
from . import form
from .claim import Claim, SignerKeys, judge

_PLAIN: Final = b"\t\n" + bytes(set(range(0x20, 0x7F)) - set(b"<>&"))
_SPACE: Final = XML_SPACE.encode()
_MOST: Final = 1024


class Outline(NamedTuple):
    """What documents with the same tags have in common; texts are numbered by the tag before them.

    ``opening`` and ``body`` are the tags that begin the root and its Body. ``leaves`` are the texts of elements that
    hold text, with the schema's check; ``header`` and the two after it are numbers of ``leaves``. ``between`` picks the
    texts that must be white space.
    """

    opening: bytes
    body: bytes
    end: bytes
    leaves: tuple[tuple[int, Check], ...]
    between: Callable[[list[bytes]], tuple[bytes, ...]]
    header: tuple[tuple[str, int], ...]
    execution: int | None
    payload: int | None
    version: str
    body_name: str


class OutlinedRequest:
    """A Request of a known outline: well-formed and valid, its signature not verified yet."""

    __slots__ = ("_body", "_claim", "_covered", "_header", "_outline", "_texts", "request_id")

    def __init__(self, outline: Outline, texts: list[str], claim: Claim, covered: bytes) -> None:
        self._outline = outline
        self._texts = texts
        self._claim = claim
        self._covered = covered
        self._body: Element | None = None
        self._header = {name: texts[number].strip(XML_SPACE) for name, number in outline.header}
        self.request_id = RequestId.parse(self._header[REQUEST_ID])

    @property
    def schema_version(self) -> str:
        """The schemaVersion of the document."""
        return self._outline.version.strip()

    @property
    def root(self) -> Element:
        """The root of a tree of what the Signature covers."""
        return parse_part(self._covered)

    def verify(self, keys: SignerKeys) -> None:
        """Verify the signature; raises as ``xmldsig.verify`` does."""
        judge(self._claim, keys, lambda: self._covered)

    def request(self) -> DuisRequest:
        """The Request as a value; raises as ``read_request`` does."""
        outline, texts = self._outline, self._texts
        return request_of(
            self.request_id,
            self._header,
            outline.version,
            outline.body_name,
            self._make_body,
            None if outline.execution is None else texts[outline.execution],
            None if outline.payload is None else texts[outline.payload],
        )

    def _make_body(self) -> Element:
        """The body element, in a tree without Header, made when somebody looks into it."""
        if self._body is None:
            outline, covered = self._outline, self._covered
            self._body = parse_part(outline.opening + covered[covered.index(outline.body) :])[0][0]
        return self._body


_Cut: TypeAlias = tuple[form.Written, bytes, list[bytes], list[bytes]]
"""A document cut at its tags: Signature, key of the outline, tags, and texts (before the first tag, after it ...)."""


class Outlines:
    """The outlines of Requests that were accepted; the number kept is bounded.

    Parameters
    ----------
    limits
        The bounds of documents: longer ones than need no counting take the ordinary way.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._longest = limits.uncounted
        self._known: dict[bytes, Outline | None] = {}

    def find(self, document: bytes) -> OutlinedRequest | None:
        """A document whose outline is known; None when it must take the ordinary way."""
        cut = self._cut(document)
        if cut is None:
            return None
        written, key, _, octets = cut
        outline = self._known.get(key)
        if outline is None:
            return None
        texts: list[str] = []
        for number, check in outline.leaves:
            text = octets[number].decode()
            if check(text) is not None:
                return None
            texts.append(text)
        if b"".join(outline.between(octets)).strip(_SPACE):
            return None
        covered = document[document.index(outline.opening) : written.start] + outline.end
        try:
            return OutlinedRequest(outline, texts, Claim.of(written), covered)
        except ProtocolError:
            return None

    def learn(self, document: bytes, root: Element) -> None:
        """Keep the outline of a document that was found valid and signed well; ``root`` is the verified tree."""
        cut = self._cut(document)
        if cut is None or cut[1] in self._known:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[cut[1]] = _outline(document, cut, root)

    def _cut(self, document: bytes) -> _Cut | None:
        written = None if len(document) > self._longest else form.read(document)
        if written is None or not written.end or written.issuer.translate(None, _PLAIN):
            return None
        head = document[: written.start]
        brackets = head.translate(None, _PLAIN)
        if brackets != b"<>" * (len(brackets) // 2):
            return None
        parts = head.replace(b">", b"<").split(b"<")
        tags, texts = parts[1::2], parts[::2]
        return None if texts[0] else (written, b"<".join((*tags, written.end)), tags, texts)


def _outline(document: bytes, cut: _Cut, root: Element) -> Outline | None:
    """The outline of a verified document; None where its octets are not their canonical form."""
    written, _, names, texts = cut
    opened = [number for number, tag in enumerate(names, 1) if tag[:1] not in (b"/", b"?", b"!")]
    elements = list(leaves(root))
    if len(opened) != len(elements) or [root.tag, *(part.tag for part in root)] != [REQUEST, HEADER, BODY]:
        return None
    tags = {element: b"<" + names[number - 1] + b">" for number, (element, _) in zip(opened, elements, strict=True)}
    opening, end = tags[root], written.end.rstrip(_SPACE)
    if document[document.index(opening) : written.start] + end != canonical(root):
        return None
    held = [(number, check) for number, (_, check) in zip(opened, elements, strict=True) if check is not None]
    holders = [element for element, check in elements if check is not None]
    body, header = root[1][0], root[0]
    within = {number for number, _ in held}

    def first(tag: str) -> int | None:
        return next((i for i, one in enumerate(holders) if one.tag == tag and one.getparent() is body), None)

    return Outline(
        opening,
        tags[root[1]],
        end,
        tuple(held),
        itemgetter(*(number for number in range(1, len(texts)) if number not in within)),
        tuple((one.tag, i) for i, one in enumerate(holders) if one.getparent() is header),
        first(EXECUTION),
        first(PAYLOAD),
        root.get("schemaVersion", ""),
        local_name(body.tag),
    )
