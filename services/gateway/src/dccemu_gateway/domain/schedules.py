"""Schedules of Service Requests: when they run and what they ask (service-request-processing.md section 10).

One schedule: one Device, one of the 14 schedulable services, a frequency, a start date, perhaps an end date and a
time of day. Log reads name their period by offsets in days from the day of the run.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

from lxml import etree

from dccemu_protocol import catalogue
from dccemu_protocol.catalogue import ServiceRequestVariant
from dccemu_protocol.duis import DuisRequest, Element, write_date_time
from dccemu_protocol.duis.names import sr
from dccemu_protocol.identifiers import RequestId

from .commands import JsonValue
from .refusal import Refusal

MOST = 99
"""Schedules of one User for one Device: what an answer to 5.2 holds."""

_MONTHS: Mapping[str, int] = {"Monthly": 1, "Quarterly": 3, "Half-Yearly": 6, "Yearly": 12}
_DAYS: Mapping[str, int] = {"Daily": 1, "Weekly": 7}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule; ``details`` is the content of the 5.1 body as nested names and texts."""

    id: int
    request_id: str
    user: str
    device: str
    srv: str
    role: str
    schema_version: str
    details: Mapping[str, JsonValue]

    @property
    def start(self) -> datetime:
        """The first run."""
        return datetime.combine(
            _date(self.text("ScheduleStartDate")), _time(self.text("ScheduleExecutionStartTime")), UTC
        )

    @property
    def end(self) -> date | None:
        """The last day on which it may run."""
        found = self.text("ScheduleEndDate")
        return _date(found) if found else None

    @property
    def variant(self) -> ServiceRequestVariant:
        """The service that runs."""
        return catalogue.service_requests[self.srv]

    def text(self, name: str) -> str:
        found = self.details.get(name, "")
        return found if isinstance(found, str) else ""

    def next_run(self, after: datetime) -> datetime | None:
        """The first run later than an instant; None when the end date has passed."""
        frequency, start = self.text("ScheduleFrequency"), self.start
        run, count = start, 0
        if after >= start and frequency in _DAYS:
            count = (after - start) // timedelta(days=_DAYS[frequency])
        elif after >= start:
            count = ((after.year - start.year) * 12 + after.month - start.month) // _MONTHS[frequency]
        while (run := self._run(start, frequency, count)) <= after:
            count += 1
        return None if self.end is not None and run.date() > self.end else run

    def _run(self, start: datetime, frequency: str, count: int) -> datetime:
        if frequency in _DAYS:
            return start + timedelta(days=_DAYS[frequency] * count)
        month = start.month - 1 + _MONTHS[frequency] * count
        year, month = start.year + month // 12, month % 12 + 1
        # The 31st runs on the last day of a shorter month.
        return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))

    def request(self, at: datetime, counter: int) -> DuisRequest:
        """The Service Request of a run, as the User would have sent it."""
        variant = self.variant
        named = RequestId.parse(self.request_id)
        return DuisRequest(
            request_id=RequestId(named.originator, RequestId.parse(f"{self.user}:{self.device}:0").target, counter),
            command_variant=1,
            service_reference=variant.service_reference,
            service_reference_variant=variant.srv,
            first_in_sequence=None,
            preceding=None,
            schema_version=self.schema_version,
            body_name=variant.body_element,
            element=self._body(at),
            execution_date_time=None,
            gbcs_payload=None,
        )

    def _body(self, at: datetime) -> Element:
        variant = self.variant
        body = etree.Element(sr(variant.body_element))
        offsets = self.details.get(variant.schedule_element or "")
        if isinstance(offsets, dict) and "StartDateOffset" in offsets:
            period = etree.SubElement(body, sr("ReadLogPeriod"))
            for name in ("Start", "End"):
                element = etree.SubElement(period, sr(f"{name}DateTime"))
                element.text = write_date_time(_instant(cast("dict[str, str]", offsets), name, at))
        certificate = self.text("KAPublicSecurityCredential")
        if certificate and variant.accepts_urp_ka_certificate:
            etree.SubElement(body, sr("KAPublicSecurityCredentials")).text = certificate
        return body


def check(schedule: Schedule, at: datetime) -> None:
    """The rules of 5.1 that need no other facts (response codes E050101 to E050109).

    Raises
    ------
    Refusal
    """
    variant = catalogue.service_requests.get(schedule.srv)
    if (
        variant is None
        or not variant.schedulable
        or schedule.text("DSPScheduledServiceReference") != variant.service_reference
        or variant.schedule_element not in schedule.details
    ):
        raise Refusal(
            "SCHEDULE_REFERENCE",
            expected="a schedulable service, its Service Reference and its data element",
            got=f"{schedule.text('DSPScheduledServiceReference')}, {schedule.srv}, {', '.join(schedule.details)}",
        )
    if schedule.start.date() < at.date():
        raise Refusal("SCHEDULE_START_PAST", expected=f"a start from {at.date()} on", got=str(schedule.start.date()))
    if schedule.end is not None and schedule.end < schedule.start.date():
        raise Refusal(
            "SCHEDULE_END_BEFORE_START", expected=f"an end after {schedule.start.date()}", got=str(schedule.end)
        )
    offsets = schedule.details.get(variant.schedule_element or "")
    if isinstance(offsets, dict) and "StartDateOffset" in offsets:
        parts = cast("dict[str, str]", offsets)
        if _instant(parts, "End", at) < _instant(parts, "Start", at):
            raise Refusal("SCHEDULE_PERIOD", expected="a period that ends after its start", got=str(parts))


def _instant(offsets: Mapping[str, str], name: str, at: datetime) -> datetime:
    day = at.date() + timedelta(days=int(offsets[f"{name}DateOffset"]))
    return datetime.combine(day, _time(offsets[f"{name}Time"]), UTC)


def _date(text: str) -> date:
    return date.fromisoformat(text.strip()[:10])


def _time(text: str) -> time:
    """An xs:time, UTC; absent means midnight."""
    text = text.strip().rstrip("Z")
    return time.fromisoformat(text[:8]) if text else time()
