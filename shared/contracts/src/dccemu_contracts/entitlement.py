"""Who is entitled to a Device, and who is responsible for it, at an instant (check 19, response code E4).

One function for the gateway, the inventory and the CoS Party, each working on its own projection. Sources:
service-request-processing.md section 5 (the table of roles), registration-and-parties.md section 4.4 (registered at a
time) and section 2 (Responsible Supplier).

Time: an instant is turned into the UK local date, and a registration is in force from 00:00 UK local time of its
effective-from date (section 4.4). Gas uses the same hour unless ``SWITCH_HOUR`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from .inventory import DeviceFact, RegistrationFact, RoleSpan

UK = ZoneInfo("Europe/London")
SWITCH_HOUR: Mapping[str, int] = {"electricity": 0, "gas": 0}
"""Local hour at which a new registration takes over, by fuel; the gas day of settlement would be 5."""

Point = Literal["import", "export", "gas", "any"]


@dataclass(frozen=True, slots=True)
class RoleRule:
    """One row of the entitlement table: at which points, on which Devices, a role counts."""

    role: str
    points: Point
    device_types: frozenset[str]
    joined: bool
    """Whether Devices joined to the meter count as well."""


def _types(text: str) -> frozenset[str]:
    return frozenset(text.split())


RULES: tuple[RoleRule, ...] = (
    RoleRule("IS", "import", _types("ESME HCALCS SAPC PPMID IHD CAD CHF"), joined=True),
    RoleRule("GS", "gas", _types("GSME GPF PPMID IHD CAD CHF"), joined=True),
    RoleRule("ES", "export", _types("ESME"), joined=False),
    RoleRule("ED", "import", _types("ESME"), joined=False),
    RoleRule("GT", "gas", _types("GSME GPF"), joined=False),
    RoleRule("RSA", "any", _types("ESME GSME GPF"), joined=False),
)
"""service-request-processing.md section 5. OU is not here: nobody checks registration for an Other User."""

SUPPLIER_ROLES = frozenset({"IS", "GS"})
METERS = frozenset({"ESME", "GSME"})
_GONE = frozenset({"Decommissioned", "Withdrawn"})


class Records(Protocol):
    """What the rules read: a projection of the inventory's facts."""

    def device(self, eui: str) -> DeviceFact | None: ...

    def on_hub(self, hub: str) -> Iterable[DeviceFact]: ...

    def registration(self, mpxn: str) -> RegistrationFact | None: ...


def uk_date(at: datetime, switch_hour: int = 0) -> date:
    """Give the UK local date of an instant, for days that begin at ``switch_hour`` local time."""
    local = at.astimezone(UK)
    return (local - timedelta(days=1)).date() if local.hour < switch_hour else local.date()


def starts_at(day: date, switch_hour: int = 0) -> datetime:
    """Give the instant at which a UK local day begins, in UTC."""
    return datetime.combine(day, time(switch_hour), tzinfo=UK).astimezone(UTC)


class UkDays:
    """UK local dates of instants: most are of the day of the one before, which is remembered with its bounds."""

    def __init__(self) -> None:
        self._date = date.min
        self._since = self._until = datetime.max.replace(tzinfo=UTC)

    def date_of(self, at: datetime) -> date:
        """Give the UK local date of an instant."""
        if not self._since <= at < self._until:
            self._date = day = uk_date(at)
            self._since, self._until = starts_at(day), starts_at(day + timedelta(days=1))
        return self._date


def span_at(fact: RegistrationFact, role: str, at: datetime) -> RoleSpan | None:
    """Find the registration in force: greatest effective-from not after the day, not ended, not cancelled."""
    day = uk_date(at, SWITCH_HOUR[fact.fuel])
    in_force = [
        span
        for span in fact.spans
        if span.role == role
        and not span.cancelled
        and span.effective_from <= day
        and (span.effective_to is None or span.effective_to >= day)
    ]
    return max(in_force, key=lambda span: span.effective_from, default=None)


def holder(fact: RegistrationFact | None, role: str, at: datetime) -> str | None:
    """Give the User ID that holds a role at a meter point at an instant."""
    if fact is None or fact.removed:
        return None
    span = span_at(fact, role, at)
    return span.user if span else None


def holders(records: Records, mpxns: Iterable[str], role: str, at: datetime) -> frozenset[str]:
    """Give the User IDs that hold a role at any of the points."""
    found = (holder(records.registration(mpxn), role, at) for mpxn in mpxns)
    return frozenset(user for user in found if user)


def meters_of(device: DeviceFact, records: Records) -> tuple[DeviceFact, ...]:
    """List the Smart Meters through which a Device belongs to a Smart Metering System.

    A meter is its own; a Communications Hub and its Gas Proxy Function stand for the meters on the hub (the GPF for gas
    ones), another Device for the meters it is joined to or, before it is joined, for those on its hub.
    """
    if device.type in METERS:
        return (device,)
    joined: list[DeviceFact] = []
    for eui in device.meters:
        other = records.device(eui)
        if other is None:
            continue
        joined += meters_of(other, records) if other.type == "GPF" else [other]
    if joined:
        return tuple(joined)
    hub = device.device if device.type == "CHF" else device.hub
    if hub is None:
        return ()
    meters = [other for other in records.on_hub(hub) if other.type in METERS and other.status not in _GONE]
    if device.type == "GPF":
        meters = [meter for meter in meters if meter.type == "GSME"]
    return tuple(meters)


def points_of(device: DeviceFact, kind: Point, records: Records) -> tuple[str, ...]:
    """List the MPxNs of one kind that a Device hangs on, primary first."""
    return tuple(dict.fromkeys(_points(device, kind, records)))


def _points(device: DeviceFact, kind: Point, records: Records) -> Iterator[str]:
    for meter in meters_of(device, records):
        electric = meter.type == "ESME"
        if kind in ("import", "any") and electric:
            imports = [mpan for mpan in (meter.import_mpxn, meter.secondary_import_mpan) if mpan]
            # Without a related Import MPAN the Export MPAN decides (glossary, "Import Supplier").
            yield from imports or [mpan for mpan in (meter.export_mpan,) if mpan]
        if kind in ("export", "any") and electric and meter.export_mpan:
            yield meter.export_mpan
        if kind in ("gas", "any") and not electric and meter.import_mpxn:
            yield meter.import_mpxn
    if kind in ("gas", "any") and device.type == "GPF" and device.import_mpxn:
        yield device.import_mpxn


def _holds(role: str, user: str, mpxns: Iterable[str], records: Records, at: datetime) -> bool:
    # A role at an import point that has no Import MPAN is read as the Export Supplier's (see _points).
    for mpxn in mpxns:
        fact = records.registration(mpxn)
        if holder(fact, role, at) == user:
            return True
        if role == "IS" and fact is not None and holder(fact, "IS", at) is None and holder(fact, "ES", at) == user:
            return True
    return False


def entitled_role(
    user: str, roles: Sequence[str], device: DeviceFact, records: Records, at: datetime, *, mpxns: Sequence[str] = ()
) -> str | None:
    """Find the role by which a User is entitled to a Device at an instant.

    Parameters
    ----------
    user
        User ID, hyphened upper case.
    roles
        The roles that the User holds and that are eligible for the Service Request Variant.
    device
        The target Device.
    at
        Now; for a future-dated request its ExecutionDateTime; for a scheduled one each run.
    mpxns
        Points named by the request itself (``ImportMPxN`` of 6.23): if given, they decide instead of the inventory's.

    Returns
    -------
    str | None
        The role, or None: the gateway answers E4.
    """
    for role in roles:
        if role == "OU":
            return role
    for rule in RULES:
        if rule.role not in roles or device.type not in rule.device_types:
            continue
        if mpxns:
            if _holds(rule.role, user, mpxns, records, at):
                return rule.role
            continue
        points = points_of(device, rule.points, records)
        if device.type == "CHF" and rule.role in SUPPLIER_ROLES and not _any_point(device, records):
            return rule.role  # A hub without meters: any Supplier may begin to install (inventory.md section 4).
        if not points and device.notified_by == user and rule.role in SUPPLIER_ROLES and _not_installed(device):
            return rule.role
        if _holds(rule.role, user, points, records, at):
            return rule.role
    if device.type == "GPF" and SUPPLIER_ROLES & set(roles) and not points_of(device, "gas", records):
        return _before_gas(user, roles, device, records, at)
    return None


def _any_point(device: DeviceFact, records: Records) -> bool:
    return bool(points_of(device, "any", records))


def _not_installed(device: DeviceFact) -> bool:
    return device.status in ("Pending", "Whitelisted", "InstalledNotCommissioned") or device.status is None


def _before_gas(user: str, roles: Sequence[str], gpf: DeviceFact, records: Records, at: datetime) -> str | None:
    """A GPF without a gas meter follows its hub."""
    hub = records.device(gpf.hub) if gpf.hub else None
    return entitled_role(user, roles, hub, records, at) if hub else None


def entitled_throughout(
    user: str, roles: Sequence[str], device: DeviceFact, records: Records, start: datetime, end: datetime
) -> bool:
    """Whether a User is entitled on every date of a period: log reads (service-request-processing.md section 5)."""
    moments = {start, end}
    for mpxn in points_of(device, "any", records):
        fact = records.registration(mpxn)
        for span in fact.spans if fact else ():
            hour = SWITCH_HOUR[fact.fuel] if fact else 0
            moments.add(starts_at(span.effective_from, hour))
            if span.effective_to is not None:
                moments.add(starts_at(span.effective_to + timedelta(days=1), hour))
    return all(
        entitled_role(user, roles, device, records, at) is not None for at in moments if start <= at <= max(start, end)
    )


def responsible_suppliers(device: DeviceFact, records: Records, at: datetime) -> frozenset[str]:
    """Give the Responsible Supplier of a Device; of a hub or of a Device on both fuels all of them."""
    return frozenset(_responsible(device, records, at))


def _responsible(device: DeviceFact, records: Records, at: datetime) -> Iterator[str]:
    for meter in meters_of(device, records) or ((device,) if device.type == "GPF" else ()):
        gas = meter.type != "ESME"
        # A twin element meter follows its primary Import MPAN (registration-and-parties.md section 2).
        for mpxn in points_of(meter, "gas" if gas else "import", records)[:1]:
            fact = records.registration(mpxn)
            user = holder(fact, "GS", at) if gas else holder(fact, "IS", at) or holder(fact, "ES", at)
            if user:
                yield user


def network_operators(device: DeviceFact, records: Records, at: datetime) -> frozenset[str]:
    """Give the Electricity Distributor and the Gas Transporter registered for a Device's points."""
    electric = holders(records, points_of(device, "import", records), "ED", at)
    return electric | holders(records, points_of(device, "gas", records), "GT", at)


def registered_at(records: Records, mpxn: str, user: str, roles: Sequence[str], at: datetime) -> bool:
    """Whether a User holds one of the roles at one meter point at an instant (6.23, 8.11)."""
    return any(_holds(role, user, (mpxn,), records, at) for role in roles)
