"""What the commands of a gas Command change in the Device, now or at their execution time (gbcs.md section 7, 14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from .. import gbz, zcl
from . import account
from .occasion import note_snapshot
from .state import Draft

Effect = Callable[[Draft, datetime, gbz.Component, Mapping[str, zcl.FieldValue]], None]


def apply(state: Draft, at: datetime, component: gbz.Component, command: zcl.ZclCommand) -> None:
    """Make the change of one command, if it makes one."""
    if not is_of_its_kind(component):
        return
    effect = EFFECTS.get((component.cluster, component.command_id))
    if effect is not None:
        effect(state, at, component, command.fields)


def is_of_its_kind(component: gbz.Component) -> bool:
    """Whether a cluster command goes the way that commands with effects go: some are published to the meter."""
    publishes = bool(component.frame_control & zcl.SERVER_TO_CLIENT)
    return bool(component.frame_control & zcl.CLUSTER_SPECIFIC) and publishes == (component.cluster in _PUBLISHED)


_PUBLISHED = frozenset((0x0700, 0x0703, 0x0707, 0x0708))


def attribute_name(cluster: int, attribute: int) -> str:
    """Name of an attribute's value in the state."""
    return f"gbz/{cluster:04x}/{attribute:04x}"


def set_attribute(state: Draft, cluster: int, attribute: int, value: zcl.FieldValue) -> None:
    """Set an attribute."""
    if isinstance(value, bytes):
        state.put_octets(attribute_name(cluster, attribute), value)
    elif isinstance(value, int):
        state.put(attribute_name(cluster, attribute), value)


def _sets(**attributes: tuple[int, int]) -> Effect:
    """Fields whose values become attributes (cluster, attribute)."""

    def effect(state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
        for name, (cluster, attribute) in attributes.items():
            set_attribute(state, cluster, attribute, fields[name])

    return effect


def _number(fields: Mapping[str, zcl.FieldValue], name: str) -> int:
    value = fields[name]
    assert isinstance(value, int)
    return value


_DEBTS = {1: ("time-debt-1", 0x0216, 0x0217), 3: ("time-debt-2", 0x0226, 0x0227)}


def _change_debt(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    """Types 1 and 3 are the time debts, 5 the payment debt."""
    kind, amount = _number(fields, "debtAmountType"), _number(fields, "debtAmount")
    if kind in _DEBTS:
        name, frequency, recovery = _DEBTS[kind]
        account.add(state, name, amount)
        set_attribute(state, 0x0705, frequency, fields["recoveryFrequency"])
        set_attribute(state, 0x0705, recovery, fields["recoveryAmount"])
    else:
        account.add(state, "payment-debt", amount)
        set_attribute(state, 0x0705, 0x0239, fields["recoveryBalancePercentage"])


def _adjust_credit(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    """Types 0 and 3 add to the balance (prepayment, credit mode), 1 and 2 reset it (GCS40a to GCS40d)."""
    if _number(fields, "creditAdjustmentType") in (0, 3):
        account.add(state, "balance", _number(fields, "creditAdjustmentValue"))
    else:
        account.set_amount(state, "balance", _number(fields, "creditAdjustmentValue"))


def _activate_emergency_credit(
    state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]
) -> None:
    limit = state.integer(attribute_name(0x0705, 0x0010), account.EMERGENCY_CREDIT_LIMIT)
    account.set_amount(state, "emergency-credit", limit)


def _change_mode(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    set_attribute(state, 0x0705, 0x0000, fields["paymentControlConfiguration"])
    cut_off = _number(fields, "cutOffValue")
    if cut_off != -1:
        set_attribute(state, 0x0705, 0x0040, cut_off)
    note_snapshot(state, at)


def _set_supply_state(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    """State 3 means unchanged (gbcs.md section 14, *Gas flow*)."""
    for name, attribute in (("supplyTamperState", 0x0607), ("supplyDepletionState", 0x0608)):
        if fields[name] != 3:
            set_attribute(state, 0x0702, attribute, fields[name])


def _change_supply(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    set_attribute(state, 0x0702, 0x0014, fields["proposedSupplyStatus"])


_TIERS = {1: 0x0410, 2: 0x0420, 3: 0x0430, 4: 0x0440}


def _price_matrix(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    """Sub-payload control bit 0 says that the ids are tiers, else they are blocks."""
    entries = fields[zcl.ENTRIES]
    assert isinstance(entries, tuple)
    are_tiers = _number(fields, "subPayloadControl") & 1
    for entry in entries:
        number, price = _number(entry, "tierOrBlockId"), _number(entry, "price")
        if are_tiers and number in _TIERS:
            set_attribute(state, 0x0700, _TIERS[number], price)
        elif not are_tiers and number & 0x0F < 4:
            set_attribute(state, 0x0700, 0x0400 + (number & 0x0F), price)
    note_snapshot(state, at)


def _thresholds(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    entries = fields[zcl.ENTRIES]
    assert isinstance(entries, tuple)
    for number, entry in enumerate(entries[:3]):
        set_attribute(state, 0x0700, 0x0100 + number, entry["blockThreshold"])


def _tariff_information(state: Draft, at: datetime, _: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    set_attribute(state, 0x0700, 0x0301, fields["standingCharge"])
    set_attribute(state, 0x0700, 0x0615, fields["unitOfMeasure"])
    set_attribute(state, 0x0700, 0x0616, fields["currency"])
    set_attribute(state, 0x0700, 0x0617, fields["priceTrailingDigit"])
    set_attribute(state, 0x0700, 0x0202, fields["thresholdMultiplier"])
    set_attribute(state, 0x0700, 0x0203, fields["thresholdDivisor"])


def _calendar(state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    """A new calendar replaces the profiles of its type: 0 tariff switching, 3 friendly credit (non-disablement)."""
    kind = _number(fields, "calendarType")
    state.put("calendar/type", kind)
    for command in (1, 2, 3):
        state.put(f"calendar/{kind}/{command}", [])


def _profile(state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    """Day, week and season profiles belong to the calendar published before; they are read back as published."""
    kind = state.integer("calendar/type")
    name = f"calendar/{kind}/{component.command_id}"
    state.put(name, [*state.entries(name), component.payload.hex()])


def _special_days(state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    state.put(f"calendar/{_number(fields, 'calendarType')}/4", [component.payload.hex()])


def _billing_period(state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
    state.put_octets("billing/period", component.payload)


def _event_configuration(
    state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]
) -> None:
    entries = fields[zcl.ENTRIES]
    assert isinstance(entries, tuple)
    configured = state.record("events/configuration")
    for entry in entries:
        configured[f"{_number(entry, 'eventId'):04x}"] = _number(fields, "eventConfiguration")
    state.put("events/configuration", configured)


def _kept(name: str, field: str) -> Effect:
    """A text that is only displayed."""

    def effect(state: Draft, at: datetime, component: gbz.Component, fields: Mapping[str, zcl.FieldValue]) -> None:
        value = fields[field]
        assert isinstance(value, bytes)
        state.put_octets(name, value)

    return effect


EFFECTS: Mapping[tuple[int, int], Effect] = {
    (0x0700, 0x02): _sets(conversionFactor=(0x0700, 0x0302), trailingDigit=(0x0700, 0x0303)),
    (0x0700, 0x03): _sets(calorificValue=(0x0700, 0x0304), unit=(0x0700, 0x0305), trailingDigit=(0x0700, 0x0306)),
    (0x0700, 0x04): _tariff_information,
    (0x0700, 0x05): _price_matrix,
    (0x0700, 0x06): _thresholds,
    (0x0700, 0x09): _billing_period,
    (0x0702, 0x0B): _change_supply,
    (0x0702, 0x0D): _set_supply_state,
    (0x0702, 0x0E): _sets(
        threshold=(0x0702, 0x0B10),
        unitOfMeasure=(0x0702, 0x0B11),
        multiplier=(0x0702, 0x0B12),
        divisor=(0x0702, 0x0B13),
        stabilisationPeriod=(0x0702, 0x0B14),
        measurementPeriod=(0x0702, 0x0B15),
    ),
    (0x0703, 0x00): _kept("display/message", "message"),
    (0x0705, 0x00): _activate_emergency_credit,
    (0x0705, 0x02): _change_debt,
    (0x0705, 0x03): _sets(emergencyCreditLimit=(0x0705, 0x0010), emergencyCreditThreshold=(0x0705, 0x0011)),
    (0x0705, 0x05): _adjust_credit,
    (0x0705, 0x06): _change_mode,
    (0x0705, 0x09): _sets(lowCreditWarningLevel=(0x0705, 0x0031)),
    (0x0705, 0x0B): _sets(maximumCreditLevel=(0x0705, 0x0021), maximumCreditPerTopUp=(0x0705, 0x0022)),
    (0x0705, 0x0C): _sets(overallDebtCap=(0x0705, 0x0006)),
    (0x0707, 0x00): _calendar,
    (0x0707, 0x01): _profile,
    (0x0707, 0x02): _profile,
    (0x0707, 0x03): _profile,
    (0x0707, 0x04): _special_days,
    (0x0708, 0x01): _kept("display/supplier", "providerName"),
    (0x0708, 0x03): _sets(siteId=(0x0702, 0x0307)),
    (0x0708, 0x04): _event_configuration,
    (0x0708, 0x06): _kept("display/cin", "customerIdNumber"),
}
