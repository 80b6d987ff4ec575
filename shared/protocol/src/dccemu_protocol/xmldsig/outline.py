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
from typing import Final, NamedTuple

from ..duis.canonical import canonical
from ..duis.document import DEFAULT, Element, Limits, parse_document
from ..duis.names import BODY, HEADER, REQUEST, REQUEST_ID, local_name
from ..duis.request import EXECUTION, PAYLOAD, DuisRequest, request_of
from ..duis.schema.leaves import leaves
from ..duis.schema.simple import XML_SPACE, Check
from ..errors import ProtocolError
from ..identifiers import RequestId
from . import form
from .verification import Claim, SignerKeys, judge

_PLAIN: Final = b"\t\n" + bytes(set(range(0x20, 0x7F)) - set(b"<>&"))
_SPACE: Final = XML_SPACE.encode()
_MOST: Final = 1024


class Outline(NamedTuple):
    """What documents with the same tags have in common; texts are numbered by the tag before them.

    ``leaves`` are the texts of elements that hold text, with the schema's check; ``header`` and the two after it are
    numbers of ``leaves``. ``between`` picks the texts that must be white space.
    """

    opening: bytes
    end: bytes
    leaves: tuple[tuple[int, Check], ...]
    between: Callable[[list[bytes]], tuple[bytes, ...]]
    header: tuple[tuple[str, int], ...]
    execution: int | None
    payload: int | None
    version: str
    body_name: str
    limits: Limits


class OutlinedRequest:
    """A Request of a known outline: well-formed and valid, its signature not verified yet."""

    __slots__ = ("_claim", "_covered", "_header", "_outline", "_root", "_texts", "request_id")

    def __init__(self, outline: Outline, texts: list[str], claim: Claim, covered: bytes) -> None:
        self._outline = outline
        self._texts = texts
        self._claim = claim
        self._covered = covered
        self._root: Element | None = None
        self._header = {name: texts[number].strip(XML_SPACE) for name, number in outline.header}
        self.request_id = RequestId.parse(self._header[REQUEST_ID])

    @property
    def schema_version(self) -> str:
        """The schemaVersion of the document."""
        return self._outline.version.strip()

    @property
    def root(self) -> Element:
        """The root of the tree, made when it is asked for: without the Signature, of the octets that it covers."""
        if self._root is None:
            self._root = parse_document(self._covered, self._outline.limits)
        return self._root

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
            self._body,
            None if outline.execution is None else texts[outline.execution],
            None if outline.payload is None else texts[outline.payload],
        )

    def _body(self) -> Element:
        return self.root[1][0]


class _Cut(NamedTuple):
    """A document cut at its tags; ``texts[0]`` stands before the first, ``texts[1]`` after it, and so on."""

    written: form.Written
    key: bytes
    tags: list[bytes]
    texts: list[bytes]


class Outlines:
    """The outlines of Requests that were accepted; the number kept is bounded.

    Parameters
    ----------
    limits
        The bounds of documents: longer ones than need no counting take the ordinary way.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._longest = limits.uncounted
        self._known: dict[bytes, Outline | None] = {}

    def find(self, document: bytes) -> OutlinedRequest | None:
        """A document whose outline is known; None when it must take the ordinary way."""
        cut = self._cut(document)
        outline = None if cut is None else self._known.get(cut.key)
        if cut is None or outline is None:
            return None
        written, _, _, octets = cut
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
        if cut is None or cut.key in self._known:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[cut.key] = _outline(document, cut, root, self._limits)

    def _cut(self, document: bytes) -> _Cut | None:
        written = None if len(document) > self._longest else form.read(document)
        if written is None or written.end is None or written.issuer.translate(None, _PLAIN):
            return None
        head = document[: written.start]
        brackets = head.translate(None, _PLAIN)
        if brackets != b"<>" * (len(brackets) // 2):
            return None
        parts = head.replace(b">", b"<").split(b"<")
        tags, texts = parts[1::2], parts[::2]
        return None if texts[0] else _Cut(written, b"<".join((*tags, written.end)), tags, texts)


def _outline(document: bytes, cut: _Cut, root: Element, limits: Limits) -> Outline | None:
    """The outline of a verified document; None where its octets are not their canonical form."""
    opened = [number for number, tag in enumerate(cut.tags, 1) if tag[:1] not in (b"/", b"?", b"!")]
    elements = list(leaves(root))
    if len(opened) != len(elements) or [root.tag, *(part.tag for part in root)] != [REQUEST, HEADER, BODY]:
        return None
    opening, end = b"<" + cut.tags[opened[0] - 1] + b">", (cut.written.end or b"").rstrip(_SPACE)
    if document[document.index(opening) : cut.written.start] + end != canonical(root):
        return None
    held = [(number, check) for number, (_, check) in zip(opened, elements, strict=True) if check is not None]
    names = [element for element, check in elements if check is not None]
    body, header = root[1][0], root[0]
    within = {number for number, _ in held}

    def first(tag: str) -> int | None:
        return next((i for i, one in enumerate(names) if one.tag == tag and one.getparent() is body), None)

    return Outline(
        opening,
        end,
        tuple(held),
        itemgetter(*(number for number in range(1, len(cut.texts)) if number not in within)),
        tuple((one.tag, i) for i, one in enumerate(names) if one.getparent() is header),
        first(EXECUTION),
        first(PAYLOAD),
        root.get("schemaVersion", ""),
        local_name(body.tag),
        limits,
    )
