"""DLMS Commands: the parts of an access request, compiled from the use-case data (gbcs.md section 6.1).

A part is ``["get" | "set" | "action" | "read log", class, "A-B:C.D.E.F", member, datum, options]``; datum and options
may be left out. ``read log`` is a get with selection by the period of the request (section 6.4). Options:

``"if": path``     the part is there only when the element is;
``"each": path``   one part for each element, whose paths start from it;
``"order": name``     how those elements are numbered by ``@index``: ``lists.ORDERS``;
``"where": "true"``   of those only the elements that hold a true boolean;
``"add": [field, source]``   the value is added to one field (A..F) of the OBIS code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ...duis.document import Element
from .. import datum as d
from ..dlms import Operation, Selection, Specification, assemble_request, encode_specification, invoke_id
from . import rules
from .data import NULL, Piece, datum_pieces
from .elements import boolean, children, find, place, steps
from .job import Job
from .lists import order_named
from .rules import TransformError
from .values import (
    CatalogueError,
    Integers,
    Json,
    integer_argument,
    integer_source,
    list_argument,
    object_argument,
    text_argument,
)

_OPERATIONS: Final = {
    "get": Operation.GET,
    "set": Operation.SET,
    "action": Operation.ACTION,
}
_CLOCK: Final = d.structure(
    d.LongUnsigned(1), d.OctetString(bytes.fromhex("00005e2c64ff")), d.Integer(2), d.LongUnsigned(0)
)
_FROM: Final = integer_source({"seconds": "ReadLogPeriod/StartDateTime"})
_TO: Final = integer_source({"seconds": "ReadLogPeriod/EndDateTime"})
_EMPTY: Final = d.array()
_RANGE: Final = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an access request.

    ``octets`` are those of its specification, None where the OBIS code varies or a log is read.
    """

    specification: Specification
    octets: bytes | None
    data: tuple[Piece, ...]
    is_log: bool
    condition: tuple[str, ...] | None
    each: str | None
    order: Callable[[list[Element]], list[Element]] | None
    where_true: bool
    field: int
    addend: Integers | None

    def write(self, specifications: bytearray, data: bytearray, job: Job, element: Element, number: int) -> None:
        """Append the specification and its datum."""
        if self.octets is not None:
            specifications += self.octets
        else:
            encode_specification(specifications, self._fitted(job, element, number))
        for piece in self.data:
            data += piece if isinstance(piece, bytes) else piece(job, element, number)

    def _fitted(self, job: Job, element: Element, number: int) -> Specification:
        specification = self.specification
        if self.addend is not None:
            code = bytearray(specification.obis)
            code[self.field] += self.addend(job, element, number)
            specification = replace(specification, obis=bytes(code))
        if self.is_log:
            selection = Selection(
                _RANGE,
                d.structure(
                    _CLOCK,
                    d.DoubleLongUnsigned(_FROM(job, element, number)),
                    d.DoubleLongUnsigned(_TO(job, element, number)),
                    _EMPTY,
                ),
            )
            specification = replace(specification, operation=Operation.GET_WITH_SELECTION, selection=selection)
        return specification


@dataclass(frozen=True, slots=True)
class DlmsCommand:
    """The ordered parts of one use case."""

    parts: tuple[Part, ...]
    when_empty: str

    def payload(self, job: Job) -> bytes:
        """The access request's octets."""
        body = job.body
        count, specifications, data = 0, bytearray(), bytearray()
        for part in self.parts:
            if part.condition is not None and find(body, part.condition) is None:
                continue
            if part.each is None:
                part.write(specifications, data, job, body, 0)
                count += 1
                continue
            elements = children(body, part.each)
            for number, element in enumerate(elements if part.order is None else part.order(elements), 1):
                if part.where_true and not boolean(element):
                    continue
                part.write(specifications, data, job, element, number)
                count += 1
        if not count:
            raise TransformError(self.when_empty, "the request leaves nothing to do", place(body))
        return assemble_request(invoke_id(job.counter), count, specifications, data)


def obis(code: str) -> bytes:
    """Six octets of ``A-B:C.D.E.F``."""
    fields = code.replace("-", ".").replace(":", ".").split(".")
    if len(fields) != 6:
        raise CatalogueError(f"{code!r} is not an OBIS code")
    return bytes(int(one) for one in fields)


def compile_access(spec: Json, when_empty: str = rules.CANNOT_TRANSFORM) -> DlmsCommand:
    """Compile the parts of a DLMS Command; ``when_empty`` is the rule a request breaks that leaves none of them."""
    return DlmsCommand(tuple(_part(part) for part in list_argument(spec)), when_empty)


def _part(spec: Json) -> Part:
    operation, class_id, code, member, *rest = list_argument(spec)
    datum = rest[0] if rest else None
    options = object_argument(rest[1]) if len(rest) > 1 else {}
    if not set(options) <= {"if", "each", "order", "where", "add"}:
        raise CatalogueError(f"unknown options among {sorted(options)}")
    field, addend = 0, None
    if "add" in options:
        letter, source = list_argument(options["add"])
        field, addend = "ABCDEF".index(text_argument(letter)), integer_source(source, 0, 255)
    is_log = operation == "read log"
    specification = Specification(
        Operation.GET if is_log else _OPERATIONS[text_argument(operation)],
        integer_argument(class_id),
        obis(text_argument(code)),
        integer_argument(member),
    )
    octets = bytearray()
    encode_specification(octets, specification)
    return Part(
        specification,
        None if is_log or addend is not None else bytes(octets),
        datum_pieces(NULL if datum is None else datum),
        is_log,
        steps(text_argument(options["if"])) if "if" in options else None,
        text_argument(options["each"]) if "each" in options else None,
        order_named(options.get("order")),
        options.get("where") == "true",
        field,
        addend,
    )
