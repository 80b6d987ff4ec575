"""Correlation: whether a Service Request and a Pre-Command mean the same (issue: what a User checks before signing).

The Pre-Command is decoded and every value in it is compared with what the request says, what the use case always holds,
or the identifiers and counter of the request; then every element of the request has to have been met. Nothing here
shares tables or code with the transformation of requests into Commands.
"""

from __future__ import annotations

import re

from ...duis import DuisRequest
from .. import dlms, gbz
from ..envelope import CRA, GbcsMessage, decode
from ..errors import GbcsError
from ..payload import decode_payload
from ..times import from_seconds
from .asked import REQUEST_ID, Accounts, Asked
from .commands import ClusterCommand, access_name
from .meaning import show
from .result import NOT_CRITICAL, NOTHING_KNOWN, Correlation, CorrelationError, Difference, Known, Unlike
from .structures import Structure
from .use_cases import BY_SERVICE, DOES_NOT_TRAVEL, Dlms, Gbz, UseCase

_POSITION = re.compile(r"\[[0-9]+\]")


def correlate(request: DuisRequest, pre_command: bytes, known: Known = NOTHING_KNOWN) -> Correlation:
    """Decide whether a Pre-Command is what a Service Request asks for.

    Parameters
    ----------
    request
        A critical Service Request to a Device.
    pre_command
        The GBCS message that came back, with or without an empty signature field.
    known
        What else the User knows; makes some checks stricter.

    Raises
    ------
    CorrelationError
        When the request is not one that a Pre-Command answers, or its elements cannot be read.
    """
    candidates = BY_SERVICE.get(request.service_reference_variant, ())
    if not candidates or request.is_signed_pre_command:
        raise CorrelationError(
            NOT_CRITICAL,
            f"{request.body_name} ({request.service_reference_variant}) is not a critical request to a Device",
            place="/Request/Header/ServiceReferenceVariant",
        )
    try:
        message = _decoded(pre_command)
        _check_header(request, message)
        _check_body(request, message, _use_case(request, message, candidates, known), known)
    except Unlike as found:
        return Correlation(False, found.difference)
    return Correlation(True)


def _decoded(pre_command: bytes) -> GbcsMessage:
    try:
        return decode(pre_command)
    except GbcsError as error:
        raise Unlike(Difference("", error.place, "a GBCS message", error.detail)) from None


def _check_header(request: DuisRequest, message: GbcsMessage) -> None:
    asked = request.request_id
    other = message.other
    has_more = (
        other.supplementary_party is not None
        or other.supplementary_counter is not None
        or other.supplementary_originator_counter is not None
        or other.certificate is not None
    )
    checks = (
        ("", "MAC", "nothing", "nothing" if message.mac is None else "a MAC"),
        ("", "signature", "nothing", "a signature" if message.signature else "nothing"),
        ("", "CRA flag", CRA.COMMAND.name, message.cra.name),
        (REQUEST_ID, "originator", str(asked.originator), str(message.originator)),
        (REQUEST_ID, "target", str(asked.target), str(message.target)),
        (REQUEST_ID, "originator counter", str(asked.counter), str(message.counter)),
        ("", "date-time", "nothing", message.date_time.hex() or "nothing"),
        ("", "other information", "a message code alone", "more" if has_more else "a message code alone"),
    )
    for element, item, expected, found in checks:
        if expected != found:
            raise Unlike(Difference(element, item, expected, found))


def _use_case(request: DuisRequest, message: GbcsMessage, candidates: tuple[UseCase, ...], known: Known) -> UseCase:
    """The use case of the message code, if it belongs to the Service Request and the Device."""
    service = "/Request/Header/ServiceReferenceVariant"
    fitting = [one for one in candidates if known.device_type is None or known.device_type in one.device_types]
    found = next((one for one in fitting if one.message_code == message.message_code), None)
    if found is None:
        expected = " or ".join(f"{one.message_code:04x} {one.name}" for one in fitting) or "none for that Device"
        raise Unlike(Difference(service, "message code", expected, f"{message.message_code:04x}"))
    if request.body_name != found.body:
        raise Unlike(Difference("/Request/Body", "use case", found.body, request.body_name))
    return found


def _check_body(request: DuisRequest, message: GbcsMessage, use_case: UseCase, known: Known) -> None:
    accounts = Accounts(request, known)
    asked = Asked(accounts, request.body)
    try:
        payload = decode_payload(message)
    except GbcsError as error:
        raise Unlike(Difference("", f"payload {error.place}", "a payload", error.detail)) from None
    match use_case.content, payload:
        case Dlms() as content, dlms.AccessRequest():
            _check_dlms(asked, content, payload, request)
        case Gbz() as content, gbz.GbzPayload():
            _check_gbz(asked, content, payload)
        case Structure() as content, _ if not isinstance(payload, dlms.AccessRequest | gbz.GbzPayload):
            content.check(asked, payload)  # type: ignore[arg-type]
        case content, _:
            expected = {Dlms: "DLMS", Gbz: "GBZ"}.get(type(content), "DER")
            raise Unlike(Difference("", "payload", expected, type(payload).__name__))
    for place in accounts.unread():
        path = _POSITION.sub("", place.removeprefix(f"{asked.place}/"))
        if path not in DOES_NOT_TRAVEL:
            raise Unlike(Difference(place, "", "something in the Pre-Command", "nothing"))


def _check_dlms(asked: Asked, content: Dlms, payload: dlms.AccessRequest, request: DuisRequest) -> None:
    expected_invoke = dlms.invoke_id(request.request_id.counter)
    if payload.invoke_id != expected_invoke:
        difference = Difference(REQUEST_ID, "long-invoke-id", f"{expected_invoke:08x}", f"{payload.invoke_id:08x}")
        raise Unlike(difference)
    expected = [item for part in content.parts for item in part(asked)]
    for item, specification, datum in zip(expected, payload.specifications, payload.data, strict=False):
        item.check(specification, datum)
    names = [access_name(one) for one in payload.specifications]
    _check_count(asked, [(item.asked, item.name) for item in expected], names)


def _check_gbz(asked: Asked, content: Gbz, payload: gbz.GbzPayload) -> None:
    expected = [item for part in content.parts for item in part(asked)]
    instants: list[tuple[str, int]] = []
    for position, (item, component) in enumerate(zip(expected, payload.components, strict=False)):
        instants += _checked_component(item, component, position)
    names = [f"cluster {one.cluster:04x} command {one.command_id:02x}" for one in payload.components]
    _check_count(asked, [(item.asked, item.name) for item in expected], names)
    _check_instants(instants, asked.known)


def _checked_component(item: ClusterCommand, component: gbz.Component, position: int) -> list[tuple[str, int]]:
    try:
        return item.check(component, position)
    except GbcsError as error:
        raise Unlike(Difference(item.asked.place, f"item {position + 1}", item.name, error.detail)) from None


def _check_count(asked: Asked, expected: list[tuple[Asked, str]], found: list[str]) -> None:
    if len(found) > len(expected):
        raise Unlike(Difference(asked.place, f"item {len(expected) + 1}", "nothing", found[len(expected)]))
    if len(expected) > len(found):
        where, name = expected[len(found)]
        raise Unlike(Difference(where.place, f"item {len(found) + 1}", name, "nothing"))


def _check_instants(found: list[tuple[str, int]], known: Known) -> None:
    """Issuer ids hold one instant, that at which the gateway made the Pre-Command."""
    for item, value in found:
        if value != found[0][1]:
            raise Unlike(Difference("", item, f"{found[0][1]} as in {found[0][0]}", str(value)))
    if not found or known.sent_between is None:
        return
    first, last = known.sent_between
    at = from_seconds(found[0][1])
    if not first <= at <= last:
        raise Unlike(Difference("", found[0][0], f"between {show(first)} and {show(last)}", show(at)))
