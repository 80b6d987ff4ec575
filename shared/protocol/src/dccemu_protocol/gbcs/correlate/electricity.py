"""What the Pre-Commands for electricity hold, item by item (gbcs.md sections 6 and 14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from .. import datum as d
from .. import times
from ..datum import Datum
from . import calendars as calendar
from . import prices
from .asked import Asked, eui, instant
from .commands import Access, DlmsPart, act, each_access, get, put
from .comparer import Comparer
from .datums import I32, U16, U32, flag, mapped, octets, structure, visible
from .meaning import Group, Meaning, Plain, Said
from .moments import moment_of
from .result import Unshaped
from .simple import ACTIVATION, ZERO, moment, valued, worded

_TARIFF = "ElecTariffElements"
_PRICES = "PriceElements/ElectricityPriceElements"
_PREPAY = "UpdatePrepayConfigElectricity"
_CALENDAR = f"{_PREPAY}/ElectricityNonDisablementCalendar"
_SECONDS = {"HOURLY": 3600, "DAILY": 86400}
_SWITCHES = "0-0:10.0.103.255"


def _activations(*places: tuple[int, str, int]) -> tuple[DlmsPart, ...]:
    return tuple(put(class_id, obis, attribute, ACTIVATION) for class_id, obis, attribute in places)


def _passive_calendar(obis: str, path: str, action: Comparer[Datum]) -> tuple[DlmsPart, ...]:
    return (
        put(20, obis, 7, calendar.seasons(f"{path}/Seasons/Season")),
        put(20, obis, 8, calendar.weeks(f"{path}/WeekProfiles/WeekProfile")),
        put(20, obis, 9, action),
    )


_STANDING = prices.single_price(_PRICES, "StandingCharge", "StandingChargeScale")
_MATRIX = prices.price_matrix(_PRICES)
_SECONDARY_PRICES = prices.secondary_prices("PriceElements")

ECS01A: tuple[DlmsPart, ...] = (
    *_passive_calendar(
        "0-0:13.0.0.255",
        f"{_TARIFF}/SwitchingTable",
        calendar.day_profiles(f"{_TARIFF}/SwitchingTable/DayProfiles/DayProfile", calendar.primary_action),
    ),
    put(11, "0-1:11.0.0.255", 2, calendar.special_days(f"{_TARIFF}/SpecialDays/SpecialDay")),
    *(
        put(21, f"0-0:16.1.{10 + column}.255", 2, prices.thresholds(f"{_TARIFF}/ThresholdMatrix/Thresholds", column))
        for column in range(1, 9)
    ),
    put(9000, "0-0:94.44.2.0", 4, worded(flag, f"{_TARIFF}/CurrencyUnits", {"GBP": True, "ECB": False})),
    put(113, "0-0:19.20.4.255", 6, _STANDING),
    put(113, "0-0:19.20.0.255", 6, _MATRIX),
    *_activations(
        (20, "0-0:13.0.0.255", 10),
        (9000, "0-0:94.44.128.29", 6),
        (9000, "0-0:94.44.2.0", 6),
        (113, "0-0:19.20.4.255", 7),
        (113, "0-0:19.20.0.255", 7),
        (9000, "0-0:63.1.1.255", 6),
    ),
)
ECS01B: tuple[DlmsPart, ...] = (
    put(113, "0-0:19.20.4.255", 6, _STANDING),
    put(113, "0-0:19.20.0.255", 6, _MATRIX),
    *_activations((113, "0-0:19.20.4.255", 7), (113, "0-0:19.20.0.255", 7)),
)
ECS01C: tuple[DlmsPart, ...] = (
    put(113, "0-0:19.20.5.255", 6, _SECONDARY_PRICES),
    *_passive_calendar(
        "0-0:13.0.1.255",
        "SwitchingTable",
        calendar.day_profiles("SwitchingTable/DayProfiles/DayProfile", calendar.secondary_action),
    ),
    put(11, "0-1:11.0.1.255", 2, calendar.special_days("SpecialDays/SpecialDay")),
    *_activations((20, "0-0:13.0.1.255", 10), (113, "0-0:19.20.5.255", 7), (9000, "0-0:94.44.128.30", 6)),
)
ECS01D: tuple[DlmsPart, ...] = (
    put(113, "0-0:19.20.5.255", 6, _SECONDARY_PRICES),
    *_activations((113, "0-0:19.20.5.255", 7)),
)

# -- payment and prepayment ------------------------------------------------------------------------------------------

_ACCOUNT = "0-1:19.0.0.255"
_DISABLEMENT = "0-0:94.44.128.22"


def _mode(number: int) -> Datum:
    return d.structure(d.Enum(number), d.Enum(1))


ECS02: tuple[DlmsPart, ...] = (
    put(111, _ACCOUNT, 2, _mode(1)),
    put(111, _ACCOUNT, 11, prices.credit_mode()),
    *_activations((111, _ACCOUNT, 13)),
)
ECS03: tuple[DlmsPart, ...] = (
    put(111, _ACCOUNT, 2, _mode(2)),
    put(9000, _DISABLEMENT, 4, valued(I32, "Prepayment/DisablementThreshold")),
    put(111, _ACCOUNT, 11, prices.prepayment_mode("Prepayment")),
    *_activations((9000, _DISABLEMENT, 6), (111, _ACCOUNT, 13)),
)
ECS04A: tuple[DlmsPart, ...] = (
    lambda asked: act(112, "0-0:19.10.0.255", 1, valued(I32, f"{_balance(asked)}/AdjustMeterBalance"))(asked),
)
_RESET: Comparer[Datum] = Comparer(
    mapped(I32, lambda value: "reset" if value == 0 else value),
    lambda asked: Said("reset", asked.part(f"{_balance(asked)}/ResetMeterBalance").place),
)
ECS04B: tuple[DlmsPart, ...] = tuple(act(112, f"0-0:19.10.{number}.255", 2, _RESET) for number in range(3))


def _balance(asked: Asked) -> str:
    return "PrepaymentMode" if asked.has("PrepaymentMode") else "CreditMode"


def _debt(number: int) -> str:
    return f"ElecDebtRecovery{number}"


ECS07: tuple[DlmsPart, ...] = (
    *(
        put(
            113,
            f"0-0:19.20.{number}.255",
            6,
            prices.single_price(_debt(number), "DebtRecoveryRate", "DebtRecoveryRatePriceScale"),
        )
        for number in (1, 2)
    ),
    put(113, "0-0:19.20.3.255", 13, valued(U16, "DebtRecoveryPerPayment")),
    *(
        put(113, f"0-0:19.20.{number}.255", 8, worded(U32, f"{_debt(number)}/DebtRecoveryRatePeriod", _SECONDS))
        for number in (1, 2)
    ),
    *(act(113, f"0-0:19.20.{number}.255", 2, ZERO) for number in (1, 2)),
    act(113, "0-0:19.20.3.255", 4, valued(I32, "PaymentDebtRegister")),
    *(act(113, f"0-0:19.20.{number}.255", 4, valued(I32, f"TimeDebtRegister{number}")) for number in (1, 2)),
)

_WEEK_SECONDS = d.DoubleLong(604800)


def _prepay(balance_attribute: int) -> tuple[DlmsPart, ...]:
    """ECS08 and ECS08a differ in the attribute of the maximum meter balance."""
    return (
        put(
            11,
            "0-1:11.0.2.255",
            2,
            calendar.numbered_special_days(f"{_CALENDAR}/ElectricitySpecialDays/SpecialDay", "Date"),
        ),
        put(9000, "0-0:94.44.2.20", balance_attribute, valued(I32, f"{_PREPAY}/MaxMeterBalance")),
        put(9000, "0-0:94.44.2.10", 4, valued(I32, f"{_PREPAY}/MaxCreditThreshold")),
        put(10, "0-1:12.0.1.255", 2, calendar.non_disablement(_CALENDAR)),
        put(9000, "0-0:94.44.128.12", 4, valued(U16, f"{_PREPAY}/DebtRecoveryRateCap")),
        put(9000, "0-0:94.44.128.13", 4, _WEEK_SECONDS),
        put(9000, "0-0:94.44.128.9", 4, valued(I32, f"{_PREPAY}/LowCreditThreshold")),
        put(9000, "0-0:94.44.128.2", 4, valued(I32, f"{_PREPAY}/EmergencyCreditLimit")),
        put(9000, "0-0:94.44.128.31", 6, ACTIVATION),
        put(9000, "0-0:94.44.128.3", 4, valued(I32, f"{_PREPAY}/EmergencyCreditThreshold")),
        *_activations(
            (9000, "0-0:94.44.2.20", 6),
            (9000, "0-0:94.44.2.10", 6),
            (9000, "0-0:94.44.128.12", 6),
            (9000, "0-0:94.44.128.13", 6),
            (9000, "0-0:94.44.128.9", 6),
            (9000, "0-0:94.44.128.2", 6),
            (9000, "0-0:94.44.128.3", 6),
            (9000, "0-0:94.44.128.28", 6),
        ),
    )


ECS08 = _prepay(2)
ECS08A = _prepay(4)
ECS09: tuple[DlmsPart, ...] = (act(112, "0-0:19.10.1.255", 3, ZERO),)

# -- settings --------------------------------------------------------------------------------------------------------

_LIMITS = ((9000, "0-0:94.44.0.3"), (9000, "0-0:94.44.128.7"), (9000, "0-0:94.44.128.6"), (9000, "0-0:94.44.128.8"))
ECS28A: tuple[DlmsPart, ...] = (
    put(9000, "0-0:94.44.0.3", 4, worded(flag, "LoadLimitSupplyState", {"Disable": True, "Unchanged": False})),
    put(9000, "0-0:94.44.128.7", 4, valued(U32, "LoadLimitPowerThreshold")),
    put(9000, "0-0:94.44.128.6", 4, valued(U32, "LoadLimitPeriod")),
    put(9000, "0-0:94.44.128.8", 4, valued(U32, "LoadLimitRestorationPeriod")),
    *_activations(*((class_id, obis, 6) for class_id, obis in _LIMITS)),
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

# -- auxiliary controllers -------------------------------------------------------------------------------------------


def _described(one: Asked) -> DlmsPart:
    return put(1, f"0-0:94.44.0.{10 + one.attribute('index')}", 2, valued(visible, "SwitchDescription", str))


def _typed(one: Asked) -> DlmsPart:
    def meaning(asked: Asked) -> Meaning:
        return asked.said("HCALCS", eui) if asked.has("HCALCS") else Said(bytes(8), asked.part("ALCS").place)

    return put(1, f"0-0:94.44.0.{20 + one.attribute('index')}", 2, Comparer(octets(), meaning))


def _switch(one: Asked) -> Meaning:
    """Which switch, and whether it is activated."""
    action = one.part("ActivateDeactivateSwitch")
    marker = action.part("ActivateSwitch" if action.has("ActivateSwitch") else "DeactivateSwitch")
    members: dict[object, Meaning] = {
        "controller": Said(action.attribute("index"), f"{action.place}/@index"),
        "action": Said(marker.name, marker.place),
    }
    return Group(action.place, members)


def _switch_of(selector: Plain) -> Plain:
    assert isinstance(selector, int)
    controller, action = divmod(selector, 256)
    return {"controller": controller, "action": {1: "ActivateSwitch", 2: "DeactivateSwitch"}.get(action, action)}


def _level(one: Asked) -> Meaning:
    """Which controller, whether it is an input, and the level."""
    load = one.maybe("InputFromControlledLoad")
    members: dict[object, Meaning] = {
        "controller": Said(one.attribute("auxiliaryControllerN"), f"{one.place}/@auxiliaryControllerN"),
        "input": Said(load is not None, one.place if load is None else load.place),
        "level": one.said("CommandedStateLevel"),
    }
    return Group(one.place, members)


def _levelled(selector: Plain, offset: int) -> Plain:
    assert isinstance(selector, int)
    direction, rest = divmod(selector, 0x1000)
    controller, level = divmod(rest, 256)
    if direction not in (1, 2):
        raise Unshaped("output 1 or input 2", direction)
    return {"controller": controller, "input": direction == 2, "level": level - offset}


ECS46A: tuple[DlmsPart, ...] = (each_access("ALCSHCALCSDescription", _described),)
_CALENDAR_ACTIVATIONS = _activations((9000, "0-0:94.44.128.26", 6), (9000, "0-0:94.44.128.35", 6))
ECS46C: tuple[DlmsPart, ...] = (
    each_access("SwitchTypeAndId", _typed),
    put(11, "0-1:11.0.3.255", 2, calendar.numbered_special_days("ALCSHCALCSSpecialDays/ALCSHCALCSSpecialDay", "")),
    put(
        10,
        "0-1:12.0.2.255",
        2,
        calendar.switching(
            "ALCSHCALCSConnectionSchedule",
            "ALCSHCALCSSpecialDays/ALCSHCALCSSpecialDay",
            "index",
            calendar.schedule_shape(_SWITCHES, _switch_of),
            _switch,
            "ALCSScheduleDatesAndTime",
        ),
    ),
    *_CALENDAR_ACTIVATIONS,
)
_DEFINITIONS = "AuxiliaryControllerSpecialDayDefinitions/AuxiliaryControllerSpecialDayDefinition"
ECS46D: tuple[DlmsPart, ...] = (
    put(11, "0-1:11.0.3.255", 2, calendar.numbered_special_days(_DEFINITIONS, "")),
    put(
        10,
        "0-1:12.0.2.255",
        2,
        calendar.switching(
            "AuxiliaryControllerSchedule",
            _DEFINITIONS,
            "identifier",
            calendar.schedule_shape(_SWITCHES, lambda value: _levelled(value, 0x80)),
            lambda one: _level(one.part("AuxiliaryControllerAction")),
            "AuxiliaryControllerSchedulePeriodAndTime",
        ),
    ),
    *_CALENDAR_ACTIVATIONS,
)


def _timed(path: str, first: int, action: int) -> tuple[DlmsPart, ...]:
    """ECS47 with a duration: set it, then run the script of the controller."""

    def duration(asked: Asked) -> list[Access]:
        index = asked.part(path).attribute("index")
        return put(1, f"0-0:94.44.{116 + index}.{first}", 2, valued(U16, f"{path}/Duration"))(asked)

    return (duration, _run(path, action))


def _run(path: str, action: int) -> DlmsPart:
    def meaning(asked: Asked) -> Meaning:
        one = asked.part(path)
        return Said(256 * one.attribute("index") + action, f"{one.place}/@index")

    return act(9, _SWITCHES, 1, Comparer(U16, meaning))


ECS47_ACTIVATE = _timed("ActivateALCSHCALCS", 1, 0x11)
ECS47_DEACTIVATE = _timed("DeactivateALCSHCALCS", 2, 0x12)
ECS47_RESET = (_run("ResetALCSHCALCS", 0x20),)


def _state(first: int, scripts: str) -> tuple[DlmsPart, ...]:
    """ECS47a and ECS47e: start and end, then the level."""

    def between(attribute: int, path: str) -> DlmsPart:
        def part(asked: Asked) -> list[Access]:
            controller = asked.attribute("auxiliaryControllerN")
            return put(1, f"0-0:94.44.{116 + controller}.{attribute}", 2, moment(path))(asked)

        return part

    return (
        between(first, "StartDateTime"),
        between(first + 1, "EndDateTime"),
        act(9, scripts, 1, Comparer(mapped(U16, lambda value: _levelled(value, 0)), _level)),
    )


ECS47A = _state(1, _SWITCHES)
ECS47E = _state(3, "0-0:10.0.107.255")
