"""Checks 6 to 8: who is the User and may it ask for this service at all."""

from __future__ import annotations

from dccemu_protocol import catalogue

from ..examination import Examination
from ..refusal import Refusal

ENROLMENT = frozenset({"12.2", "8.1.1", "8.7.1", "8.7.2", "8.11"})
"""Services that initiate enrolment (section 15)."""


def user_known(examination: Examination) -> None:
    """6: the originator is a User ID of an acceded Party with at least one User Role."""
    originator = examination.user_text
    user = examination.directory.user(originator)
    if user is None or not user.roles:
        raise Refusal(
            "UNKNOWN_USER",
            expected="a User ID of an acceded Party with at least one User Role",
            got=f"{originator}, " + ("not known" if user is None else "without a role"),
            place="/Request/Header/RequestID",
        )
    examination.sender = user
    examination.variant = catalogue.service_requests.get(examination.submitted.service_reference_variant)


def user_may_send(examination: Examination) -> None:
    """7: entry process complete and rights not suspended for this class of service (section 15)."""
    user, srv = examination.sender, examination.submitted.service_reference_variant
    if not user.is_gateway_user or not user.active_roles:
        held = ", ".join(f"{role} is {status}" for role, status in user.roles.items())
        raise Refusal("USER_SUSPENDED", expected="a User Role whose entry process is complete", got=held or "none")
    suspended = [one for one in user.suspended_services if one in service_classes(srv, examination)]
    if suspended:
        raise Refusal("USER_SUSPENDED", expected=f"rights to {srv}", got=f"suspended for {', '.join(suspended)}")


def service_classes(srv: str, examination: Examination) -> frozenset[str]:
    """The names under which a service can be suspended: its SRV, its group, ``enrolment``, ``device``, ``all``."""
    names = {srv, srv.partition(".")[0], "all"}
    if srv in ENROLMENT:
        names.add("enrolment")
    variant = examination.variant
    if variant is not None:
        names.add("non-device" if variant.non_device else "device")
    return frozenset(names)


def role_eligible(examination: Examination) -> None:
    """8: at least one held role is eligible for the Service Reference Variant."""
    variant = examination.variant
    if variant is None:  # An unknown variant is the business of check 9.
        return
    user = examination.sender
    eligible = variant.eligible_user_roles
    roles = tuple([role for role in user.active_roles if role in eligible])
    if roles:
        examination.roles = roles
        return
    held = [role for role in user.roles if role in eligible]
    if not held:
        raise Refusal(
            "NOT_ELIGIBLE",
            expected=f"one of the roles {', '.join(sorted(eligible)) or '(none is eligible)'} for {variant.srv}",
            got=", ".join(user.roles),
        )
    raise Refusal(
        "USER_SUSPENDED",
        expected=f"a complete entry process as {' or '.join(held)}",
        got=", ".join(f"{role} is {user.roles[role]}" for role in held),
    )
