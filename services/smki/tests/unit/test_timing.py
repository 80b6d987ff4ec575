"""Windows and paces on UK local time, summer and winter (smki.md section 5.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dccemu_smki.domain.timing import ad_hoc_pace, batch_window_ends, is_batch_window, next_batch_window


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-10T19:59:59+00:00", False),
        ("2026-01-10T20:00:00+00:00", True),
        ("2026-01-11T07:59:59+00:00", True),
        ("2026-01-11T08:00:00+00:00", False),
        ("2026-07-10T18:59:59+00:00", False),  # British Summer Time
        ("2026-07-10T19:00:00+00:00", True),
        ("2026-07-11T07:00:00+00:00", False),
    ],
)
def test_batches_run_from_eight_in_the_evening_to_eight_in_the_morning(at: str, is_open: bool) -> None:
    assert is_batch_window(datetime.fromisoformat(at)) is is_open


def test_the_next_window_and_its_end() -> None:
    noon = datetime(2026, 7, 10, 12, tzinfo=UTC)

    assert next_batch_window(noon) == datetime(2026, 7, 10, 19, tzinfo=UTC)
    assert batch_window_ends(next_batch_window(noon)) == datetime(2026, 7, 11, 7, tzinfo=UTC)


def test_the_pace_of_ad_hoc_requests() -> None:
    assert ad_hoc_pace(datetime(2026, 1, 10, 7, tzinfo=UTC)) == timedelta(seconds=0.8)
    assert ad_hoc_pace(datetime(2026, 1, 10, 20, tzinfo=UTC)) == timedelta(seconds=4)
    assert ad_hoc_pace(datetime(2026, 7, 10, 6, 30, tzinfo=UTC)) == timedelta(seconds=0.8)
