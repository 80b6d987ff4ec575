"""What the Pre-Commands for gas meters hold, command by command and field by field (gbcs.md sections 7 and 14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

from ..zcl import ENTRIES, FieldValue
from .asked import Asked, boolean
from .calendars import DAYS, weekdays
from .commands import GATEWAY_TIME, FieldContent, GbzPart, command_if, each_command, send
from .comparer import Comparer
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import said_date, said_minutes, zcl_date
from .result import Unshaped
from .simple import count, field, field_worded, scaled, seconds, start, whole

_FOREVER = start(0xFFFFFFFF)
_FOREVER_CALENDAR = start(0xFFFFFFFE)
_ONE: Mapping[str, FieldContent] = {"commandIndex": 0, "totalCommands": 1}
_BY_PROVIDER: Mapping[str, FieldContent] = {"providerId": 0, "issuerEventId": GATEWAY_TIME}
_OF_CALENDAR: Mapping[str, FieldContent] = {**_BY_PROVIDER, "issuerCalendarId": GATEWAY_TIME}
_WEEK_FIELDS = dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), DAYS, strict=True))


def _entries(reads: Mapping[str, Callable[[FieldValue], Plain]]) -> Callable[[FieldValue], Plain]:
    """A repeated group of fields."""

    def read(value: FieldValue) -> Plain:
        if not isinstance(value, tuple):
            raise Unshaped("entries", value)
        return tuple([{name: reads[name](field) for name, field in entry.items()} for entry in value])

    return read


def _listed(
    path: str, reads: Mapping[str, Callable[[FieldValue], Plain]], of: Callable[[Asked], Meaning]
) -> Comparer[FieldValue]:
    """An entry for each element of a path, in their order."""
    before = path.rpartition("/")[0]
    return Comparer(
        _entries(reads), lambda asked: Row(asked.part(before).place, tuple([of(one) for one in asked.each(path)]))
    )


def _calendar(kind: int, root: str, names: tuple[str, str, str, str], day: GbzPart) -> tuple[GbzPart, ...]:
    """A calendar; ``names`` are the paths of days, weeks, seasons and special days."""
    days, week_profiles, season_profiles, special = (f"{root}/{name}" for name in names)

    def season(one: Asked) -> Meaning:
        return Group(
            one.place, {"startDate": said_date(one, "SeasonStartDate"), "weekIdRef": one.said("ReferencedWeekName")}
        )

    def special_day(one: Asked) -> Meaning:
        return Group(one.place, {"date": said_date(one, "Date"), "dayIdRef": one.said("ReferencedDayName")})

    week_days = {
        field_name: Comparer(whole, lambda asked, name=name: weekdays(asked)[name])  # type: ignore[misc]
        for field_name, name in _WEEK_FIELDS.items()
    }
    return (
        send(
            "PublishCalendar",
            {
                **_OF_CALENDAR,
                "startTime": _FOREVER_CALENDAR,
                "calendarType": kind,
                "calendarTimeReference": 0,
                "calendarName": b"",
                "numberOfSeasons": count(season_profiles),
                "numberOfWeekProfiles": count(week_profiles),
                "numberOfDayProfiles": count(days),
            },
        ),
        each_command(days, day),
        each_command(
            week_profiles, send("PublishWeekProfile", {**_OF_CALENDAR, "weekId": field("WeekName"), **week_days})
        ),
        send(
            "PublishSeasons",
            {
                **_OF_CALENDAR,
                **_ONE,
                ENTRIES: _listed(season_profiles, {"startDate": zcl_date, "weekIdRef": whole}, season),
            },
        ),
        send(
            "PublishSpecialDays",
            {
                **_OF_CALENDAR,
                **_ONE,
                "startTime": _FOREVER_CALENDAR,
                "calendarType": kind,
                "numberOfSpecialDays": count(special),
                ENTRIES: _listed(special, {"date": zcl_date, "dayIdRef": whole}, special_day),
            },
        ),
    )


def _minutes(value: FieldValue) -> Plain:
    return whole(value), 0


# -- tariff ----------------------------------------------------------------------------------------------------------

_TARIFF = "GasTariffElements"
_PRICES = "PriceElements/GasPriceElements"
_TIME_OF_USE = f"{_PRICES}/TOUTariff"
_BLOCK = f"{_PRICES}/BlockTariff"


def _all_day(asked: Asked) -> Meaning:
    """One entry from midnight: the tier of the day, 0 where blocks are charged."""
    tier = asked.said("TOUTariffAction") if asked.has("TOUTariffAction") else Said(0, asked.part("BlockTariff").place)
    entry: dict[object, Meaning] = {"startMinutes": Said((0, 0), asked.place), "priceTierOrEnable": tier}
    return Row(asked.place, (Group(asked.place, entry),))


def _day(name: str, kind: int, entries: Callable[[Asked], Meaning]) -> GbzPart:
    def number(asked: Asked) -> Said:
        row = entries(asked)
        assert isinstance(row, Row)
        return Said(len(row.items), asked.place)

    return send(
        "PublishDayProfile",
        {
            **_OF_CALENDAR,
            **_ONE,
            "dayId": field(name),
            "numberOfEntries": Comparer(whole, number),
            "calendarType": kind,
            ENTRIES: Comparer(_entries({"startMinutes": _minutes, "priceTierOrEnable": whole}), entries),
        },
    )


def _tariff_information(scheme: int, tiers: int, thresholds: int) -> GbzPart:
    return send(
        "PublishTariffInformation",
        {
            **_BY_PROVIDER,
            "issuerTariffId": 1,
            "startTime": _FOREVER,
            "tariffTypeChargingScheme": scheme,
            "tariffLabel": b"",
            "priceTiers": tiers,
            "blockThresholds": thresholds,
            "unitOfMeasure": 0,
            "currency": field_worded(f"{_PRICES}/CurrencyUnits", {"GBP": 826, "ECB": 978}),
            "priceTrailingDigit": 0x50,
            "standingCharge": field(f"{_PRICES}/StandingCharge"),
            "tierBlockMode": 0xFF,
            "thresholdMultiplier": 1,
            "thresholdDivisor": 1000,
        },
    )


def _price_matrix(control: int, path: str, tier: Callable[[FieldValue], Plain]) -> GbzPart:
    def price(one: Asked) -> Meaning:
        index = Said(one.attribute("index"), f"{one.place}/@index")
        return Group(one.place, {"tierOrBlockId": index, "price": one.said("")})

    return send(
        "PublishPriceMatrix",
        {
            **_BY_PROVIDER,
            **_ONE,
            "startTime": _FOREVER_CALENDAR,
            "issuerTariffId": 1,
            "subPayloadControl": control,
            ENTRIES: _listed(path, {"tierOrBlockId": tier, "price": whole}, price),
        },
    )


def _block_number(value: FieldValue) -> Plain:
    found = whole(value)
    assert isinstance(found, int)
    return found + 1


def _numbered_thresholds(asked: Asked) -> Meaning:
    ordered = asked.by(f"{_TARIFF}/ThresholdMatrix/BlockThreshold")
    members: dict[object, Meaning] = {index: one.said("") for index, one in ordered.items()}
    return Group(asked.part(f"{_TARIFF}/ThresholdMatrix").place, members)


def _number_thresholds(value: FieldValue) -> Plain:
    found = _entries({"blockThreshold": whole})(value)
    assert isinstance(found, tuple)
    return {index: one["blockThreshold"] for index, one in enumerate(found, 1)}


_INFORMATION = command_if(_BLOCK, _tariff_information(0x10, 0, 3), _tariff_information(0, 4, 0))
_THRESHOLDS = command_if(
    _BLOCK,
    send(
        "PublishBlockThresholds",
        {
            **_BY_PROVIDER,
            **_ONE,
            "startTime": _FOREVER_CALENDAR,
            "issuerTariffId": 1,
            "subPayloadControl": 1,
            "numberOfThresholds": count(f"{_TARIFF}/ThresholdMatrix/BlockThreshold"),
            ENTRIES: Comparer(_number_thresholds, _numbered_thresholds),
        },
    ),
)
_MATRIX = command_if(
    _BLOCK,
    _price_matrix(0, f"{_BLOCK}/BlockPrice", _block_number),
    _price_matrix(1, f"{_TIME_OF_USE}/TOUPrice", whole),
)
GCS01A: tuple[GbzPart, ...] = (
    *_calendar(
        0,
        _TARIFF,
        (
            "SwitchingTable/DayProfiles/DayProfile",
            "SwitchingTable/WeekProfiles/WeekProfile",
            "SwitchingTable/Seasons/Season",
            "SpecialDays/SpecialDay",
        ),
        _day("DayName", 0, _all_day),
    ),
    _INFORMATION,
    _THRESHOLDS,
    _MATRIX,
)
GCS01B: tuple[GbzPart, ...] = (_INFORMATION, _MATRIX)

# -- payment and prepayment ------------------------------------------------------------------------------------------

_CREDIT_MODE = 0x0C94


def _payment_mode(configuration: FieldContent, cut_off: FieldContent) -> tuple[GbzPart, ...]:
    fields = {
        **_BY_PROVIDER,
        "implementationTime": _FOREVER,
        "paymentControlConfiguration": configuration,
        "cutOffValue": cut_off,
    }
    return (send("ChangePaymentMode", fields),)


_PREPAYMENT = {
    0x0097 | (0x0400 if disabled else 0) | (0 if emergency else 0x0800): {"disabled": disabled, "emergency": emergency}
    for disabled, emergency in product((False, True), repeat=2)
}


def _prepayment_of(value: FieldValue) -> Plain:
    found = _PREPAYMENT.get(value) if isinstance(value, int) else None
    if found is None:
        raise Unshaped("a payment control configuration of prepayment", value)
    return found


def _prepayment(asked: Asked) -> Meaning:
    mode = asked.part("Prepayment")
    members: dict[object, Meaning] = {
        "disabled": mode.said("SuspendDebtDisabled", boolean),
        "emergency": mode.said("SuspendDebtEmergency", boolean),
    }
    return Group(mode.place, members)


def _in_credit_mode(asked: Asked) -> Said:
    return Said(_CREDIT_MODE, asked.part("Credit").place)


GCS02 = _payment_mode(Comparer(whole, _in_credit_mode), -1)
GCS03 = _payment_mode(Comparer(_prepayment_of, _prepayment), field("Prepayment/DisablementThreshold"))


def _debt(
    kind: int, method: int, amount: str, frequency: FieldContent, rate: FieldContent, share: FieldContent
) -> GbzPart:
    return send(
        "ChangeDebt",
        {
            "issuerEventId": GATEWAY_TIME,
            "debtLabel": b"",
            "debtAmount": field(amount),
            "debtRecoveryMethod": method,
            "debtAmountType": kind,
            "debtRecoveryStartTime": 0,
            "collectionTime": 0,
            "recoveryFrequency": frequency,
            "recoveryAmount": rate,
            "recoveryBalancePercentage": share,
        },
    )


_FREQUENCIES = {"HOURLY": 0, "DAILY": 1}
GCS04: tuple[GbzPart, ...] = (
    *(
        _debt(
            kind,
            0,
            f"TimeDebtRegister{number}",
            field_worded(f"GasDebtRecovery{number}/DebtRecoveryRatePeriod", _FREQUENCIES),
            field(f"GasDebtRecovery{number}/DebtRecoveryRate"),
            0,
        )
        for number, kind in ((1, 1), (2, 3))
    ),
    _debt(5, 1, "PaymentDebtRegister", 1, 0, field("DebtRecoveryPerPayment")),
)

_PREPAY = "UpdatePrepayConfigGas"
_ACTIONS = {"START": 1, "STOP": 0}


def _actions(asked: Asked) -> Meaning:
    def entry(one: Asked) -> Meaning:
        action = one.said("NonDisablementAction", str)
        enable = Said(_ACTIONS.get(str(action.value)), action.place)
        return Group(one.place, {"startMinutes": said_minutes(one, "StartTime"), "priceTierOrEnable": enable})

    return Row(asked.place, tuple([entry(one) for one in asked.each("TimeStartAction")]))


GCS05: tuple[GbzPart, ...] = (
    send(
        "EmergencyCreditSetup",
        {
            "issuerEventId": GATEWAY_TIME,
            "startTime": _FOREVER,
            "emergencyCreditLimit": field(f"{_PREPAY}/EmergencyCreditLimit"),
            "emergencyCreditThreshold": field(f"{_PREPAY}/EmergencyCreditThreshold"),
        },
    ),
    send(
        "SetOverallDebtCap",
        {**_BY_PROVIDER, "implementationTime": _FOREVER, "overallDebtCap": field(f"{_PREPAY}/DebtRecoveryRateCap")},
    ),
    send("SetLowCreditWarningLevel", {"lowCreditWarningLevel": field(f"{_PREPAY}/LowCreditThreshold")}, _FOREVER),
    send(
        "SetMaximumCreditLimit",
        {
            **_BY_PROVIDER,
            "implementationTime": _FOREVER,
            "maximumCreditLevel": field(f"{_PREPAY}/MaxMeterBalance"),
            "maximumCreditPerTopUp": field(f"{_PREPAY}/MaxCreditThreshold"),
        },
    ),
    *_calendar(
        3,
        f"{_PREPAY}/GasNonDisablementCalendar",
        (
            "DayProfiles/GasNonDisablementDayProfile",
            "WeekProfiles/WeekProfile",
            "SeasonProfiles/Season",
            "SpecialDays/SpecialDay",
        ),
        _day("GasDayName", 3, _actions),
    ),
)
GCS06: tuple[GbzPart, ...] = (send("SelectAvailableEmergencyCredit", {"commandIssueTime": 0, "originatingDevice": 0}),)


def _adjustment(kind: int, amount: FieldContent) -> tuple[GbzPart, ...]:
    fields: Mapping[str, FieldContent] = {
        "issuerEventId": GATEWAY_TIME,
        "startTime": 0,
        "creditAdjustmentType": kind,
        "creditAdjustmentValue": amount,
    }
    return (send("CreditAdjustment", fields),)


def _reset(mode: str) -> Comparer[FieldValue]:
    return Comparer(whole, lambda asked: Said(0, asked.part(f"{mode}/ResetMeterBalance").place))


GCS40A = _adjustment(0, field("PrepaymentMode/AdjustMeterBalance"))
GCS40B = _adjustment(1, _reset("PrepaymentMode"))
GCS40C = _adjustment(3, field("CreditMode/AdjustMeterBalance"))
GCS40D = _adjustment(2, _reset("CreditMode"))

# -- settings and supply ---------------------------------------------------------------------------------------------

GCS23: tuple[GbzPart, ...] = (
    send(
        "PublishConversionFactor",
        {
            "issuerEventId": GATEWAY_TIME,
            "startTime": 0,
            "conversionFactor": scaled("ConversionFactor", 100000),
            "trailingDigit": 0x50,
        },
    ),
    send(
        "PublishCalorificValue",
        {
            "issuerEventId": GATEWAY_TIME,
            "startTime": 0,
            "calorificValue": scaled("CalorificValue", 10),
            "unit": 1,
            "trailingDigit": 0x10,
        },
    ),
)
_STATES = {"Unchanged": 3, "Locked": 0}


def _gas_flow(threshold: FieldContent, divisor: int) -> tuple[GbzPart, ...]:
    return (
        send(
            "SetUncontrolledFlowThreshold",
            {
                **_BY_PROVIDER,
                "threshold": threshold,
                "unitOfMeasure": 1,
                "multiplier": 1,
                "divisor": divisor,
                "stabilisationPeriod": field("StabilisationPeriod"),
                "measurementPeriod": field("MeasurementPeriod"),
            },
        ),
        send(
            "SetSupplyStatus",
            {
                "issuerEventId": GATEWAY_TIME,
                "supplyTamperState": field_worded("SupplyTamperState", _STATES),
                "supplyDepletionState": field_worded("SupplyDepletionState", _STATES),
                "supplyUncontrolledFlowState": 0,
                "loadLimitSupplyState": 3,
            },
        ),
    )


GCS24 = _gas_flow(field("UncontrolledGasFlowRate"), 1)
GCS24A = _gas_flow(scaled("UncontrolledGasFlowRateDecimal", 10000), 10000)

_BILLING = "GasBillingCalendar"
_MONTHS, _WEEKS, _DAYS = 0x23, 0x22, 0x21
_PERIODS = {
    (1, _DAYS): "Daily",
    (1, _WEEKS): "Weekly",
    (1, _MONTHS): "Monthly",
    (3, _MONTHS): "Quarterly",
    (6, _MONTHS): "SixMonthly",
    (12, _MONTHS): "Yearly",
}
_DURATIONS = {name: duration for (duration, _), name in _PERIODS.items()}
_DURATION_TYPES = {name: kind for (_, kind), name in _PERIODS.items()}
_PERIOD: Mapping[str, FieldContent] = {
    **_BY_PROVIDER,
    "startTime": seconds(f"{_BILLING}/BillingPeriodStart"),
    "duration": field_worded(f"{_BILLING}/Periodicity", _DURATIONS),
    "durationType": field_worded(f"{_BILLING}/Periodicity", _DURATION_TYPES),
    "tariffType": 0,
}
GCS25: tuple[GbzPart, ...] = (
    send("PublishBillingPeriod", _PERIOD),
    send("PublishBlockPeriod", {**_PERIOD, "control": 2, "tariffResolutionPeriod": 1}),
)


def _supply(status: int) -> tuple[GbzPart, ...]:
    fields: Mapping[str, FieldContent] = {
        **_BY_PROVIDER,
        "requestTime": 0,
        "implementationTime": 0,
        "proposedSupplyStatus": status,
        "supplyControlBits": 1,
    }
    return (send("ChangeSupply", fields),)


GCS32 = _supply(0)
GCS39 = _supply(1)
