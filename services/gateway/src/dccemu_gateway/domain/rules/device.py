"""Checks 14 to 20: the Device, its status, its model, and the User's entitlement to it."""

from __future__ import annotations

from dccemu_contracts.consent import SERVICE_CLASSES
from dccemu_contracts.installation import installing_role
from dccemu_protocol import catalogue
from dccemu_protocol.duis import read_date_time
from dccemu_protocol.duis.names import sr

from ..examination import Examination
from ..refusal import Refusal
from ..status import ALLOWED, OFF_LIST_SERVICES
from .services.installation import installation_request

OTHER_USER = "OU"
SUPPLIER_ROLES = frozenset({"IS", "GS", "ES"})


def device_known(examination: Examination) -> None:
    """14: the Device is in the inventory; the DCC talks only to inventory Devices."""
    if examination.service_request.non_device:
        return
    device = examination.device_text
    fact = examination.directory.device(device)
    if fact is None:
        raise Refusal("UNKNOWN_DEVICE", expected="a Device of the inventory", got=device, place="RequestID")
    examination.target = fact


def device_type_fits(examination: Examination) -> None:
    """15: the Device type can perform the service."""
    variant = examination.service_request
    if variant.non_device:
        return
    kind = "ESME" if examination.target.type == "SAPC" else examination.target.type
    if kind not in variant.target_device_types:
        raise Refusal(
            "DEVICE_CANNOT",
            expected=f"{', '.join(sorted(variant.target_device_types))} for {variant.srv}",
            got=examination.target.type,
        )


def status_allows(examination: Examination) -> None:
    """16: the SMI status allows the service (section 3)."""
    variant = examination.service_request
    if variant.non_device or examination.target.status is None:
        return
    status = examination.target.status
    words, allows = ALLOWED.get(status, ALLOWED["Decommissioned"])
    if not allows(variant, examination.submitted.command_variant):
        raise Refusal(
            "STATUS_FORBIDS",
            expected=f"a service that status {status} allows: {words}",
            got=f"{variant.srv} with Command Variant {examination.submitted.command_variant}",
        )


def model_listed(examination: Examination) -> None:
    """17: the Device Model is on the Central Products List, or the service may bring it back (section 4)."""
    variant = examination.service_request
    if variant.non_device or variant.srv in OFF_LIST_SERVICES:
        return
    listed = examination.target.cpl_status
    if listed is not None and listed != "Active":
        raise Refusal(
            "OFF_PRODUCTS_LIST",
            expected="a Device Model on the Central Products List",
            got=f"{examination.target.manufacturer} {examination.target.model}, whose entry is {listed}",
        )


def user_entitled(examination: Examination) -> None:
    """19: registration data show the User in an eligible role for that Device at the time that matters (section 5)."""
    variant = examination.service_request
    if variant.non_device:
        return
    user, device = examination.sender, examination.target
    role = examination.directory.entitled_role(user.eui, examination.roles, device, examination.moment)
    if role is None:
        role = installing_role(installation_request(examination))
    if role is None:
        raise Refusal(
            "NOT_REGISTERED",
            expected=f"{user.eui} registered as {' or '.join(examination.roles)} for {device.device}"
            f" at {examination.moment.isoformat()}",
            got="no such registration",
        )
    examination.role = role


def consent_recorded(examination: Examination) -> None:
    """19: an Other User has the Energy Consumer's consent for consumption data and for Type 2 Devices (section 14).

    Nobody checks it in the real system; the emulator notes what is recorded, and refuses only when told to.
    """
    if examination.role != OTHER_USER or examination.service_request.srv not in SERVICE_CLASSES:
        return
    user, srv = examination.user_text, examination.service_request.srv
    found = examination.directory.consent(user, srv, examination.target, examination.moment)
    examination.consent = found or ""
    if found is None and examination.policy.refuse_without_consent:
        raise Refusal(
            "NOT_REGISTERED",
            expected=f"a consent for {SERVICE_CLASSES[srv]} at {examination.device_text}, recorded by {user}",
            got="none at that time",
        )


_PERIOD, _START, _END = sr("ReadLogPeriod"), sr("StartDateTime"), sr("EndDateTime")


def period_in_own_time(examination: Examination) -> None:
    """19: for a log read each date of the period lies in the User's own time at the metering point (refuse [P])."""
    if examination.submitted.is_signed_pre_command or examination.service_request.non_device:
        return
    period = next(examination.submitted.body.iterchildren(_PERIOD), None)
    if period is None:
        return
    start, end = (read_date_time(period.findtext(name) or "") for name in (_START, _END))
    until = min(end, examination.moment)
    if start > until:
        return
    user, device = examination.sender, examination.target
    if not examination.directory.entitled_throughout(user.eui, (examination.role,), device, start, until):
        raise Refusal(
            "NOT_REGISTERED",
            expected=f"{user.eui} registered as {examination.role} on every date from {start.date()} to {until.date()}",
            got="a date that is another's",
            place="ReadLogPeriod",
        )


def local_delivery_allowed(examination: Examination) -> None:
    """20: role and status permit local delivery [P]: Suppliers always, others once the Device is commissioned."""
    if examination.submitted.command_variant not in catalogue.LOCAL_DELIVERY_VARIANTS:
        return
    if examination.role in SUPPLIER_ROLES or examination.target.status == "Commissioned":
        return
    raise Refusal(
        "LOCAL_DELIVERY",
        expected="a Supplier, or a commissioned Device",
        got=f"{examination.role} for a Device that is {examination.target.status}",
    )
