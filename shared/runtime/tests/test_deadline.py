"""A deadline passes once, when the moment that was set last is over and was not lifted."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import cast

import pytest

from dccemu_runtime.http.deadline import Deadline


class HandLoop:
    """A loop whose time a test moves by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> HandTimer:
        self.timers.append((when, callback))
        return HandTimer(self, (when, callback))

    def pass_by(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = first[0]
            first[1]()
        self.now = end


class HandTimer:
    def __init__(self, loop: HandLoop, timer: tuple[float, Callable[[], None]]) -> None:
        self._loop, self._timer = loop, timer

    def cancel(self) -> None:
        self._loop.timers.remove(self._timer)


@pytest.fixture
def loop() -> HandLoop:
    return HandLoop()


@pytest.fixture
def passed() -> list[float]:
    return []


@pytest.fixture
def deadline(loop: HandLoop, passed: list[float]) -> Deadline:
    return Deadline(cast(AbstractEventLoop, loop), lambda: passed.append(loop.now))


def test_it_passes_once_when_its_time_is_over(loop: HandLoop, deadline: Deadline, passed: list[float]) -> None:
    deadline.set(10)
    loop.pass_by(60)

    assert passed == [110]
    assert not deadline.is_set


def test_one_that_moved_on_passes_at_the_later_moment(loop: HandLoop, deadline: Deadline, passed: list[float]) -> None:
    deadline.set(10)
    loop.pass_by(5)
    deadline.set(10)
    loop.pass_by(60)

    assert passed == [115]


def test_one_that_was_drawn_nearer_passes_at_the_nearer_moment(
    loop: HandLoop, deadline: Deadline, passed: list[float]
) -> None:
    deadline.set(30)
    deadline.set(10)
    loop.pass_by(60)

    assert passed == [110]


def test_one_that_was_lifted_passes_only_when_it_is_set_again(
    loop: HandLoop, deadline: Deadline, passed: list[float]
) -> None:
    deadline.set(10)
    deadline.lift()
    loop.pass_by(5)
    deadline.set(20)
    loop.pass_by(60)

    assert passed == [125]


def test_one_that_is_closed_leaves_no_timer(loop: HandLoop, deadline: Deadline) -> None:
    deadline.set(10)
    deadline.close()

    assert loop.timers == []
