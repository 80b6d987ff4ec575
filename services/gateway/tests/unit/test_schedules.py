"""When schedules run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_gateway.domain.refusal import Refusal
from dccemu_gateway.domain.schedules import Schedule, check

FREQUENCIES = ("Daily", "Weekly", "Monthly", "Quarterly", "Half-Yearly", "Yearly")


def schedule(frequency: str = "Daily", start: str = "2026-01-31", **more: str) -> Schedule:
    details = {
        "ScheduleFrequency": frequency,
        "ScheduleStartDate": start,
        "DSPScheduledServiceReference": "4.6",
        "DSPRetrieveImportDailyReadLog": {
            "StartDateOffset": "-1",
            "StartTime": "00:00:00Z",
            "EndDateOffset": "0",
            "EndTime": "00:00:00Z",
        },
        **more,
    }
    user, device = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-A0"
    return Schedule(1, f"{user}:90-B3-D5-1F-30-00-00-02:7", user, device, "4.6.1", "IS", "5.4", details)


def runs(one: Schedule, count: int) -> list[str]:
    found, at = [], datetime(2025, 12, 31, tzinfo=UTC)
    for _ in range(count):
        at = one.next_run(at)
        assert at is not None
        found.append(at.isoformat()[:16])
    return found


def test_the_31st_runs_on_the_last_day_of_a_shorter_month() -> None:
    assert runs(schedule("Monthly"), 4) == [
        "2026-01-31T00:00",
        "2026-02-28T00:00",
        "2026-03-31T00:00",
        "2026-04-30T00:00",
    ]


def test_the_time_of_day_is_kept() -> None:
    assert runs(schedule("Weekly", ScheduleExecutionStartTime="04:30:00Z"), 2) == [
        "2026-01-31T04:30",
        "2026-02-07T04:30",
    ]


def test_it_ends_with_its_end_date() -> None:
    one = schedule("Daily", ScheduleEndDate="2026-02-01")

    assert one.next_run(datetime(2026, 2, 1, tzinfo=UTC)) is None


@given(
    st.sampled_from(FREQUENCIES),
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.integers(0, 800_000_000).map(lambda seconds: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
)
def test_the_next_run_is_later_and_none_is_left_out(frequency: str, start: date, after: datetime) -> None:
    one = schedule(frequency, start.isoformat())

    run = one.next_run(after)

    assert run is not None
    assert run > after
    assert run >= one.start
    before = one.next_run(run - timedelta(seconds=1))
    assert before == run


def test_a_run_asks_for_the_days_of_its_offsets() -> None:
    request = schedule().request(datetime(2026, 3, 5, 1, tzinfo=UTC), 99)

    texts = [element.text for element in request.body.iter() if element.text]
    assert texts == ["2026-03-04T00:00:00.000Z", "2026-03-05T00:00:00.000Z"]
    assert str(request.request_id) == "90-B3-D5-1F-30-01-00-00:00-DB-12-34-56-78-90-A0:99"


def test_the_parts_must_belong_together() -> None:
    with pytest.raises(Refusal, match="SCHEDULE_REFERENCE"):
        check(schedule(DSPScheduledServiceReference="4.8"), datetime(2026, 1, 1, tzinfo=UTC))
