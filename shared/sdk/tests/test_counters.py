"""RequestID counters rise strictly, whatever the clock does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from dccemu_sdk import CounterSource


def test_a_counter_is_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000

    assert before <= CounterSource().next() <= time.time_ns() // 1_000_000


def test_counters_rise_when_the_clock_stands_or_goes_back() -> None:
    clock = iter([1000, 1000, 990, 2000, 5])
    source = CounterSource(lambda: next(clock))

    assert [source.next() for _ in range(5)] == [1000, 1001, 1002, 2000, 2001]


def test_counters_go_on_after_the_last_one_known() -> None:
    assert CounterSource(lambda: 5, after=100).next() == 101


def test_no_counter_is_given_twice_to_threads() -> None:
    source = CounterSource(lambda: 1)
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: source.next(), range(2000)))

    assert len(set(given)) == 2000
