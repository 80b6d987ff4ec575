"""Gas commands that are answered by data of their own (gbcs.md sections 7, 9 and 14).

Importing this module fills the table ``ANSWERS`` of :mod:`.gbz`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import times, zcl
from . import account, energy
from .events import noted
from .gas_attributes import attribute_value
from .gas_effects import attribute_name
from .gbz import ANSWERS, NOT_FOUND, Asked, ComponentRefused
from .logs import snapshot_times
from .occasion import Occasion
from .rules import rules
from .state import DeviceFacts, Draft
from .top_up import TopUpRefused, accept_utrn

EVENT_LOG_CLEARED = 0x8F52
_ALL_EVENTS = 0x81FF
_HALF_HOUR, _SIX_MINUTES, _DAY = 1_800, 360, 86_400
_UNTIL_NOW = 0xFFFFFFFE
MAX_SAMPLES = 4_464
_SNAPSHOTS = {0x0001: ("daily", 0x01), 0x6008: ("change", 0x08), 0x0002: ("billing", 0x02)}
_DEFAULT_CONFIGURATION = {
    0x8119: 0x18,
    0x8145: 0x03,
    0x8154: 0x03,
    0x8155: 0x03,
    0x8161: 0x03,
    0x8162: 0x03,
    0x81A0: 0x5B,
}


def _top_up(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    device = asked.number("originatingDevice")
    try:
        done = accept_utrn(occasion, asked.octets("topUpCode"))
        fields = {"resultType": 0, "topUpValue": done.value, "creditRemaining": done.balance}
    except TopUpRefused:
        fields = {"resultType": 1, "topUpValue": -1, "creditRemaining": -1}
    return [zcl.ZclCommand("ConsumerTopUpResponse", {**fields, "sourceOfTopUp": device})]


def _event_log(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    """Log 3 is the event log, 4 the security log; the high nibble asks for event data."""
    number = asked.number("eventControlLogId") & 0x0F
    begin, end = asked.number("startTime"), asked.number("endTime")
    wanted = asked.number("eventId")
    entries: list[zcl.Entry] = []
    for entry in noted(occasion.state, "security" if number == 4 else "event"):
        if not isinstance(entry, list):
            continue
        at, code, *extra = entry
        assert isinstance(at, int)
        assert isinstance(code, int)
        data = bytes.fromhex(extra[0]) if extra and isinstance(extra[0], str) else b""
        if begin <= at <= end and wanted in (0, code):
            entries.append({"logId": number, "eventId": code, "eventTime": at, "eventData": data})
    entries = entries[asked.number("eventOffset") :]
    limit = asked.number("numberOfEvents") or len(entries)
    if not entries:
        raise ComponentRefused(NOT_FOUND, stops=False)
    head = {"numberOfEvents": len(entries), "commandIndex": 0, "totalCommands": 1, "logPayloadControl": 0}
    return [zcl.ZclCommand("PublishEventLog", {**head, zcl.ENTRIES: tuple(entries[:limit])})]


def _clear_event_log(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    """Only the event log may be cleared; the answer has the bit of each cleared log."""
    number = asked.number("logId") & 0x0F
    cleared = 0
    if number in (0, 3):
        occasion.state.put("log/event", [])
        occasion.note("event", EVENT_LOG_CLEARED)
        cleared = 1 << 3
    return [zcl.ZclCommand("ClearEventLogResponse", {"clearedEventLogs": cleared})]


def _payment_mode(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    limit, threshold = (
        attribute_value(occasion, 0x0705, number, rules().attributes[0x0705, number]) for number in (0x0010, 0x0011)
    )
    fields = {"friendlyCredit": 1, "friendlyCreditCalendarId": 2}
    return [
        zcl.ZclCommand(
            "ChangePaymentModeResponse",
            {**fields, "emergencyCreditLimit": limit, "emergencyCreditThreshold": threshold},
        )
    ]


def _snapshot_head(occasion: Occasion, asked: Asked) -> tuple[int, dict[str, int]]:
    """The time of the snapshot asked for and the fields that both kinds begin with."""
    of, cause = _SNAPSHOTS.get(asked.number("snapshotCause"), ("daily", 0x01))
    begin, end = asked.number("earliestStartTime"), asked.number("latestEndTime")
    found = [at for at in snapshot_times(occasion, of) if begin <= at <= end]
    offset = asked.number("snapshotOffset")
    if offset >= len(found):
        raise ComponentRefused(NOT_FOUND, stops=False)
    return found[offset], {
        "snapshotId": offset,
        "snapshotTime": found[offset],
        "snapshotsFound": len(found),
        "commandIndex": 0,
        "totalCommands": 1,
        "snapshotCause": cause,
    }


def snapshot_fields(facts: DeviceFacts, state: Draft, at: int) -> dict[str, zcl.FieldValue]:
    """Registers as they were at an instant, as a metering snapshot has them."""
    day, night = energy.night_share(facts, state, "gas", at)
    whole = day + night
    return {
        "payloadType": 6,
        "currentSummation": whole,
        "tiersInUse": 4,
        **{"tier1": day, "tier2": night, "tier3": 0, "tier4": 0},
        "tiersAndBlocksInUse": 20,
        **{"block1": whole, "block2": 0, "block3": 0, "block4": 0},
    }


def _snapshot(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    at, head = _snapshot_head(occasion, asked)
    return [zcl.ZclCommand("PublishSnapshot", {**head, **snapshot_fields(occasion.facts, occasion.state, at)})]


def _prepay_snapshot(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    _, head = _snapshot_head(occasion, asked)
    state = occasion.state
    fields = {
        "payloadType": 0,
        "accumulatedDebt": account.amount(state, "accumulated-debt"),
        "timeDebt1": max(0, account.amount(state, "time-debt-1")),
        "timeDebt2": max(0, account.amount(state, "time-debt-2")),
        "paymentDebt": max(0, account.amount(state, "payment-debt")),
        "emergencyCreditBalance": account.amount(state, "emergency-credit"),
        "meterBalance": account.amount(state, "balance"),
    }
    return [zcl.ZclCommand("PublishPrepaySnapshot", {**head, **fields})]


def _entries(occasion: Occasion, log: str, asked: Asked) -> list[tuple[int, int, bytes]]:
    """Entries of a money log within the period asked for, newest first."""
    begin, end = asked.component.from_date_time or 0, asked.number("latestEndTime")
    found = []
    for entry in reversed(occasion.state.entries(f"log/{log}")):
        if isinstance(entry, list) and isinstance(entry[0], int) and begin <= entry[0] <= end:
            code = entry[2] if len(entry) > 2 else ""
            found.append((entry[0], int(str(entry[1])), bytes.fromhex(str(code))))
    if not found:
        raise ComponentRefused(NOT_FOUND, stops=False)
    return found


def _top_up_log(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    found = _entries(occasion, "credits", asked)[: asked.number("numberOfRecords")]
    entries: tuple[zcl.Entry, ...] = tuple(
        {"topUpCode": code, "amount": amount, "time": at} for at, amount, code in found
    )
    return [zcl.ZclCommand("PublishTopUpLog", {"commandIndex": 0, "totalCommands": 1, zcl.ENTRIES: entries})]


def _debt_log(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    found = _entries(occasion, "debt-payments", asked)[: asked.number("numberOfDebts")]
    left = max(0, account.amount(occasion.state, "payment-debt"))
    kind = asked.number("debtType")
    entries = tuple(
        {"collectionTime": at, "amountCollected": amount, "debtType": kind, "outstandingDebt": left}
        for at, amount, _ in found
    )
    return [zcl.ZclCommand("PublishDebtLog", {"commandIndex": 0, "totalCommands": 1, zcl.ENTRIES: entries})]


def _samples(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    """Sample 0 is the half-hour profile, 1 the daily consumption, 2 what was sampled after GCS31."""
    number = asked.number("sampleId")
    begin = max(asked.number("earliestSampleTime"), occasion.facts.installed)
    interval = {0: _HALF_HOUR, 1: _DAY}.get(number, _SIX_MINUTES)
    count = min(asked.number("numberOfSamples"), MAX_SAMPLES)
    if number == 2:
        begin = occasion.state.integer("sampling/start", occasion.seconds - count * interval)
    begin += -begin % interval if number != 2 else 0
    ends = range(begin + interval, min(begin + count * interval, occasion.seconds) + 1, interval)
    values = tuple(
        {"sample": min(0xFFFFFF, energy.period_value(occasion.facts, occasion.state, "gas", end, interval))}
        for end in ends
    )
    if not values:
        raise ComponentRefused(NOT_FOUND, stops=False)
    head = {
        "sampleId": number,
        "sampleStartTime": begin,
        "sampleType": asked.number("sampleType"),
        "sampleRequestInterval": 0xFFFF if number == 1 else interval,
        "numberOfSamples": len(values),
    }
    return [zcl.ZclCommand("GetSampledDataResponse", {**head, zcl.ENTRIES: values})]


def _start_sampling(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    occasion.state.put("sampling/start", asked.number("startSamplingTime") or occasion.seconds)
    return [zcl.ZclCommand("StartSamplingResponse", {"sampleId": 2})]


def _supply(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    fields = {
        "providerId": asked.number("providerId"),
        "issuerEventId": asked.number("issuerEventId"),
        "implementationTime": asked.number("implementationTime"),
        "supplyStatus": occasion.state.integer(attribute_name(0x0702, 0x0014), 2),
    }
    return [zcl.ZclCommand("SupplyStatusResponse", fields)]


def _event_configuration(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    configured = {int(code, 16): value for code, value in occasion.state.record("events/configuration").items()}
    everything = {**_DEFAULT_CONFIGURATION, **configured}
    wanted = asked.number("eventId")
    entries = tuple(
        {"eventId": code, "eventConfiguration": value}
        for code, value in sorted(everything.items())
        if wanted in (_ALL_EVENTS, code) and isinstance(value, int)
    )
    head = {"commandIndex": 0, "totalCommands": 1}
    return [zcl.ZclCommand("ReportEventConfiguration", {**head, zcl.ENTRIES: entries})]


# -- calendars -------------------------------------------------------------------------------------------------------

_FRIENDLY_CREDIT = 0xFFFFFFFE
_NEW_YEAR = zcl.ZclDate(None, 1, 1, None)
_CHRISTMAS = zcl.ZclDate(None, 12, 25, None)


def _calendar_type(asked: Asked) -> int:
    """Issuer calendar id FFFFFFFE asks for the non-disablement calendar, FFFFFFFF for the tariff's (GCS21b, GCS21f)."""
    return 3 if asked.number("issuerCalendarId") == _FRIENDLY_CREDIT else 0


def _stored(occasion: Occasion, asked: Asked, initial: Sequence[zcl.ZclCommand]) -> Sequence[zcl.ZclPayload]:
    """The profiles as they were published, else those the Device left the factory with."""
    component = asked.component
    entries = occasion.state.entries(f"calendar/{_calendar_type(asked)}/{component.command_id}")
    payloads = [bytes.fromhex(entry) for entry in entries if isinstance(entry, str)]
    publish = zcl.CLUSTER_SPECIFIC | zcl.SERVER_TO_CLIENT
    found = [zcl.decode(component.cluster, publish, component.command_id, payload) for payload in payloads]
    return found or initial


def _calendar_head(occasion: Occasion) -> dict[str, zcl.FieldValue]:
    return {"providerId": 0, "issuerEventId": occasion.facts.installed, "issuerCalendarId": occasion.facts.installed}


def _day_profiles(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    kind = _calendar_type(asked)
    schedule = [(0, 1), (480, 0), (1080, 1)] if kind == 3 else [(0, 2), (420, 1)]
    entries = tuple({"startMinutes": start, "priceTierOrEnable": value} for start, value in schedule)
    head = {**_calendar_head(occasion), "numberOfEntries": len(entries), "commandIndex": 0, "totalCommands": 1}
    return _stored(
        occasion,
        asked,
        [
            zcl.ZclCommand("PublishDayProfile", {**head, "dayId": day, "calendarType": kind, zcl.ENTRIES: entries})
            for day in (1, 2)
        ],
    )


def _week_profiles(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    days = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), 1) | {"sat": 2, "sun": 2}
    return _stored(
        occasion, asked, [zcl.ZclCommand("PublishWeekProfile", {**_calendar_head(occasion), "weekId": 1, **days})]
    )


def _seasons(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    head = {**_calendar_head(occasion), "commandIndex": 0, "totalCommands": 1}
    season: zcl.Entry = {"startDate": _NEW_YEAR, "weekIdRef": 1}
    return _stored(occasion, asked, [zcl.ZclCommand("PublishSeasons", {**head, zcl.ENTRIES: (season,)})])


def _special_days(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    head = {
        **_calendar_head(occasion),
        "startTime": 0,
        "calendarType": _calendar_type(asked),
        "numberOfSpecialDays": 1,
        "commandIndex": 0,
        "totalCommands": 1,
    }
    day: zcl.Entry = {"date": _CHRISTMAS, "dayIdRef": 2}
    return _stored(occasion, asked, [zcl.ZclCommand("PublishSpecialDays", {**head, zcl.ENTRIES: (day,)})])


def _price(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    def value(number: int) -> int | bytes:
        return attribute_value(occasion, 0x0700, number, rules().attributes[0x0700, number])

    fields: dict[str, zcl.FieldValue] = {
        "providerId": 0,
        "rateLabel": b"",
        "issuerEventId": occasion.facts.installed,
        "currentTime": times.seconds_since_2000(occasion.device_time),
        "unitOfMeasure": 1,
        "currency": value(0x0616),
        "trailingDigitAndTier": 0x51,
        "tiersAndRegisterTier": 0x41,
        "startTime": 0,
        "durationMinutes": 1440,
        "price": value(0x0410),
        "rest": b"",
    }
    return [zcl.ZclCommand("PublishPrice", fields)]


def _billing_period(occasion: Occasion, asked: Asked) -> Sequence[zcl.ZclPayload]:
    stored = occasion.state.octets("billing/period")
    publish = zcl.CLUSTER_SPECIFIC | zcl.SERVER_TO_CLIENT
    if stored is not None:
        return [zcl.decode(0x0700, publish, 0x09, stored)]
    month = occasion.at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    fields = {
        "providerId": 0,
        "issuerEventId": occasion.facts.installed,
        "startTime": times.seconds_since_2000(month),
        "duration": 1,
        "durationType": 0x23,
        "tariffType": 0,
    }
    return [zcl.ZclCommand("PublishBillingPeriod", fields)]


ANSWERS.update(
    {
        "top-up": _top_up,
        "event-log": _event_log,
        "clear-event-log": _clear_event_log,
        "payment-mode": _payment_mode,
        "snapshot": _snapshot,
        "prepay-snapshot": _prepay_snapshot,
        "top-up-log": _top_up_log,
        "debt-log": _debt_log,
        "samples": _samples,
        "start-sampling": _start_sampling,
        "supply": _supply,
        "event-configuration": _event_configuration,
        "day-profiles": _day_profiles,
        "week-profiles": _week_profiles,
        "seasons": _seasons,
        "special-days": _special_days,
        "price": _price,
        "billing-period": _billing_period,
    }
)
