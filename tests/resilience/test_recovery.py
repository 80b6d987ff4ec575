"""The chaos driver says truly how long a fault was felt."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from chaos_driver.recovery import back_after, rate

STEADY = [n / 10 for n in range(100)]
"""Ten answers a second for ten seconds."""


def _without(begin: float, end: float) -> list[float]:
    return [at for at in STEADY if not begin <= at < end]


def test_a_rate_is_answers_a_second() -> None:
    assert rate(STEADY, 1.0, 4.0) == pytest.approx(10, abs=0.5)


def test_a_strike_that_nobody_feels_is_over_at_once() -> None:
    assert back_after(STEADY, 3.0, before=10, until=10.0) == pytest.approx(0.0, abs=0.1)


def test_a_gap_lasts_until_answers_come_as_before() -> None:
    assert back_after(_without(3.0, 5.0), 3.0, before=10, until=10.0) == pytest.approx(2.0, abs=0.3)


def test_a_burst_of_what_had_piled_up_is_no_recovery() -> None:
    times = sorted([*_without(3.0, 6.0), *(4.0 + n / 1000 for n in range(12))])

    assert back_after(times, 3.0, before=10, until=10.0) == pytest.approx(3.0, abs=0.3)


def test_a_rate_that_stays_low_never_recovers() -> None:
    times = [at for n, at in enumerate(STEADY) if at < 3.0 or n % 2]

    assert back_after(times, 3.0, before=10, until=10.0) is None


def test_what_was_not_seen_to_last_is_not_recovered() -> None:
    assert back_after(STEADY, 8.0, before=10, until=9.0) is None
