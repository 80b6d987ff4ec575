"""The checks that a Signed Pre-Command adds (service-request-processing.md section 8, item 7).

The User signed the GBCS content with the key of its remote party role; what it signed must be the Pre-Command that the
DCC made for this RequestID, octet for octet.
"""

from __future__ import annotations

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.crypto import verify_signature
from dccemu_protocol.gbcs.envelope import CRA, decode, signed_part
from dccemu_protocol.gbcs.errors import GbcsError

from ..examination import Examination
from ..lifecycle import Kind
from ..refusal import Refusal

REMOTE_PARTY_ROLES = frozenset({2, 3, 8})
"""Roles whose certificates may sign a Command of a User: Supplier, Network Operator, Load Controller."""
_AGREED = (("originator", ""), ("recipient", ""), ("counter", ""), ("message code", "04x"))
"""What RequestID, service and GBCS header have in common, and how it is told."""
_PLACE = "/Request/Body/SignedPreCommand/GBCSPayload"


def is_signed(examination: Examination) -> bool:
    """Whether these checks apply at all."""
    return examination.kind is Kind.SIGNED


def _mismatch(expected: str, got: str) -> Refusal:
    return Refusal("PRE_COMMAND_MISMATCH", expected=expected, got=got, place=_PLACE)


def pre_command_exists(examination: Examination) -> None:
    """7b: a Pre-Command exists for the RequestID and is not older than its life."""
    if not is_signed(examination):
        return
    request_id, kept = examination.request_text, examination.pre_command
    if kept is None:
        raise Refusal("PRE_COMMAND_UNKNOWN", expected=f"a Pre-Command made for {request_id}", got="none")
    age = examination.at - kept.made_at
    if age > examination.policy.pre_command_life:
        raise Refusal(
            "PRE_COMMAND_UNKNOWN",
            expected=f"a Pre-Command not older than {examination.policy.pre_command_life}",
            got=f"one of {kept.made_at.isoformat()}",
        )


def header_agrees(examination: Examination) -> None:
    """7a: GBCS originator, recipient, counter and message code agree with RequestID and service."""
    if not is_signed(examination):
        return
    request, kept = examination.submitted, examination.pre_command
    assert kept is not None
    try:
        message = decode(request.gbcs_payload or b"")
    except GbcsError as error:
        raise _mismatch("a GBCS message", f"{error.detail} ({error.place})") from None
    if message.cra is not CRA.COMMAND or message.mac is not None:
        raise _mismatch(
            "a signed Command without MAC", f"{message.cra.name}, MAC {'absent' if not message.mac else 'present'}"
        )
    request_id = request.request_id
    agreed = (request_id.originator, request_id.target, request_id.counter, kept.message_code)
    found = (message.originator, message.target, message.counter, message.message_code)
    if agreed != found:
        name, form, expected, got = next(
            (*what, one, other) for what, one, other in zip(_AGREED, agreed, found, strict=True) if one != other
        )
        raise _mismatch(f"{name} {expected:{form}}", f"{got:{form}}")
    if kept.srv != request.service_reference_variant or kept.execution_at != request.execution_date_time:
        raise Refusal(
            "PRE_COMMAND_MISMATCH",
            expected=f"{kept.srv} at {kept.execution_at}",
            got=f"{request.service_reference_variant} at {request.execution_date_time}",
        )
    examination.message = message


def is_the_pre_command(examination: Examination) -> None:
    """7c: less its signature, the payload is octet for octet the Pre-Command that the DCC made."""
    if not is_signed(examination) or not examination.policy.compare_pre_command:
        return
    kept, message = examination.pre_command, examination.message
    assert kept is not None
    assert message is not None
    if signed_part(message) != kept.signed_part:
        raise _mismatch("the Pre-Command, octet for octet", "other octets")


def signature_is_the_users(examination: Examination) -> None:
    """7d: the signature verifies with a certificate of the User in its remote party role, valid and not revoked."""
    if not is_signed(examination):
        return
    message, user = examination.message, examination.submitted.user
    assert message is not None
    tried: list[str] = []
    for certificate in examination.directory.certificates(str(user), "digitalSignature"):
        if certificate.role not in REMOTE_PARTY_ROLES:
            continue
        try:
            verify_signature(message, certificate.public_key)
            examination.directory.rely_on(certificate, examination.at, owner=user)
        except ProtocolError as error:
            tried.append(f"{certificate.serial_hex}: {error.detail}")
        else:
            return
    raise Refusal(
        "PRE_COMMAND_SIGNATURE",
        expected=f"a signature by a valid certificate of {user} in role 02, 03 or 08",
        got="; ".join(tried[:4]) or "no such certificate",
        place=_PLACE,
    )
