"""What goes back in the HTTP reply, and how it is made."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dccemu_protocol import catalogue
from dccemu_protocol.duis import AnsweredRequest, Element, responses, text_of
from dccemu_protocol.duis.names import local_name
from dccemu_protocol.identifiers import RequestId

from ..domain.examination import Examination


class Reply(NamedTuple):
    """A reply: a DUIS document with 200, or an HTTP status with a sentence that says why."""

    status: int
    document: bytes = b""
    rule: str = ""
    detail: str = ""
    code: str = ""


def result(document: bytes, code: str = catalogue.SUCCESS) -> Reply:
    """A signed document with content."""
    return Reply(200, document, code=code)


def acknowledge(answered: AnsweredRequest, code: str, at: datetime) -> Reply:
    """An acknowledgement or synchronous error: unsigned, as the published samples are (duis.md section 5)."""
    return Reply(200, responses.unsigned(responses.acknowledgement(answered, code, at)), code=code)


def answered_of(examination: Examination) -> AnsweredRequest | None:
    """What an answer says of its request, also where checks ended before the request was read.

    None where not even the Service Reference can be told: then no Response can be built and HTTP 400 is the answer.
    """
    if examination.is_read:
        return AnsweredRequest.of(examination.submitted)
    root, request_id = examination.tree, examination.request_id
    if root is None or request_id is None:
        return None
    header = {local_name(str(child.tag)): text_of(child) for child in root[0]}
    variant = catalogue.service_requests.get(header.get("ServiceReferenceVariant", ""))
    if variant is None:
        variant = catalogue.body_elements.get(_body_name(root))
    if variant is None:
        return None
    version = root.get("schemaVersion", "").strip()
    return _answered(request_id, variant, version if version in _VERSIONS else _NEWEST)


def _answered(request_id: RequestId, variant: catalogue.ServiceRequestVariant, version: str) -> AnsweredRequest:
    return AnsweredRequest(request_id, variant.service_reference, variant.srv, version)


def _body_name(root: Element) -> str:
    for child in root:
        if local_name(str(child.tag)) == "Body" and len(child):
            return local_name(str(child[0].tag))
    return ""


_NEWEST = "5.4"
_VERSIONS = frozenset({"5.0", "5.1", "5.2", "5.3", "5.4"})
