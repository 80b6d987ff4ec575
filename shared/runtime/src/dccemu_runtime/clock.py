"""The Clock port: every due time, validity check and time-out asks it.

It runs with real time plus an offset, or it is frozen at an instant. Whoever sleeps in clock time wakes when an
operator freezes, sets or advances the Clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dccemu_contracts.controls import ClockControl

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 12, 31, tzinfo=UTC)
"""What the Clock may be set to: messages carry seconds since 1970, and the year 3000 has a meaning of its own."""


class Clock:
    """The emulator's time, always timezone-aware UTC.

    Parameters
    ----------
    frozen_at
        Start frozen at this instant; otherwise the Clock runs with real time.
    """

    def __init__(self, frozen_at: datetime | None = None) -> None:
        self._frozen: datetime | None = None if frozen_at is None else _utc(frozen_at)
        self._offset = timedelta()
        self._callbacks: list[Callable[[], None]] = []
        self._sleepers: set[asyncio.Event] = set()

    def now(self) -> datetime:
        """The present instant."""
        if self._frozen is not None:
            return self._frozen
        return datetime.now(UTC) + self._offset if self._offset else datetime.now(UTC)

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self, at: datetime | None = None) -> None:
        """Stop at ``at``, or at the present instant."""
        self._frozen = self.now() if at is None else _utc(at)
        self._changed()

    def set(self, at: datetime) -> None:
        """Jump to ``at``; a frozen Clock stays frozen, a running one runs on from there."""
        if self._frozen is not None:
            self._frozen = _utc(at)
        else:
            self._offset = _utc(at) - datetime.fromtimestamp(time.time(), UTC)
        self._changed()

    def advance(self, delta: timedelta) -> None:
        """Jump forward by ``delta``.

        Raises
        ------
        ValueError
            When ``delta`` is negative: use ``set`` to go back.
        """
        if delta < timedelta():
            raise ValueError(f"cannot advance by {delta}: it is negative")
        if self._frozen is not None:
            self._frozen += delta
        else:
            self._offset += delta
        self._changed()

    def resume(self) -> None:
        """Run on from the present instant."""
        if self._frozen is not None:
            self._offset = self._frozen - datetime.fromtimestamp(time.time(), UTC)
            self._frozen = None
            self._changed()

    async def sleep(self, seconds: float) -> None:
        """Wait until ``seconds`` of clock time have passed."""
        await self.wait_until(self.now() + timedelta(seconds=seconds))

    async def wait_until(self, due: datetime) -> None:
        """Wait until the Clock shows ``due`` or later."""
        while (remaining := (due - self.now()).total_seconds()) > 0:
            changed = asyncio.Event()
            self._sleepers.add(changed)
            try:
                async with asyncio.timeout(None if self._frozen is not None else remaining):
                    await changed.wait()
            except TimeoutError:
                pass
            finally:
                self._sleepers.discard(changed)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each freeze, set, advance or resume."""
        self._callbacks.append(callback)

    def control(self, message_id: str) -> ClockControl:
        """The present state as a message for the other processes."""
        now = self.now()
        return ClockControl(
            id=message_id,
            at=now,
            frozen=self.is_frozen,
            instant=now if self.is_frozen else None,
            offset_seconds=self._offset.total_seconds(),
        )

    def apply(self, control: ClockControl) -> None:
        """Take the state that another process announced."""
        if control.frozen and control.instant is not None:
            target, offset = _utc(control.instant), self._offset
        else:
            target, offset = None, timedelta(seconds=control.offset_seconds)
        if (target, offset) != (self._frozen, self._offset):
            self._frozen, self._offset = target, offset
            self._changed()

    def _changed(self) -> None:
        for sleeper in list(self._sleepers):
            sleeper.set()
        for callback in list(self._callbacks):
            callback()


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone")
    return at.astimezone(UTC)
