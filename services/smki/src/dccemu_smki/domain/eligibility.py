"""Who may subscribe for which certificate: the standard's two tables as data (``data/eligibility.json``).

Organisation Certificates by Remote Party Role, Device Certificates by type and inventory status of the Device
(SEC stage 4, paragraphs 175 to 179; smki.md section 3).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NotRequired, TypedDict

from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import RemotePartyRole

from .errors import NOT_ELIGIBLE

DCC = "DCC"  # the Party ID of the DCC itself
_SOURCE = "SEC stage 4, 175-179; smki.md section 3"


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """One Remote Party Role: whether only the DCC may, and which Users may."""

    role: int
    name: str
    dcc: bool
    user_roles: frozenset[str]
    any_party: bool
    remote_party_role: int | None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """Some Device types: whether the DCC may, the roles of the Responsible Supplier, and when nobody else may."""

    types: frozenset[str]
    dcc: bool
    responsible: frozenset[str]
    closed_in: frozenset[str]

    @property
    def is_open_before(self) -> bool:
        """Whether any Party may subscribe while the Device is in none of ``closed_in``."""
        return bool(self.closed_in)


@dataclass(frozen=True, slots=True)
class Applicant:
    """The Party that asks, as the record of Parties has it: User Roles by User ID, and Remote Party Roles."""

    party: str
    user_roles: Mapping[str, frozenset[str]]
    remote_party_roles: Mapping[str, int | None]

    @property
    def is_dcc(self) -> bool:
        return self.party == DCC

    def owns(self, eui: Eui64) -> bool:
        return str(eui) in self.user_roles

    def all_roles(self) -> frozenset[str]:
        return frozenset().union(*self.user_roles.values()) if self.user_roles else frozenset()


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What the inventory says of a Device. ``responsible`` are the User IDs of its Responsible Suppliers."""

    type: str
    status: str | None
    responsible: frozenset[str]


@cache
def organisation_rows() -> Mapping[int, OrganisationRow]:
    """The table by Remote Party Role."""
    rows = {}
    for row in _document()["organisation"]:
        rows[row["role"]] = OrganisationRow(
            row["role"],
            row["name"],
            row["dcc"],
            frozenset(row["user_roles"]),
            row["any_party"],
            row.get("remote_party_role"),
        )
    if set(rows) != {int(role) for role in RemotePartyRole}:
        raise EmulatorError("eligibility.json does not have exactly the Remote Party Roles")
    return rows


@cache
def device_rows() -> Mapping[str, DeviceRow]:
    """The table by Device type."""
    rows: dict[str, DeviceRow] = {}
    for row in _document()["device"]:
        made = DeviceRow(
            frozenset(row["types"]), row["dcc"], frozenset(row["responsible"]), frozenset(row["other_before"])
        )
        for device_type in made.types:
            if device_type in rows:
                raise EmulatorError(f"eligibility.json names {device_type} twice")
            rows[device_type] = made
    return rows


@cache
def ad_hoc_roles() -> frozenset[str]:
    """User Roles that may use the ad hoc Device CSR web service (smki.md section 5.2)."""
    return frozenset(_document()["ad_hoc_service"]["user_roles"])


def check_organisation(applicant: Applicant, eui: Eui64, role: int) -> None:
    """Check that a Party is an Eligible Subscriber for an Organisation Certificate of a role.

    Raises
    ------
    ProtocolError
        ``NOT_ELIGIBLE`` with the row of the table that refuses.
    """
    row = organisation_rows().get(role)
    if row is None:
        raise _refused(f"{role} is not a Remote Party Role that is issued")
    if row.dcc or applicant.is_dcc:
        if row.dcc and applicant.is_dcc:
            return
        wanted = "the DCC" if row.dcc else "Parties other than the DCC"
        raise _refused(f"role {role} ({row.name}) is for {wanted}, not for {applicant.party}")
    if not applicant.owns(eui):
        raise _refused(f"{eui} is not a User ID of {applicant.party}")
    if row.any_party or row.user_roles & applicant.all_roles():
        return
    if row.remote_party_role is not None and applicant.remote_party_roles.get(str(eui)) == row.remote_party_role:
        return
    needed = " or ".join(sorted(row.user_roles)) or f"Remote Party Role {row.remote_party_role}"
    raise _refused(f"role {role} ({row.name}) needs a Party with {needed}; {applicant.party} has none")


def check_device(applicant: Applicant, device: Eui64, record: DeviceRecord | None) -> None:
    """Check that a Party is an Eligible Subscriber for a certificate of a Device.

    Raises
    ------
    ProtocolError
        ``NOT_ELIGIBLE``.
    """
    if record is None:
        return
    row = device_rows().get(record.type)
    if row is None:
        raise _refused(f"{device} is a {record.type}: such Devices hold no certificates")
    if applicant.is_dcc and row.dcc:
        return
    if _is_responsible(applicant, row.responsible, record.responsible):
        return
    if row.is_open_before and record.status not in row.closed_in:
        return
    if row.is_open_before:
        raise _refused(f"{device} is {record.status}: only its Responsible Supplier may, not {applicant.party}")
    raise _refused(f"{record.type} {device}: only the DCC{' or the Gas Supplier' if row.responsible else ''} may")


def check_ad_hoc(applicant: Applicant) -> None:
    """The ad hoc web service is for Import Suppliers, Gas Suppliers and the DCC (smki.md section 5.2).

    Raises
    ------
    ProtocolError
        ``NOT_ELIGIBLE``.
    """
    if not applicant.is_dcc and not ad_hoc_roles() & applicant.all_roles():
        raise _refused(f"{applicant.party} is neither Import Supplier nor Gas Supplier")


def _is_responsible(applicant: Applicant, roles: Iterable[str], suppliers: frozenset[str]) -> bool:
    wanted = frozenset(roles)
    return any(user in suppliers and wanted & held for user, held in applicant.user_roles.items())


def _refused(detail: str) -> ProtocolError:
    return ProtocolError(NOT_ELIGIBLE, detail, source=_SOURCE)


class _OrganisationData(TypedDict):
    role: int
    name: str
    dcc: bool
    user_roles: list[str]
    any_party: bool
    remote_party_role: NotRequired[int]


class _DeviceData(TypedDict):
    types: list[str]
    dcc: bool
    responsible: list[str]
    other_before: list[str]


class _ServiceData(TypedDict):
    user_roles: list[str]
    dcc: bool


class _Document(TypedDict):
    organisation: list[_OrganisationData]
    device: list[_DeviceData]
    ad_hoc_service: _ServiceData


def _document() -> _Document:
    document: _Document = json.loads(files(__package__).joinpath("data/eligibility.json").read_text("utf-8"))
    return document
