"""Settings, supply and clock of electricity meters (gbcs.md sections 6 and 14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from .. import datum as d
from .. import times
from ..datum import Datum
from . import prices
from .asked import Asked, instant
from .commands import DlmsPart, act, get, put
from .comparer import Comparer
from .datums import U16, U32, flag, octets, structure
from .meaning import Group, Meaning, Plain
from .moments import moment_of
from .result import Unshaped
from .simple import ZERO, activations, valued, worded

_LIMITS = ((9000, "0-0:94.44.0.3"), (9000, "0-0:94.44.128.7"), (9000, "0-0:94.44.128.6"), (9000, "0-0:94.44.128.8"))
ECS28A: tuple[DlmsPart, ...] = (
    put(9000, "0-0:94.44.0.3", 4, worded(flag, "LoadLimitSupplyState", {"Disable": True, "Unchanged": False})),
    put(9000, "0-0:94.44.128.7", 4, valued(U32, "LoadLimitPowerThreshold")),
    put(9000, "0-0:94.44.128.6", 4, valued(U32, "LoadLimitPeriod")),
    put(9000, "0-0:94.44.128.8", 4, valued(U32, "LoadLimitRestorationPeriod")),
    *activations(*((class_id, obis, 6) for class_id, obis in _LIMITS)),
)
ECS30: tuple[DlmsPart, ...] = (put(22, "0-0:15.0.0.255", 4, prices.billing_calendar("ElectricityBillingCalendar")),)
ECS38: tuple[DlmsPart, ...] = (put(1, "0-0:94.44.0.1", 2, valued(U16, "RandomisedOffsetLimit")),)
ECS48: tuple[DlmsPart, ...] = (put(22, "0-0:15.1.0.255", 4, prices.daily_reset("DailyTariffBlockCounterMatrixReset")),)
ECS81: tuple[DlmsPart, ...] = (
    put(1, "0-0:94.44.0.4", 2, worded(flag, "SupplyTamperState", {"Locked": True, "Unchanged": False})),
)


def _script(scripts: str, number: int) -> tuple[DlmsPart, ...]:
    return (act(9, scripts, 1, d.LongUnsigned(number)),)


ECS05 = _script("0-0:10.0.100.255", 99)
ECS42 = _script("0-0:10.0.106.255", 51)
ECS43 = _script("0-0:10.0.106.255", 52)
ECS44 = _script("0-0:10.0.106.255", 54)

# -- clock -----------------------------------------------------------------------------------------------------------


def clock_window(asked: Asked) -> Meaning:
    """The time to set and how long after it is still right."""
    at, tolerance = asked.said("CurrentDateTime", instant), asked.said("TolerancePeriod")
    assert isinstance(at.value, datetime)
    assert isinstance(tolerance.value, int)
    members: dict[object, Meaning] = {"earliest": at, "tolerance": tolerance}
    return Group(asked.place, members)


def _preset(datum: Datum) -> Plain:
    octet = octets(moment_of)
    found = structure(d.OctetString(times.NEVER), ("earliest", octet), ("latest", octet))(datum)
    assert isinstance(found, dict)
    earliest, latest = found["earliest"], found["latest"]
    if not isinstance(earliest, datetime) or not isinstance(latest, datetime):
        raise Unshaped("two instants", f"{earliest} and {latest}")
    return {"earliest": earliest, "tolerance": (latest - earliest) // timedelta(seconds=1)}


_CLOCK = "0-0:1.0.0.255"
ECS70: tuple[DlmsPart, ...] = (
    put(8, _CLOCK, 9, d.Enum(5)),
    act(8, _CLOCK, 5, Comparer(_preset, clock_window)),
    act(8, _CLOCK, 4, ZERO),
    get(8, _CLOCK, 2),
    get(8, _CLOCK, 4),
)
