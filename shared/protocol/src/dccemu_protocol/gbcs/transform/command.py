"""From a Service Request to a GBCS message (gbcs.md sections 3, 5, 11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ...duis.document import Element
from ...duis.request import DuisRequest
from ...errors import ProtocolError
from ...identifiers import Eui64
from ...pki.names import Usage
from ..crypto import add_mac
from ..envelope import CRA, GbcsMessage, OtherInformation, code_alone
from . import rules
from .catalogue import UseCase, catalogue, command_of
from .choice import choose_use_case, user_is_originator
from .elements import find, place, steps
from .job import Job
from .model import DeviceView, TransformContext, Transformed
from .rules import TransformError
from .structures import certificate_of

_KEY_AGREEMENT = steps("KAPublicSecurityCredentials")
_BROKER = "AccessControlBroker"


def transform(request: DuisRequest, context: TransformContext) -> Transformed:
    """Make the GBCS message of a Service Request to a Device.

    Parameters
    ----------
    request
        A Service Request (not a Signed Pre-Command) whose target is ``context.device``.
    context
        Time, Device, parties and counters; see ``TransformContext``.

    Returns
    -------
    Transformed
        The message without signature field; for a critical Service Request that is the Pre-Command.

    Raises
    ------
    ProtocolError
        By rule name when the request cannot be expressed for this Device, with the path of the element at fault.
    """
    if request.body_name == "SignedPreCommand":
        raise ProtocolError(
            rules.CANNOT_TRANSFORM, "a Signed Pre-Command is not transformed", place=place(request.body)
        )
    use_case = choose_use_case(request, context)
    if use_case.signer == "cos":
        if context.cos_party is None:
            raise ProtocolError(rules.CANNOT_TRANSFORM, "the CoS Party makes this Command", place=place(request.body))
        party = context.cos_party
        return _role_message(use_case, request, context, party, context.next_role_counter(party))
    if use_case.signer == "user" or user_is_originator(use_case, request, context):
        return _user_message(use_case, request, context)
    return _broker_message(use_case, request, context)


def _user_message(use_case: UseCase, request: DuisRequest, context: TransformContext) -> Transformed:
    """The User is the business originator, the RequestID's counter the Originator Counter."""
    return _finish(
        use_case, request, context, request.user, request.request_id.counter, code_alone(use_case.message_code)
    )


def _broker_message(use_case: UseCase, request: DuisRequest, context: TransformContext) -> Transformed:
    """The broker is the originator: on behalf of the User, or in its own right."""
    broker = context.broker
    if _BROKER not in use_case.originators:
        raise TransformError(
            rules.USER_NOT_KNOWN,
            f"{use_case.name} is only for a User whose credentials the Device holds",
            place(request.body),
        )
    certificate = None
    if use_case.encrypts:
        found = find(request.body, _KEY_AGREEMENT)
        if found is None:
            raise TransformError(
                rules.KEY_AGREEMENT_CERTIFICATE,
                "the Device does not know the User, so it needs his key agreement certificate",
                place(request.body, "KAPublicSecurityCredentials"),
            )
        certificate = _key_agreement_certificate(found, request.user)
    counter = context.next_role_counter(broker)
    if request.user == broker or use_case.is_dcc_own:
        return _role_message(use_case, request, context, broker, counter)
    other = OtherInformation(use_case.message_code, request.user, request.request_id.counter, None, certificate)
    return _finish(use_case, request, context, broker, counter, other)


def _key_agreement_certificate(element: Element, user: Eui64) -> bytes:
    """The User's key agreement certificate out of the body, or ``KEY_AGREEMENT_CERTIFICATE``."""
    try:
        certificate = certificate_of(element)
    except ProtocolError as error:
        raise TransformError(rules.KEY_AGREEMENT_CERTIFICATE, error.detail, place(element)) from None
    if certificate.usage is not Usage.KEY_AGREEMENT:
        raise TransformError(rules.KEY_AGREEMENT_CERTIFICATE, "it is not for key agreement", place(element))
    if certificate.eui != user:
        raise TransformError(rules.KEY_AGREEMENT_CERTIFICATE, f"it belongs to {certificate.eui}", place(element))
    return certificate.der


def _role_message(
    use_case: UseCase, request: DuisRequest, context: TransformContext, party: Eui64, counter: int
) -> Transformed:
    """A DCC role acts in its own right: nobody is named besides it."""
    return _finish(use_case, request, context, party, counter, code_alone(use_case.message_code))


def _finish(
    use_case: UseCase,
    request: DuisRequest,
    context: TransformContext,
    originator: Eui64,
    counter: int,
    other: OtherInformation,
) -> Transformed:
    is_dated = use_case.is_future_dated
    job = Job(
        body=request.body,
        context=context,
        originator=originator,
        counter=counter,
        reader=other.supplementary_party or originator,
        execution=request.execution_date_time if is_dated else None,
        is_cancellation=is_dated and request.is_cancellation,
    )
    message = GbcsMessage(CRA.COMMAND, counter, originator, request.device, other, command_of(use_case).payload(job))
    return Transformed(use_case.name, use_case.message_code, message, use_case.is_critical, use_case.signer)


def change_of_supplier(request: DuisRequest, cos_party: Eui64, counter: int, now: datetime) -> GbcsMessage:
    """The Command that puts a new Supplier's certificates on a Device, for the CoS Party to sign (CS02b mode 7).

    Raises
    ------
    ProtocolError
        When the request is not a 6.23, or cannot be expressed.
    """
    if request.service_reference_variant != "6.23":
        raise ProtocolError(
            rules.CANNOT_TRANSFORM, f"{request.service_reference_variant} is not 6.23", place=place(request.body)
        )
    use_case = catalogue().use_cases["CS02bSupplierByTransCoS"]
    context = TransformContext(
        now=now,
        device=DeviceView(request.device, ""),
        broker=cos_party,
        user_is_known=False,
        next_role_counter=lambda party: counter,
    )
    return _role_message(use_case, request, context, cos_party, counter).message


def command_from_pre_command(signed: GbcsMessage, acb_secret: bytes) -> GbcsMessage:
    """The Command of a Signed Pre-Command: the broker's MAC around it (section 5.1).

    ``acb_secret`` is the shared secret of the broker's and the Device's key agreement keys.
    """
    if not signed.signature:
        raise ProtocolError("PRE_COMMAND_SIGNATURE", "the Pre-Command is not signed")
    return add_mac(replace(signed, mac=None), acb_secret)
