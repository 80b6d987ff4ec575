"""Checks 9 to 13: do service, variant, body, web service and target belong together; was it seen before."""

from __future__ import annotations

from dccemu_protocol import catalogue

from ..examination import Examination
from ..lifecycle import Kind
from ..refusal import Refusal

SERVICES = {"T": "the Transform Service", "S": "the Send Command Service", "D": "the Non-Device Service"}


def parts_agree(examination: Examination) -> None:
    """9: Service Reference, its variant and the body element belong together."""
    request, variant = examination.submitted, examination.variant
    if variant is None:
        raise Refusal(
            "REFERENCE_MISMATCH",
            expected="a Service Reference Variant of the catalogue",
            got=repr(request.service_reference_variant),
            place="/Request/Header/ServiceReferenceVariant",
        )
    if request.service_reference != variant.service_reference:
        raise Refusal(
            "REFERENCE_MISMATCH",
            expected=f"Service Reference {variant.service_reference} with variant {variant.srv}",
            got=request.service_reference,
            place="/Request/Header/ServiceReference",
        )
    is_signed = examination.kind is Kind.SIGNED
    expected = "SignedPreCommand" if is_signed else variant.body_element
    if request.body_name != expected:
        raise Refusal(
            "BODY_NEEDS_OTHER_CV" if is_signed or request.is_signed_pre_command else "REFERENCE_MISMATCH",
            expected=f"body {expected} for {variant.srv} with Command Variant {request.command_variant}",
            got=request.body_name,
            place="/Request/Body",
        )


def command_variant_allowed(examination: Examination) -> None:
    """10: the Command Variant is in the list of the Service Reference Variant."""
    request, variant = examination.submitted, examination.service_request
    if request.command_variant not in variant.command_variants:
        raise Refusal(
            "CV_NOT_ALLOWED",
            expected=f"Command Variant {', '.join(map(str, sorted(variant.command_variants)))} for {variant.srv}",
            got=str(request.command_variant),
            place="/Request/Header/CommandVariant",
        )


def web_service_fits(examination: Examination) -> None:
    """11: the web service fits the Command Variant."""
    request = examination.submitted
    service = catalogue.web_service(request.command_variant)
    if service != examination.service:
        raise Refusal(
            "WRONG_SERVICE",
            expected=f"{SERVICES[service]} (service{service}) for Command Variant {request.command_variant}",
            got=f"{SERVICES[examination.service]} (service{examination.service})",
        )


def target_fits(examination: Examination) -> None:
    """12: the target is a Device for device requests, the DCC for Command Variant 8."""
    dcc = examination.policy.dcc
    to_dcc = examination.device_text == dcc
    if examination.service_request.non_device and not to_dcc:
        raise Refusal(
            "TARGET_NOT_DCC",
            expected=f"the DCC ({dcc}) as target of a Non-Device request",
            got=examination.device_text,
            place="/Request/Header/RequestID",
        )
    if to_dcc and not examination.service_request.non_device:
        raise Refusal(
            "TARGET_NOT_DEVICE", expected="a Device ID", got=f"the DCC ({dcc})", place="/Request/Header/RequestID"
        )


def not_repeated(examination: Examination) -> None:
    """13: the same RequestID with the same kind of message was not accepted before."""
    if examination.is_repeat:
        raise Refusal(
            "DUPLICATE_REQUEST",
            expected=f"a RequestID not used before for a message of kind {examination.kind}",
            got=examination.request_text,
            place="/Request/Header/RequestID",
        )
