"""Statuses of a Device in the Smart Metering Inventory: one table that code, tests and documents read.

The table is inventory.md section 3.1 with its row numbers. An *event* is what the DCC learnt or was asked; a row says
for which Device types it leads from which statuses to which. What no row names is not allowed. Three answers are not
plain statuses: ``NO_STATUS`` (Type 2 Devices have none), ``REMOVED`` (the record goes) and ``PRIOR`` (the status held
just before: suspension and recovery remember it).

Choices of this project, because the source is silent: SAPC follows HCALCS; "any" in row 12 does not include
Decommissioned, which nothing leaves but row 22; an event that finds its target status already reached changes nothing
where ``repeatable`` says so (the same answer may arrive by two ways).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dccemu_protocol.errors import ProtocolError

STATUSES: tuple[str, ...] = (
    "Pending",
    "Whitelisted",
    "InstalledNotCommissioned",
    "Commissioned",
    "Decommissioned",
    "Withdrawn",
    "Suspended",
    "Recovery",
    "Recovered",
)
TYPE_2 = frozenset({"IHD", "CAD"})
METERS = frozenset({"ESME", "GSME"})
TYPE_1 = frozenset({"HCALCS", "PPMID", "SAPC"})
HUBS = frozenset({"CHF", "GPF"})
EVERY_TYPE = METERS | TYPE_1 | HUBS | TYPE_2
NOT_TYPE_2 = METERS | TYPE_1 | HUBS

NEW = "(new)"
NO_STATUS = "(no status)"
REMOVED = "(removed)"
PRIOR = "(prior)"


class Event(StrEnum):
    """What moves a status."""

    NOTIFIED = "notified"
    WHITELISTED = "whitelisted"
    WHITELISTED_LOCALLY = "whitelisted locally"
    INSTALLED_WITHOUT_WAN = "installed without SM WAN"
    FIRST_CONTACT = "first contact confirmed"
    HUB_IN_PLACE = "hub in place"
    CLOCK_SET = "clock set reliably"
    GAS_METER_JOINED = "gas meter joined"
    JOINS_COMPLETE = "joins complete"
    SET_PENDING = "set Pending"
    SET_INSTALLED = "set InstalledNotCommissioned"
    SET_COMMISSIONED = "set Commissioned"
    SET_WITHDRAWN = "set Withdrawn"
    DECOMMISSIONED = "decommissioned"
    OPTED_OUT = "opted out"
    OPTED_IN = "opted in"
    LEFT_PRODUCTS_LIST = "left the products list"
    BACK_ON_PRODUCTS_LIST = "back on the products list"
    RECOVERY_STARTED = "recovery started"
    BROKER_CREDENTIALS_PLACED = "broker credentials placed"
    RECOVERY_DONE = "recovery done"
    HANDED_OVER = "recovered cells handed over"
    NOTIFIED_AGAIN = "notified again"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Transition:
    """A row of the table."""

    row: str
    event: Event
    sources: frozenset[str]
    target: str
    device_types: frozenset[str]
    trigger: str
    repeatable: bool = False


def _of(*names: str) -> frozenset[str]:
    return frozenset(names)


_PENDING, _WHITE, _INC, _COMM = "Pending", "Whitelisted", "InstalledNotCommissioned", "Commissioned"
_DECOM, _WITHDRAWN, _SUSPENDED = "Decommissioned", "Withdrawn", "Suspended"
_JOINABLE = _of("ESME", "GSME", "HCALCS", "PPMID", "SAPC")
_CHF = _of("CHF")
_ANY_LIVE = frozenset(STATUSES) - {_DECOM}

TABLE: tuple[Transition, ...] = (
    Transition("1", Event.NOTIFIED, _of(NEW), _PENDING, NOT_TYPE_2, "SR 12.2 accepted; CHF and GPF: by the DCC"),
    Transition("1b", Event.NOTIFIED, _of(NEW), NO_STATUS, TYPE_2, "SR 12.2 accepted"),
    Transition(
        "2", Event.WHITELISTED, _of(_PENDING), _WHITE, _JOINABLE, "success of SR 8.11 Add, or Alert 8F12 shows it", True
    ),
    Transition(
        "3", Event.WHITELISTED_LOCALLY, _of(_PENDING), _INC, _JOINABLE, "success of a local SR 8.11 Add, by 8.13", True
    ),
    Transition(
        "4",
        Event.INSTALLED_WITHOUT_WAN,
        _of(_PENDING),
        _INC,
        HUBS,
        "a meter joined locally (8.13); SR 8.14.2; SR 8.4",
        True,
    ),
    Transition(
        "5", Event.FIRST_CONTACT, _of(_PENDING, _INC), _COMM, _CHF, "first authenticated contact over SM WAN", True
    ),
    Transition("6", Event.HUB_IN_PLACE, _of(_PENDING), _INC, _of("GPF"), "its CHF became Commissioned or INC", True),
    Transition(
        "7",
        Event.CLOCK_SET,
        _of(_PENDING, _WHITE, _INC),
        _COMM,
        METERS,
        "success of SR 8.1.1, clock set reliably",
        True,
    ),
    Transition("8", Event.GAS_METER_JOINED, _of(_INC), _COMM, _of("GPF"), "success of the join GSME to GPF", True),
    Transition(
        "9", Event.JOINS_COMPLETE, _of(_PENDING, _WHITE, _INC), _COMM, _of("HCALCS", "SAPC"), "both 8.7.1 done", True
    ),
    Transition(
        "10", Event.JOINS_COMPLETE, _of(_PENDING, _WHITE, _INC), _COMM, _of("PPMID"), "8.7.2 and 8.7.1 to a meter", True
    ),
    Transition("11", Event.SET_PENDING, _of(_INC), _PENDING, NOT_TYPE_2 - _CHF, "SR 8.4 UpdateDeviceStatusExceptCH"),
    Transition("11", Event.SET_INSTALLED, _of(_PENDING), _INC, NOT_TYPE_2 - _CHF, "SR 8.4 UpdateDeviceStatusExceptCH"),
    Transition("12", Event.SET_COMMISSIONED, _ANY_LIVE - {_COMM}, _COMM, _CHF, "SR 8.4 UpdateDeviceStatusCH"),
    Transition("12", Event.SET_WITHDRAWN, _ANY_LIVE - {_WITHDRAWN}, _WITHDRAWN, _CHF, "SR 8.4 UpdateDeviceStatusCH"),
    Transition("12", Event.SET_INSTALLED, _ANY_LIVE - {_INC}, _INC, _CHF, "SR 8.4 UpdateDeviceStatusCH"),
    Transition("13", Event.DECOMMISSIONED, _of(_COMM, _INC, _SUSPENDED), _DECOM, NOT_TYPE_2, "SR 8.3; hub replaced"),
    Transition("14", Event.OPTED_OUT, _of(_COMM), _WITHDRAWN, NOT_TYPE_2 - _CHF, "opt-out at its date (SR 8.5)"),
    Transition("15", Event.OPTED_IN, _of(_WITHDRAWN), _COMM, METERS, "opt-in completed (SR 8.6)"),
    Transition(
        "16", Event.LEFT_PRODUCTS_LIST, _of(_COMM, _INC, _WHITE, _PENDING), _SUSPENDED, NOT_TYPE_2, "off the CPL", True
    ),
    Transition("17", Event.BACK_ON_PRODUCTS_LIST, _of(_SUSPENDED), PRIOR, NOT_TYPE_2, "back on the CPL, or upgraded"),
    Transition("18", Event.RECOVERY_STARTED, _of(_COMM), "Recovery", NOT_TYPE_2, "recovery of a compromise started"),
    Transition(
        "19", Event.BROKER_CREDENTIALS_PLACED, _of("Recovery"), "Recovered", NOT_TYPE_2, "mode 8 success, way 3"
    ),
    Transition("20", Event.RECOVERY_DONE, _of("Recovery"), PRIOR, NOT_TYPE_2, "way 2 done"),
    Transition("21", Event.HANDED_OVER, _of("Recovered"), _COMM, NOT_TYPE_2, "SR 6.21 of the affected cells done"),
    Transition(
        "22",
        Event.NOTIFIED_AGAIN,
        _of(_DECOM),
        _PENDING,
        METERS | TYPE_1,
        "SR 8.4 UpdateDeviceStatusExceptCH=Pending: equipment used again",
    ),
    Transition("23", Event.DELETED, _of(_PENDING), REMOVED, NOT_TYPE_2, "SR 8.4 DeleteDevice"),
    Transition("23", Event.DELETED, _of(NO_STATUS), REMOVED, TYPE_2, "SR 8.4 DeleteDevice"),
)

_CELLS: dict[tuple[Event, str, str], Transition] = {}
for _row in TABLE:
    for _source in _row.sources:
        for _type in _row.device_types:
            _CELLS[_row.event, _source, _type] = _row


def transition(event: Event, status: str, device_type: str) -> Transition | None:
    """Find the row for an event, or None where the table forbids it."""
    return _CELLS.get((event, status, device_type))


def is_reached(event: Event, status: str, device_type: str) -> bool:
    """Whether a repeatable event finds its work done: the Device is already at (or past) its target."""
    rows = [row for row in TABLE if row.event is event and device_type in row.device_types and row.repeatable]
    return any(status == row.target or (status == _COMM and row.target in (_WHITE, _INC)) for row in rows)


def next_status(event: Event, status: str, device_type: str, prior: str | None) -> str:
    """Give the status after an event.

    Parameters
    ----------
    status
        Present status, or ``NEW``, or ``NO_STATUS`` of a Type 2 Device.
    prior
        Status held before suspension or recovery.

    Returns
    -------
    str
        A status, ``NO_STATUS`` or ``REMOVED``; the present one when a repeatable event has nothing to do.

    Raises
    ------
    ProtocolError
        ``INVENTORY_STATUS_CHANGE`` where the table forbids the change.
    """
    row = transition(event, status, device_type)
    if row is None:
        if is_reached(event, status, device_type):
            return status
        detail = f"a {device_type} that is {status} cannot be {event.value}"
        raise ProtocolError("INVENTORY_STATUS_CHANGE", detail, source="inventory.md 3.1")
    if row.target is PRIOR:
        return prior or _COMM
    return row.target
