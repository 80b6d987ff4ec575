"""Check 23: certificates inside the body (service-request-processing.md section 6)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.trust_anchors import SUPPLIER
from dccemu_protocol.duis import Element, text_of
from dccemu_protocol.duis.names import sr
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs import der, envelope
from dccemu_protocol.gbcs import der_types as types
from dccemu_protocol.gbcs.envelope import CRA
from dccemu_protocol.pki import Usage, parse

from ..examination import Examination
from ..originator import is_known_to
from ..refusal import Refusal

_CERTIFICATE_ELEMENTS = {
    sr("DigitalSigningCertificate"): Usage.DIGITAL_SIGNATURE,
    sr("KeyAgreementCertificate"): Usage.KEY_AGREEMENT,
    sr("KeyAgreementTopUpCertificate"): Usage.KEY_AGREEMENT,
}
ROLE_OF_NAME = {
    "Root": 0,
    "Recovery": 1,
    "Supplier": 2,
    "NetworkOperator": 3,
    "ACB": 4,
    "TransCoS": 5,
    "LoadController": 8,
}
"""The schema's names of the remote party roles."""
_ROLE, _KEY_AGREEMENT = sr("RemotePartyRole"), sr("KAPublicSecurityCredentials")

_CREDENTIAL_RULES: dict[str, dict[str, str]] = {
    # Service: what the failing of a certificate is called there. "*" is any other failing.
    "6.15.1": {
        "CERTIFICATE_OWNER": "CREDENTIAL_OWNER",
        "CERTIFICATE_REVOKED": "CREDENTIAL_REVOKED",
        "ISSUER_REVOKED": "CREDENTIAL_REVOKED",
        "CERTIFICATE_ISSUER_UNKNOWN": "CREDENTIAL_PATH",
        "CERTIFICATE_PATH": "CREDENTIAL_PATH",
        "CERTIFICATE_ROLE": "CREDENTIAL_ROLE",
        "*": "CREDENTIAL_CERTIFICATE",
    },
    "6.21": {"CERTIFICATE_OWNER": "HANDOVER_OWNER", "CERTIFICATE_ROLE": "HANDOVER_ROLE", "*": "HANDOVER_CERTIFICATE"},
    "6.23": {"*": "COS_CERTIFICATE"},
}


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("CERTIFICATE_UNREADABLE", "the value is not base64") from None


def _replacements(body: Element) -> Iterator[tuple[Element, Usage]]:
    for element in body.iter():
        usage = _CERTIFICATE_ELEMENTS.get(element.tag)
        if usage is not None:
            yield element, usage


def role_of(examination: Examination) -> int:
    """The Remote Party Role that the replacement certificates must have: named in the body, or Supplier for 6.23."""
    named = examination.submitted.body.find(_ROLE)
    return SUPPLIER if named is None else ROLE_OF_NAME.get(text_of(named), -1)


def certificates_acceptable(examination: Examination) -> None:
    """23: certificates of the body are valid, unrevoked, of the right role, usage and owner (section 6)."""
    request, variant = examination.submitted, examination.service_request
    names = _CREDENTIAL_RULES.get(variant.srv)
    if request.is_signed_pre_command:
        if names is not None and request.gbcs_payload:
            _check_signed(examination, names, request.gbcs_payload)
        return
    if names is not None:
        _check_replacements(examination, names)
    if variant.accepts_urp_ka_certificate:
        given = request.body.find(_KEY_AGREEMENT)
        text = None if given is None else given.text or ""
        key_agreement_acceptable(examination, examination.target, examination.role, text)


def _check_replacements(examination: Examination, names: dict[str, str]) -> None:
    role, sender = role_of(examination), examination.submitted.user
    found: set[str] = set()
    for element, usage in _replacements(examination.submitted.body):
        name = element.tag.rpartition("}")[2]
        try:
            certificate = parse(_octets(element.text or ""))
            # A Supplier may place the credentials of a network party or load controller (section 13.4, initial case).
            owner = sender if role == SUPPLIER or examination.service_request.srv == "6.23" else certificate.eui
            examination.directory.rely_on(certificate, examination.at, roles=(role,), usage=usage, owner=owner)
        except ProtocolError as error:
            raise Refusal(
                names.get(error.rule, names["*"]),
                expected=f"{name}: a valid certificate of role {role:02X} for {usage.value}, owned by {sender}",
                got=f"{error.rule}: {error.detail}",
                place=name,
            ) from None
        found.add(str(certificate.eui))
    if len(found) > 1:
        raise Refusal(names["*"], expected="replacement certificates of one owner", got=", ".join(sorted(found)))


def _check_signed(examination: Examination, names: dict[str, str], payload: bytes) -> None:
    """Relied on again: what its Pre-Command was made of may have been revoked since (smki.md section 7)."""
    try:
        message = envelope.decode(payload)
        content = der.decode(message.payload, message.message_code, CRA.COMMAND)
    except ProtocolError:
        return  # 7a and 7c say what is wrong with it
    if not isinstance(content, types.UpdateSecurityCredentials):
        return
    for replacement in content.replacements:
        try:
            examination.directory.rely_on(parse(replacement.certificate.der), examination.at)
        except ProtocolError as error:
            raise Refusal(
                names.get(error.rule, names["*"]),
                expected="replacement certificates that are valid still",
                got=f"{error.rule}: {error.detail}",
                place="GBCSPayload",
            ) from None


def key_agreement_acceptable(
    examination: Examination,
    device: DeviceFact,
    role: str,
    given: str | None,
    rule: str = "KEY_AGREEMENT_CERTIFICATE",
) -> None:
    """A User unknown to the Device needs a key agreement certificate of its own, so that the Device can encrypt.

    Raises
    ------
    Refusal
        ``rule``.
    """
    sender = examination.submitted.user
    if given is None:
        if is_known_to(sender, device, role):
            return
        expected = f"a key agreement certificate of {sender}, which no cell of {device.device} holds"
        raise Refusal(rule, expected=expected, got="none")
    try:
        examination.directory.rely_on(parse(_octets(given)), examination.at, usage=Usage.KEY_AGREEMENT, owner=sender)
    except ProtocolError as error:
        raise Refusal(
            rule,
            expected=f"a valid key agreement certificate of {sender}",
            got=f"{error.rule}: {error.detail}",
            place="KAPublicSecurityCredentials",
        ) from None
