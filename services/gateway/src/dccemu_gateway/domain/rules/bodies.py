"""Checks 23 and 24: certificates inside the body, and the rules of the single services.

What a service adds to the common checks is a row of ``SERVICE_RULES``: its Service Reference Variant and a
function. Rules that the transformation meets anyway (a log kind that the Device does not have, say) are its own and
not repeated here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator

from dccemu_contracts.device_index import InventoryKey
from dccemu_contracts.installation import InstallationRequest, check_installation
from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.trust_anchors import BROKER, NETWORK_OPERATOR, SUPPLIER
from dccemu_protocol.catalogue import LOCAL_DELIVERY_VARIANTS
from dccemu_protocol.duis import Element, text_of, tree_of
from dccemu_protocol.duis.names import sr
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import SmkiCertificate, Usage, parse

from ..examination import Examination
from ..originator import is_known_to
from ..refusal import Refusal
from .firmware import update_firmware

_CERTIFICATE_ELEMENTS = {
    sr("DigitalSigningCertificate"): Usage.DIGITAL_SIGNATURE,
    sr("KeyAgreementCertificate"): Usage.KEY_AGREEMENT,
    sr("KeyAgreementTopUpCertificate"): Usage.KEY_AGREEMENT,
}
_ROLE_OF_NAME = {"Supplier": 2, "NetworkOperator": 3, "ACB": 4, "TransCoS": 5, "LoadController": 8}
_ROLE, _KEY_AGREEMENT = sr("RemotePartyRole"), sr("KAPublicSecurityCredentials")
_IMPORT_MPXN, _TOP_UP = sr("ImportMPxN"), sr("KeyAgreementTopUpCertificate")
_METERS = frozenset({"ESME", "GSME"})

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


def _octets(element: Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("CERTIFICATE_UNREADABLE", "the value is not base64") from None


def _replacements(body: Element) -> Iterator[tuple[Element, Usage]]:
    for element in body.iter():
        usage = _CERTIFICATE_ELEMENTS.get(element.tag)
        if usage is not None:
            yield element, usage


def _role_of(examination: Examination) -> int:
    """The Remote Party Role that the replacement certificates must have: named in the body, or Supplier for 6.23."""
    named = examination.submitted.body.find(_ROLE)
    return SUPPLIER if named is None else _ROLE_OF_NAME.get(text_of(named), -1)


def certificates_acceptable(examination: Examination) -> None:
    """23: certificates of the body are valid, unrevoked, of the right role, usage and owner (section 6)."""
    request, variant = examination.submitted, examination.service_request
    if request.is_signed_pre_command:
        return
    names = _CREDENTIAL_RULES.get(variant.srv)
    if names is not None:
        _check_replacements(examination, names)
    if variant.accepts_urp_ka_certificate:
        _check_key_agreement(examination)


def _check_replacements(examination: Examination, names: dict[str, str]) -> None:
    role, sender = _role_of(examination), examination.submitted.user
    found: set[str] = set()
    for element, usage in _replacements(examination.submitted.body):
        name = element.tag.rpartition("}")[2]
        try:
            certificate = parse(_octets(element))
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


def _check_key_agreement(examination: Examination) -> None:
    """A User unknown to the Device needs a key agreement certificate of its own, so that the Device can encrypt."""
    given = examination.submitted.body.find(_KEY_AGREEMENT)
    sender = examination.submitted.user
    if given is None:
        if is_known_to(sender, examination.target, examination.role):
            return
        raise Refusal(
            "KEY_AGREEMENT_CERTIFICATE",
            expected=f"KAPublicSecurityCredentials of {sender}, which no cell of {examination.target.device} holds",
            got="none",
        )
    try:
        examination.directory.rely_on(parse(_octets(given)), examination.at, usage=Usage.KEY_AGREEMENT, owner=sender)
    except ProtocolError as error:
        raise Refusal(
            "KEY_AGREEMENT_CERTIFICATE",
            expected=f"a valid key agreement certificate of {sender}",
            got=f"{error.rule}: {error.detail}",
            place="KAPublicSecurityCredentials",
        ) from None


def service_rules_hold(examination: Examination) -> None:
    """24: the rules of the Service Reference Variant."""
    rule = SERVICE_RULES.get(examination.service_request.srv)
    if rule is not None and not examination.submitted.is_signed_pre_command:
        rule(examination)


def _gas_reading(examination: Examination) -> None:
    """4.1.x: a gas reading by a non-Supplier must address the Gas Proxy Function."""
    if examination.target.type == "GSME" and examination.role != "GS":
        raise Refusal("READING_NEEDS_GPF", expected="a Gas Supplier, or the GPF", got=f"{examination.role} to a GSME")


def _change_of_supplier(examination: Examination) -> None:
    """6.23: ImportMPxN is the Device's, the sender is registered there on the date, certificates fit the Device."""
    body, device = examination.submitted.body, examination.target
    named = body.find(_IMPORT_MPXN)
    mpxn = "" if named is None else text_of(named)
    held = set(meter_points(examination))
    if mpxn not in held:
        raise Refusal(
            "COS_MPXN",
            expected=f"an MPxN of {device.device}: {', '.join(sorted(held)) or 'none known'}",
            got=mpxn,
            place="ImportMPxN",
        )
    role = examination.directory.entitled_role(
        examination.sender.eui, examination.roles, device, examination.moment, (mpxn,)
    )
    if role is None:
        raise Refusal(
            "COS_NOT_REGISTERED",
            expected=f"{examination.sender.eui} registered at {mpxn} on {examination.moment.date().isoformat()}",
            got="no such registration",
        )
    has_top_up = next(body.iter(_TOP_UP), None) is not None
    if has_top_up and device.type == "HCALCS":
        raise Refusal("COS_TOP_UP_CERTIFICATE", expected="no top-up certificate for an HCALCS", got="one")


def meter_points(examination: Examination) -> Iterator[str]:
    """The meter points of a Device: its own, or those of the meters it is joined to."""
    device = examination.target
    facts = [device, *(examination.directory.device(eui) for eui in device.meters)]
    for fact in facts:
        if fact is not None:
            for mpxn in (fact.import_mpxn, fact.secondary_import_mpan, fact.export_mpan):
                if mpxn:
                    yield mpxn
    if device.type == "GPF" and device.hub:
        for other in examination.directory.on_hub(device.hub):
            if other.type == "GSME" and other.import_mpxn:
                yield other.import_mpxn


def _handover(examination: Examination) -> None:
    """6.21: the DCC holds the named cell of the Device, and the role fits the Device (section 13.3)."""
    role = _role_of(examination)
    if role not in (SUPPLIER, NETWORK_OPERATOR):
        raise Refusal(
            "HANDOVER_ROLE", expected="Supplier or NetworkOperator", got=f"role {role}", place="RemotePartyRole"
        )
    dcc = Eui64.parse(examination.policy.dcc)
    cells = [cell for cell in examination.target.cells if cell.role == role]
    holders = {cell.eui for cell in cells}
    if holders != {str(dcc)}:
        raise Refusal(
            "HANDOVER_NOT_DCC",
            expected=f"cells of role {role:02X} that hold the DCC's certificate ({dcc}, role {BROKER:02X})",
            got=", ".join(sorted(holders)) or "no such cells",
        )


def _fit_own_role(examination: Examination) -> None:
    """6.15.1: a network operator replaces its own credentials, a Supplier its own or those of others [R]."""
    role, sender = _role_of(examination), examination.role
    if role == SUPPLIER and sender not in ("IS", "GS"):
        raise Refusal("CREDENTIAL_ROLE", expected="a Supplier for the Supplier cells", got=sender)
    if role not in (SUPPLIER, NETWORK_OPERATOR, 8) and role != BROKER:
        raise Refusal("CREDENTIAL_ROLE", expected="Supplier, NetworkOperator or LoadController", got=f"role {role}")


def _installation(examination: Examination) -> None:
    """8.7, 8.8, 8.11, 8.12: the rules of building up and taking down a Smart Metering System."""
    check_installation(installation_request(examination))


def installation_request(examination: Examination) -> InstallationRequest:
    """The request as the rules of installing see it."""
    submitted, directory = examination.submitted, examination.directory

    def at_mpxn(mpxn: str) -> list[DeviceFact]:
        try:
            found = directory.read_inventory(InventoryKey(mpxn=mpxn))
        except ProtocolError:
            return []
        return [fact for fact in found if mpxn in (fact.import_mpxn, fact.secondary_import_mpan, fact.export_mpan)]

    content = tree_of(submitted.body)
    return InstallationRequest(
        srv=examination.service_request.srv,
        target=examination.target,
        content=content if isinstance(content, dict) else {},
        user=examination.sender.eui,
        roles=examination.roles,
        is_local=submitted.command_variant in LOCAL_DELIVERY_VARIANTS,
        at=examination.moment,
        records=directory,
        at_mpxn=at_mpxn,
    )


SERVICE_RULES: dict[str, Callable[[Examination], None]] = {
    "8.7.1": _installation,
    "8.7.2": _installation,
    "8.8.1": _installation,
    "8.8.2": _installation,
    "8.11": _installation,
    "8.12.1": _installation,
    "8.12.2": _installation,
    "4.1.1": _gas_reading,
    "4.1.2": _gas_reading,
    "6.15.1": _fit_own_role,
    "6.21": _handover,
    "6.23": _change_of_supplier,
    "11.1": update_firmware,
    "11.4": update_firmware,
}


def certificate_owners(body: Element) -> tuple[SmkiCertificate, ...]:
    """The replacement certificates of a body, for the record of who gains a cell."""
    return tuple(parse(_octets(element)) for element, _ in _replacements(body))
