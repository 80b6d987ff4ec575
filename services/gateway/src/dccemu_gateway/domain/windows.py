"""Sliding windows, and the thresholds that are held against them (service-request-processing.md section 16)."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from dccemu_protocol.anomaly import ANY_SERVICE, Threshold, in_force

ALL_USERS = "*"
"""Owner of the thresholds that the DCC sets over all Users."""
_NEVER = float("inf")


class Window:
    """Times of communications within the last ``seconds``, in order."""

    __slots__ = ("_seconds", "_times")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()

    def count(self, now: float) -> int:
        """How many lie in the window that ends now: later than ``now`` less its length."""
        times, start = self._times, now - self._seconds
        while times and times[0] <= start:
            times.popleft()
        return len(times)

    def add(self, at: float) -> None:
        times = self._times
        if times and at < times[-1]:
            insort(times, at)
        else:
            times.append(at)

    def remove(self, at: float) -> None:
        place = bisect_left(self._times, at)
        if place < len(self._times) and self._times[place] == at:
            del self._times[place]


@dataclass(slots=True, eq=False)
class Watch:
    """All thresholds of one owner (a User ID, or ``*`` for the DCC) for one service (or ``*``), with their windows.

    ``event`` is the reference of the breach that goes on. ``noted`` are requests that came while the past was still
    being loaded; None: it is loaded, the thresholds are in force.
    """

    owner: str
    srv: str
    rows: tuple[Threshold, ...]
    event: int | None = None
    noted: set[str] | None = field(default_factory=set)
    windows: dict[float, Window] = field(init=False)
    _current: Threshold | None = field(default=None, init=False)
    _since: float = field(default=_NEVER, init=False)
    _until: float = field(default=-_NEVER, init=False)

    def __post_init__(self) -> None:
        self.windows = {seconds: Window(seconds) for seconds in {row.window.total_seconds() for row in self.rows}}

    @property
    def longest(self) -> float:
        """Seconds of the longest window."""
        return max(self.windows)

    def covers(self, user: str, srv: str) -> bool:
        """Whether communications of a User and a service count here."""
        return self.owner in (user, ALL_USERS) and self.srv in (srv, ANY_SERVICE)

    def in_force(self, now: float, at: datetime) -> Threshold | None:
        """The threshold in force; worked out again when one begins or ends."""
        if not self._since <= now < self._until:
            edges = sorted({edge.timestamp() for one in self.rows for edge in (one.valid_from, one.valid_to) if edge})
            self._since = max((edge for edge in edges if edge <= now), default=-_NEVER)
            self._until = min((edge for edge in edges if edge > now), default=_NEVER)
            self._current = in_force(self.rows, at)
        return self._current

    def add(self, at: float) -> None:
        for window in self.windows.values():
            window.add(at)

    def remove(self, at: float) -> None:
        for window in self.windows.values():
            window.remove(at)
