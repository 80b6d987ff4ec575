"""Check 24 of the services that set or read what a Device is configured with: 1.1, 1.2, 4.1, 6.8, 6.18.1, 6.22, 6.28.

The numbers behind the rules are assignments of this project (response-codes.json), and so are the limits where the
meaning of a code leaves them open; each says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from dccemu_protocol.duis import Element, read_date_time, text_of
from dccemu_protocol.duis.names import sr

from ...examination import Examination
from ...refusal import Refusal

ALERT_GROUP_ROLES: Mapping[str, str] = {
    "ElectricitySupplierAlerts": "IS",
    "ElectricitySupplierHANAlertSettings": "IS",
    "ElectricitySupplierAlarmSettings": "IS",
    "ElectricitySupplierLoggingSettings": "IS",
    "ElectricityNetworkOperatorAlerts": "ED",
    "ElectricityNetworkOperatorLoggingSettings": "ED",
    "GasSupplierAlerts": "GS",
    "GasSupplierAlertEventSettings": "GS",
}
"""6.22: whose alerts each group of settings configures (schema, ``ConfigureAlertBehaviour``)."""

PRICE_OF_ACTION: Mapping[str, str] = {"TOUTariffAction": "TOUPrice", "BlockTariffAction": "BlockPrices"}
"""1.1.1: where the price of a tariff action is; both carry the same number."""

CHANNEL_MASKS = (
    "LowerBandSubGHzChannels0To26",
    "LowerBandSubGHzChannels27To34",
    "LowerBandSubGHzChannels35To61",
    "UpperBandSubGHzChannels0To26",
)
"""6.28: the masks that together say which channels the hub may use."""

LAST_DAY_OF_EVERY_MONTH = 28
"""6.8: the last day that each month has; the schema holds electricity calendars to it, the rule gas calendars too."""


def gas_reading(examination: Examination) -> None:
    """4.1.x: a gas reading by a non-Supplier must address the Gas Proxy Function."""
    if examination.target.type == "GSME" and examination.role != "GS":
        raise Refusal("READING_NEEDS_GPF", expected="a Gas Supplier, or the GPF", got=f"{examination.role} to a GSME")


def tariff_agrees(examination: Examination) -> None:
    """1.1.x: weeks and special days name day profiles of the table, seasons its week profiles; a name is given once;
    1.1.1 has a price for each tariff action.
    """
    body = examination.submitted.body
    if examination.service_request.srv == "1.1.1":
        for action, price in PRICE_OF_ACTION.items():
            _each_has_a_price(body, action, price)
    for table in (*body.iter(sr("SwitchingTable")), *body.iter(sr("TOUSwitchingTable"))):
        scope = table.getparent()
        assert scope is not None
        days, weeks = _names(table, "DayProfile", "DayName"), _names(table, "WeekProfile", "WeekName")
        for place, names in (("DayName", days), ("WeekName", weeks)):
            twice = [name for name, count in names.items() if count > 1]
            if twice:
                raise Refusal("TARIFF_INCONSISTENT", expected=f"each {place} once", got=", ".join(twice), place=place)
        _names_one_of(days, scope, "ReferencedDayName")
        _names_one_of(weeks, scope, "ReferencedWeekName")


def _each_has_a_price(body: Element, action: str, price: str) -> None:
    priced = {int(one.get("index", "0")) for one in body.iter(sr(price))}
    for element in body.iter(sr(action)):
        if int(text_of(element)) not in priced:
            expected = f"{price} with index {', '.join(map(str, sorted(priced))) or '(none)'}"
            raise Refusal("TARIFF_INCONSISTENT", expected=expected, got=text_of(element), place=action)


def _names(table: Element, profile: str, name: str) -> Counter[str]:
    return Counter(text_of(found) for one in table.iter(sr(profile)) for found in one.iterchildren(sr(name)))


def _names_one_of(names: Mapping[str, int], scope: Element, place: str) -> None:
    for element in scope.iter(sr(place)):
        if text_of(element) not in names:
            expected = f"one of the switching table: {', '.join(names) or 'none'}"
            raise Refusal("TARIFF_INCONSISTENT", expected=expected, got=text_of(element), place=place)


def billing_start_recurs(examination: Examination) -> None:
    """6.8: a gas billing period of months or years starts on a day that every month has [P]."""
    calendar = examination.submitted.body.find(sr("GasBillingCalendar"))
    if calendar is None:
        return
    start, periodicity = calendar.find(sr("BillingPeriodStart")), calendar.find(sr("Periodicity"))
    assert start is not None
    assert periodicity is not None
    day = read_date_time(text_of(start)).day
    if text_of(periodicity) not in ("Daily", "Weekly") and day > LAST_DAY_OF_EVERY_MONTH:
        raise Refusal(
            "CALENDAR_START",
            expected=f"a day from 1 to {LAST_DAY_OF_EVERY_MONTH} for {text_of(periodicity)} periods",
            got=text_of(start),
            place="GasBillingCalendar/BillingPeriodStart",
        )


def demand_period_has_length(examination: Examination) -> None:
    """6.18.1: the period of a day over which demand is measured ends after its start [P]."""
    for schedule in examination.submitted.body.iter(sr("MaximumDemandTimePeriodSchedule")):
        start, end = (text_of(one) for one in schedule.iterchildren(sr("StartTime"), sr("EndTime")))
        if end <= start:
            raise Refusal("DEMAND_PERIOD", expected=f"an end after {start}", got=end, place="EndTime")


def alert_group_is_the_roles(examination: Examination) -> None:
    """6.22: the group of alerts belongs to the role in which the User is entitled."""
    for element in examination.submitted.body:
        group = str(element.tag).rpartition("}")[2]
        owner = ALERT_GROUP_ROLES.get(group)
        if owner is not None and owner not in (examination.role, *examination.roles):
            raise Refusal("ALERT_GROUP_ROLE", expected=f"role {owner} for {group}", got=examination.role, place=group)


def hub_takes_sub_ghz(examination: Examination) -> None:
    """6.28: the hub is dual band, a channel is allowed, and the limits of duty cycle rise."""
    body, hub = examination.submitted.body, examination.target
    if hub.han_variant is not None and not hub.han_variant.startswith("Dual"):
        raise Refusal("HUB_NOT_DUAL_BAND", expected="a dual band hub", got=f"{hub.device}: {hub.han_variant}")
    if not any(len(mask) for name in CHANNEL_MASKS for mask in body.iterchildren(sr(name))):
        raise Refusal("HUB_CHANNEL_MASK", expected="a channel in one of the masks", got="none", place=CHANNEL_MASKS[0])
    normal, limited = (
        Decimal(text_of(one))
        for name in ("NormalLimitedDutyCycleThreshold", "LimitedCriticalDutyCycleThreshold")
        for one in body.iterchildren(sr(name))
    )
    if limited <= normal:
        raise Refusal(
            "HUB_THRESHOLDS",
            expected=f"LimitedCriticalDutyCycleThreshold above NormalLimitedDutyCycleThreshold, {normal}",
            got=str(limited),
            place="LimitedCriticalDutyCycleThreshold",
        )
