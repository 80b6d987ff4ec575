"""The User Entry Process, and which User Roles fit together (registration-and-parties.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection

from dccemu_protocol.errors import ProtocolError

SUPPLIER_ROLES = frozenset({"IS", "ES", "GS"})
NETWORK_ROLES = frozenset({"ED", "GT"})
ROLES = SUPPLIER_ROLES | NETWORK_ROLES | {"RSA", "OU"}

ELEMENTS: tuple[str, ...] = (
    "accession",
    "user id",
    "authorised subscriber",
    "gateway connection",
    "entry process tests",
    "security assessment",
    "credit cover",
    "anomaly thresholds",
    "contacts and forecasts",
)
PRIVACY = "privacy assessment"


def elements_of(role: str) -> tuple[str, ...]:
    """List what must be done before a role becomes active; the privacy assessment is for Other Users only."""
    return (*ELEMENTS, PRIVACY) if role == "OU" else ELEMENTS


def status_after(role: str, done: Collection[str]) -> str:
    """Give the entry status that follows from what is done."""
    wanted = elements_of(role)
    if all(element in done for element in wanted):
        return "Active"
    if "entry process tests" in done:
        return "Eligible"
    return "Testing" if {"authorised subscriber", "gateway connection"} <= set(done) else "Applied"


def check_roles(roles: Collection[str]) -> None:
    """One User ID may serve several roles only where they do not conflict.

    Raises
    ------
    ProtocolError
        ``BAD_ROLE`` or ``ROLES_CONFLICT``.
    """
    unknown = set(roles) - ROLES
    if unknown or not roles:
        raise ProtocolError("BAD_ROLE", f"no User Role {', '.join(sorted(unknown)) or '(none given)'}", place="roles")
    if SUPPLIER_ROLES & set(roles) and NETWORK_ROLES & set(roles):
        raise ProtocolError("ROLES_CONFLICT", "a supplier's and a network operator's role need User IDs of their own")


def remote_party_role(roles: Collection[str]) -> int:
    """Give the Remote Party Role of the certificates that go with the roles (section 2, table)."""
    if {"IS", "GS"} & set(roles):
        return 2
    return 3 if NETWORK_ROLES & set(roles) else 127
