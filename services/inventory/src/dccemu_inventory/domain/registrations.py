"""Applying feed records to the registrations of meter points."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from dccemu_contracts.inventory import RegistrationFact, RoleSpan

from .feed_files import Fuel
from .feeds import FeedRow

RegisteredRole = Literal["IS", "ES", "GS", "ED", "GT", "RSA"]
UserOf = Callable[[str, str], str]
"""Market participant id and role to User ID; raises ValueError with the reason where there is none."""


def supplier_role(row: FeedRow, fuel: Fuel) -> RegisteredRole:
    """Give the role that the supplier of a record holds."""
    if fuel == "gas":
        return "GS"
    return "IS" if row.direction == "import" else "ES"


def apply_row(
    fact: RegistrationFact | None, row: FeedRow, fuel: Fuel, user_of: UserOf, now: datetime
) -> RegistrationFact:
    """Insert, update or delete one registration, and take over what the record says of the point.

    Raises
    ------
    ValueError
        With the reason, when the record does not fit what is held.
    """
    role = supplier_role(row, fuel)
    if fact is not None and not fact.removed and fact.fuel != fuel:
        raise ValueError(f"{row.point} is a point of {fact.fuel}")
    spans = list(fact.spans) if fact is not None and not fact.removed else []
    same = [span for span in spans if span.role == role and span.effective_from == row.effective_from]
    if row.action == "D":
        if not same:
            raise ValueError(f"no registration as {role} from {row.effective_from} to delete")
        spans = [span for span in spans if span not in same]
    else:
        if row.action == "U" and not same:
            raise ValueError(f"no registration as {role} from {row.effective_from} to update")
        spans = [span for span in spans if span not in same]
        spans.append(_supplier(row, role, user_of))
        spans = _with(spans, "GT" if fuel == "gas" else "ED", row.network, date.min, None, user_of)
        if row.agent is not None:
            spans = _with(spans, "RSA", row.agent, row.agent_from or row.effective_from, row.agent_to, user_of)
    ordered = tuple(sorted(spans, key=lambda span: (span.role, span.effective_from)))
    only_network = not [span for span in ordered if span.role in ("IS", "ES", "GS")]
    base = {"id": row.point, "at": now, "version": 0, "mpxn": row.point, "fuel": fuel}
    return RegistrationFact.model_validate(
        {
            **base,
            "direction": row.direction,
            "spans": ordered,
            "status": row.status,
            "energised": row.energised,
            "network": row.network,
            "domestic": row.domestic,
            "uprn": row.uprn,
            "post_code": row.post_code,
            "address_identifier": row.address_identifier,
            "removed": only_network and row.action == "D",
        }
    )


def _supplier(row: FeedRow, role: RegisteredRole, user_of: UserOf) -> RoleSpan:
    # An objection that is raised and not lifted holds the change of registered person up (section 4.2).
    return _span(role, user_of(row.supplier, role), row.effective_from, row.effective_to, row.supplier, row.objection)


def _with(
    spans: list[RoleSpan], role: RegisteredRole, participant: str, since: date, until: date | None, user_of: UserOf
) -> list[RoleSpan]:
    """Put in a network operator or agent; the same holder's span from the same day is replaced."""
    if role in ("ED", "GT"):
        held = [span for span in spans if span.role == role]
        if any(span.participant == participant for span in held):
            return spans
        rest = [span for span in spans if span.role != role]
    else:
        rest = [span for span in spans if not (span.role == role and span.effective_from == since)]
    return [*rest, _span(role, user_of(participant, role), since, until, participant, "none")]


@lru_cache(maxsize=4096)
def _span(
    role: RegisteredRole,
    user: str,
    since: date,
    until: date | None,
    participant: str,
    objection: Literal["none", "raised", "lifted"],
) -> RoleSpan:
    """A span; the same holder from the same day is the same value at very many points."""
    return RoleSpan(
        role=role,
        user=user,
        effective_from=since,
        effective_to=until,
        cancelled=objection == "raised",
        participant=participant,
        objection=objection,
    )
