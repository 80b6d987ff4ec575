"""Suspension of rights after an Event of Default, M8.6 as proposed (service-request-processing.md section 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dccemu_contracts.inventory import PartyFact, UserFact


@dataclass(frozen=True, slots=True)
class Right:
    """A right that the Panel may suspend. ``roles`` loses whole User Roles, ``services`` classes of service."""

    name: str
    words: str
    needs_approval: bool
    other_user: bool | None = None
    services: tuple[str, ...] = ()


RIGHTS: Mapping[str, Right] = {
    right.name: right
    for right in (
        Right("other-user", "Core Communication and Local Command Services in the Other User role", False, True),
        Right("core", "the same in any other role", True, False),
        Right("elective", "Elective Communication Services", True, services=("elective",)),
        Right("enrolment", "initiating enrolment (12.2, 8.1.1, 8.7, 8.11)", True, services=("enrolment",)),
        Right("other", "any other Services", True),
    )
}


def suspended(party: PartyFact, right: Right, services: tuple[str, ...]) -> PartyFact:
    """Give the Party with the right taken away."""
    return party.model_copy(update={"users": tuple(_without(user, right, services) for user in party.users)})


def restored(party: PartyFact, right: Right, services: tuple[str, ...]) -> PartyFact:
    """Give the Party with the right given back."""
    return party.model_copy(update={"users": tuple(_with(user, right, services) for user in party.users)})


def _concerned(role: str, right: Right) -> bool:
    return right.other_user is not None and (role == "OU") is right.other_user


def _without(user: UserFact, right: Right, services: tuple[str, ...]) -> UserFact:
    roles = {
        role: "Suspended" if status == "Active" and _concerned(role, right) else status
        for role, status in user.roles.items()
    }
    named = tuple(dict.fromkeys((*user.suspended_services, *(right.services or services))))
    return user.model_copy(update={"roles": roles, "suspended_services": named})


def _with(user: UserFact, right: Right, services: tuple[str, ...]) -> UserFact:
    roles = {
        role: "Active" if status == "Suspended" and _concerned(role, right) else status
        for role, status in user.roles.items()
    }
    given_back = right.services or services
    named = tuple(name for name in user.suspended_services if name not in given_back)
    return user.model_copy(update={"roles": roles, "suspended_services": named})
