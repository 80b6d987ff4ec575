"""Answers of the DCC: what each kind of request gets, as canonical octets ready to be signed.

Every function returns the *inclusive canonical form* of an unsigned ``Response`` document: no white space between
elements (published verifiers drop it before they check), namespaces before attributes, no empty-element tags. Hand
the octets to ``xmldsig.XMLSigner.sign_canonical``; an acknowledgement or synchronous error goes out unsigned
(``unsigned``), as published samples do. Sources: duis.md section 5 (tables) and section 2 (frame).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from ..catalogue import body_elements, service_requests
from ..errors import ProtocolError
from ..identifiers import Eui64, RequestId
from .content import Content, element, escape
from .document import Element
from .names import BODY, HEADER, SR, local_name, sr
from .request import DuisRequest
from .root import KNOWN_VERSIONS, read_request_id
from .times import write_date_time

DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
_ROOT: Final = f'<sr:Response xmlns:sr="{SR}" schemaVersion="'
_SUCCESS: Final = "I0"


class AnsweredRequest(NamedTuple):
    """What an answer needs to know of its request; small enough to be kept with a pending one."""

    request_id: RequestId
    service_reference: str
    service_reference_variant: str
    schema_version: str

    @classmethod
    def of(cls, request: DuisRequest) -> AnsweredRequest:
        return cls(
            request.request_id,
            request.service_reference,
            request.service_reference_variant,
            request.schema_version,
        )

    @classmethod
    def salvage(cls, root: Element) -> AnsweredRequest:
        """Gather from a refused document what an E100 needs.

        The RequestID must be readable. A Response cannot be written without a Service Reference, so where the Header
        does not name a known one the body element tells it; where neither does, nobody can be answered. A
        schemaVersion that is not known is answered in the newest one.

        Raises
        ------
        ProtocolError
            ``REQUEST_ID_UNREADABLE`` or ``SERVICE_UNREADABLE``: both mean HTTP 400.
        """
        request_id = read_request_id(root)
        named = root.findtext(f"{HEADER}/{sr('ServiceReferenceVariant')}", "").strip()
        variant = service_requests.get(named)
        if variant is None:
            body = root.find(f"{BODY}/*")
            variant = None if body is None else body_elements.get(local_name(str(body.tag)))
        if variant is None:
            raise ProtocolError("SERVICE_UNREADABLE", f"{named[:20]!r} is not a Service Reference Variant")
        version = root.get("schemaVersion", "")
        return cls(
            request_id,
            variant.service_reference,
            variant.srv,
            version if version in KNOWN_VERSIONS else KNOWN_VERSIONS[-1],
        )


@dataclass(frozen=True, slots=True)
class Throttling:
    """The two fields that say how many Alerts of a flooding Device were held back (duis.md section 5)."""

    sequence_id: int
    count: int


def unsigned(document: bytes) -> bytes:
    """Make canonical octets a document that may be sent without a signature."""
    return DECLARATION + document


def _frame(version: str, header: str, code: str, at: datetime, body: str) -> bytes:
    return (
        f'{_ROOT}{escape(version)}"><sr:Header>{header}<sr:ResponseCode>{code}</sr:ResponseCode>'
        f"<sr:ResponseDateTime>{write_date_time(at)}</sr:ResponseDateTime></sr:Header>"
        f"<sr:Body>{body}</sr:Body></sr:Response>"
    ).encode()


def _message(
    answered: AnsweredRequest, code: str, at: datetime, body: str = "", response_id: str | None = None
) -> bytes:
    request_id, reference, variant, version = answered
    answer = "" if response_id is None else f"<sr:ResponseID>{response_id}</sr:ResponseID>"
    return _frame(
        version,
        f"<sr:RequestID>{request_id!s}</sr:RequestID>{answer}",
        code,
        at,
        f"<sr:ResponseMessage><sr:ServiceReference>{reference}</sr:ServiceReference>"
        f"<sr:ServiceReferenceVariant>{variant}</sr:ServiceReferenceVariant>{body}</sr:ResponseMessage>",
    )


def _payload(payload: bytes) -> str:
    return f"<sr:GBCSPayload>{b64encode(payload).decode()}</sr:GBCSPayload>"


def acknowledgement(answered: AnsweredRequest, code: str, at: datetime) -> bytes:
    """A synchronous answer without content: I99, I0, or an error code. RequestID, no ResponseID."""
    return _message(answered, code, at)


def pre_command(
    answered: AnsweredRequest, payload: bytes, gbcs_version: str, at: datetime, code: str = _SUCCESS
) -> bytes:
    """The Pre-Command to correlate and sign (CV 4)."""
    body = f"<sr:PreCommand><sr:GBCSVersion>{escape(gbcs_version)}</sr:GBCSVersion>{_payload(payload)}</sr:PreCommand>"
    return _message(answered, code, at, body)


def local_command(
    answered: AnsweredRequest, payload: bytes, at: datetime, code: str = _SUCCESS, *, pushed: bool = False
) -> bytes:
    """A Command for local delivery: in the reply for CV 2 and 6, pushed (with a ResponseID) for CV 3 and 7."""
    response_id = answered.request_id.response_id if pushed else None
    return _message(answered, code, at, f"<sr:LocalCommand>{_payload(payload)}</sr:LocalCommand>", response_id)


def non_device_result(
    answered: AnsweredRequest, code: str, at: datetime, name: str | None = None, content: Content = None
) -> bytes:
    """The synchronous result of a Non-Device request (CV 8).

    Parameters
    ----------
    name
        Element of the result (``DSPInventory``, ``DSPScheduleID``, ``DSPWANMatrix`` ...), None for no data.
    content
        Its content as ``content.element`` takes it: nested mappings, in any order.
    """
    return _message(answered, code, at, "" if name is None else element(f"ResponseMessage/{name}", content))


def device_response(answered: AnsweredRequest, code: str, at: datetime, payload: bytes | None) -> bytes:
    """An asynchronous Device Response; without payload for E20, E21 and E30."""
    body = "" if payload is None else _payload(payload)
    return _message(answered, code, at, body, answered.request_id.response_id)


def cin_message(
    answered: AnsweredRequest, payload: bytes, customer_identification_number: str, at: datetime, code: str = _SUCCESS
) -> bytes:
    """The answer to 9.1: the Device Response and the number that the meter shows."""
    if len(customer_identification_number) != 4 or not customer_identification_number.isdecimal():
        raise ProtocolError("SCHEMA_INVALID", "a Customer Identification Number has four digits", source="duis.md 5")
    body = (
        f"<sr:CINMessage>{_payload(payload)}<sr:CustomerIdentificationNumber>{customer_identification_number}"
        "</sr:CustomerIdentificationNumber></sr:CINMessage>"
    )
    return _message(answered, code, at, body, answered.request_id.response_id)


def future_dated_alert(
    answered: AnsweredRequest,
    payload: bytes,
    alert_code: int,
    instruction: int,
    total: int,
    at: datetime,
    code: str = _SUCCESS,
) -> bytes:
    """What the Device said when a future dated instruction came due: 8F66 done, 8F67 failed."""
    body = (
        f"<sr:FutureDatedDeviceAlertMessage><sr:FutureDatedAlertCode>{alert_code:04X}</sr:FutureDatedAlertCode>"
        f"{_payload(payload)}<sr:InstructionNumber>{instruction}</sr:InstructionNumber>"
        f"<sr:TotalCommandInstructions>{total}</sr:TotalCommandInstructions></sr:FutureDatedDeviceAlertMessage>"
    )
    return _message(answered, code, at, body, answered.request_id.response_id)


def scheduled_message(
    answered: AnsweredRequest, payload: bytes, schedule_id: int, response_id: RequestId, at: datetime
) -> bytes:
    """One run of a schedule. ``answered`` is the 5.1 request that made it, ``response_id`` Device, User and counter."""
    body = (
        f"<sr:DSPScheduledMessage>{_payload(payload)}<sr:DSPScheduleID>{schedule_id}</sr:DSPScheduleID>"
        "</sr:DSPScheduledMessage>"
    )
    return _message(answered, _SUCCESS, at, body, str(response_id))


def _throttling(throttling: Throttling | None) -> str:
    if throttling is None:
        return ""
    return (
        f"<sr:ThrottledAlertSequenceId>{throttling.sequence_id}</sr:ThrottledAlertSequenceId>"
        f"<sr:ThrottledAlertCount>{throttling.count}</sr:ThrottledAlertCount>"
    )


def _alert_frame(about: Eui64, user: Eui64, counter: int, at: datetime, version: str, body: str) -> bytes:
    header = f"<sr:ResponseID>{about}:{user}:{counter}</sr:ResponseID>"
    return _frame(version, header, _SUCCESS, at, body)


def device_alert(
    device: Eui64,
    user: Eui64,
    counter: int,
    alert_code: int,
    payload: bytes,
    at: datetime,
    version: str = "5.4",
    throttling: Throttling | None = None,
) -> bytes:
    """A Device Alert, passed on. ``counter`` is that of the Alert; there is no RequestID."""
    body = (
        f"<sr:DeviceAlertMessage><sr:AlertCode>{alert_code:04X}</sr:AlertCode>{_throttling(throttling)}"
        f"{_payload(payload)}</sr:DeviceAlertMessage>"
    )
    return _alert_frame(device, user, counter, at, version, body)


def dcc_alert(
    about: Eui64,
    user: Eui64,
    counter: int,
    alert_code: str,
    name: str,
    content: Content,
    at: datetime,
    version: str = "5.4",
    throttling: Throttling | None = None,
) -> bytes:
    """A DCC Alert.

    Parameters
    ----------
    about
        The Device it is about, or the DCC.
    name, content
        One of the 24 elements of ``DCCAlert`` and its content as nested mappings, in any order.
    """
    body = (
        f"<sr:DCCAlertMessage><sr:DCCAlertCode>{escape(alert_code)}</sr:DCCAlertCode>{_throttling(throttling)}"
        f"<sr:DCCAlert>{element(f'DCCAlert/{name}', content)}</sr:DCCAlert></sr:DCCAlertMessage>"
    )
    return _alert_frame(about, user, counter, at, version, body)
