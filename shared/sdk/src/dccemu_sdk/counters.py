"""RequestID counters: milliseconds since 1970, strictly rising (duis.md section 3, counters 1)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def milliseconds_since_1970() -> int:
    return time.time_ns() // 1_000_000


class CounterSource:
    """Gives each counter once, whatever the clock does. One source for all that a User sends.

    Parameters
    ----------
    now
        Milliseconds since 1970; replace it to follow a clock that a test controls.
    after
        No counter is given at or below this one.
    """

    def __init__(self, now: Callable[[], int] = milliseconds_since_1970, *, after: int = 0) -> None:
        self._now = now
        self._last = after
        self._lock = threading.Lock()

    def next(self) -> int:
        """The next counter."""
        with self._lock:
            self._last = max(self._last + 1, self._now())
            return self._last
