"""Threshold anomaly detection: counting communications in sliding windows (service-request-processing.md section 16).

What counts is a request that was accepted and not quarantined: its row in ``requests`` is the count, so counting and
acceptance are one transaction, and a gateway that starts again counts from its rows. In memory there is a window of
the times of those rows for each threshold. A request passes through the windows before it is committed, and is given
back when it is not: two requests at the boundary never both pass.

A window that is made while requests are on their way is filled in three parts without gap or overlap: those that
entered and are not settled, those that enter from now on, and the rows of the database that are neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dccemu_protocol.anomaly import ANY_SERVICE, Threshold

from .windows import ALL_USERS, Watch


@dataclass(frozen=True, slots=True)
class Breach:
    """A threshold that one more communication would exceed: ``count`` were let through in its window."""

    watch: Watch
    threshold: Threshold
    count: int

    @property
    def by_dcc(self) -> bool:
        """Whether the DCC set the threshold."""
        return self.watch.owner == ALL_USERS


@dataclass(slots=True, eq=False)
class Passage:
    """A request on its way to being accepted. With a ``breach`` it was not counted: it is to be quarantined."""

    key: str
    user: str
    srv: str
    at: float
    watches: tuple[Watch, ...] = ()
    breach: Breach | None = None
    warnings: tuple[Breach, ...] = ()


class Anomalies:
    """The windows of all thresholds, and the requests on their way."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._applicable: dict[tuple[str, str], tuple[Watch, ...]] = {}
        self._open: set[Passage] = set()

    # -- requests ------------------------------------------------------------------------------------------------------

    def enter(self, key: str, user: str, srv: str, at: datetime, *, is_exempt: bool = False) -> Passage:
        """Count a request, unless it exceeds a threshold; ``settle`` or ``give_back`` must follow.

        ``key`` is the RequestID and the kind of message. ``is_exempt``: counted, never quarantined.
        """
        watches = self._applicable.get((user, srv))
        if watches is None:
            watches = self._find(user, srv)
        passage = Passage(key, user, srv, at.timestamp(), watches)
        if watches and self._judge(passage, at, is_exempt=is_exempt):
            return passage
        self._open.add(passage)
        return passage

    def _find(self, user: str, srv: str) -> tuple[Watch, ...]:
        # The User's own come first: where both are exceeded its own is told.
        found = [watch for watch in self._watches if watch.covers(user, srv)]
        found.sort(key=lambda watch: (watch.owner == ALL_USERS, watch.srv == ANY_SERVICE))
        self._applicable[user, srv] = watches = tuple(found)
        return watches

    def _judge(self, passage: Passage, at: datetime, *, is_exempt: bool) -> bool:
        warnings: list[Breach] = []
        now = passage.at
        for watch in passage.watches:
            threshold = watch.in_force(now, at) if watch.noted is None else None
            if threshold is None:
                continue
            count = watch.windows[threshold.window.total_seconds()].count(now)
            if count >= threshold.quarantine and not is_exempt:
                passage.breach = Breach(watch, threshold, count)
                return True
            if count == threshold.warning:
                warnings.append(Breach(watch, threshold, count))
        for watch in passage.watches:
            watch.add(now)
            watch.event = None
            if watch.noted is not None:
                watch.noted.add(passage.key)
        passage.warnings = tuple(warnings)
        return False

    def settle(self, passage: Passage) -> None:
        """The request is durable: it counts."""
        self._open.discard(passage)

    def give_back(self, passage: Passage) -> None:
        """The request was not accepted after all: it does not count."""
        if passage not in self._open:
            return
        self._open.discard(passage)
        for watch in passage.watches:
            watch.remove(passage.at)

    def admit(self, user: str, srv: str, at: datetime) -> None:
        """A quarantined request was released: it counts from when it was received."""
        for watch in self._applicable.get((user, srv)) or self._find(user, srv):
            watch.add(at.timestamp())

    # -- thresholds ----------------------------------------------------------------------------------------------------

    def prepare(self, owner: str, srv: str, rows: Iterable[Threshold]) -> Watch:
        """A watch that counts from now on; it is in force when its past is loaded (``load``, then ``put_in_force``)."""
        watch = Watch(owner, srv, tuple(rows))
        for passage in self._open:
            if watch.covers(passage.user, passage.srv):
                self._join(watch, passage)
        self._watches.append(watch)
        self._applicable.clear()
        return watch

    @staticmethod
    def _join(watch: Watch, passage: Passage) -> None:
        passage.watches = (*passage.watches, watch)
        watch.add(passage.at)
        assert watch.noted is not None
        watch.noted.add(passage.key)

    def load(self, watch: Watch, key: str, at: datetime) -> None:
        """Count a row of the database, unless it came since ``prepare``."""
        if watch.noted is not None and key not in watch.noted:
            watch.add(at.timestamp())

    def put_in_force(self, watch: Watch) -> None:
        """The past is loaded; the watch takes the place of an older one of the same owner and service."""
        watch.noted = None
        self._watches = [
            other for other in self._watches if other is watch or (other.owner, other.srv) != (watch.owner, watch.srv)
        ]
        self._applicable.clear()

    def watches(self) -> Iterable[Watch]:
        """All watches, those being loaded too."""
        return tuple(self._watches)

    def clear(self) -> None:
        """Forget every threshold (reset)."""
        self._watches.clear()
        self._applicable.clear()
