"""A moment by which something must have happened, set and lifted many times over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls ``passed`` when the moment that was set last is over and was not lifted.

    Hardly any deadline of a connection ever passes, and setting a timer of the loop costs more than a look at the
    time: so the timer is left as it is when the moment moves on, and looks anew when it goes off.
    """

    __slots__ = ("_at", "_looks_at", "_loop", "_passed", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[], None]) -> None:
        self._loop = loop
        self._passed = passed
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0.0

    @property
    def is_set(self) -> bool:
        return self._at is not None

    def set(self, seconds: float) -> None:
        """From now on; what was set before is forgotten."""
        self.set_at(self._loop.time() + seconds)

    def set_at(self, at: float) -> None:
        """By the time of the loop."""
        self._at = at
        if self._timer is not None:
            if self._looks_at <= at:
                return
            self._timer.cancel()
        self._look_at(at)

    def lift(self) -> None:
        """There is no deadline until one is set."""
        self._at = None

    def close(self) -> None:
        """Lift it and keep no timer."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, at: float) -> None:
        self._looks_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._at is None:
            return
        if self._at > self._loop.time():
            self._look_at(self._at)
            return
        self._at = None
        self._passed()
