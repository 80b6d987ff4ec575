"""Check 25: counting requests as they are accepted, over restarts and over a database that goes away.

The windows are in memory (``domain.anomaly``); this part loads them, and finds out what became of requests whose commit
was cut off: until that is known they count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

import asyncpg
import structlog
from prometheus_client import Counter

from dccemu_protocol.anomaly import Threshold
from dccemu_protocol.catalogue import FutureDating
from dccemu_runtime.clock import Clock
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE

from ..adapters.anomaly import AnomalyRows, Owned
from ..domain.anomaly import Anomalies, Passage
from ..domain.examination import Examination
from ..domain.windows import ALL_USERS, Watch

log = structlog.get_logger(__name__)

ANOMALIES = Counter("dccemu_gateway_anomalies", "Requests above a threshold", ["level", "set_by"])
_NOT_COUNTED = frozenset({4, 8})
_KEPT_HERE = frozenset({FutureDating.DSP, FutureDating.DSP_AND_DEVICE})


class Detection:
    """Watches the thresholds of Users and of the DCC."""

    def __init__(self, rows: AnomalyRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._anomalies = Anomalies()
        self._doubts: list[Passage] = []
        self._resolving: asyncio.Task[None] | None = None
        self._learning = asyncio.Lock()

    async def start(self) -> None:
        """Load the thresholds and count what was accepted in their windows."""
        await self.learn(await self._rows.thresholds())

    async def stop(self) -> None:
        if self._resolving is not None:
            self._resolving.cancel()
            await asyncio.gather(self._resolving, return_exceptions=True)

    def enter(self, examination: Examination) -> Passage | None:
        """Count a request that passed every other check; None: its kind does not count.

        A cancellation that the DCC carries out itself counts but is never quarantined: it sends nothing.
        """
        request = examination.submitted
        if request.command_variant in _NOT_COUNTED:
            return None
        passage = self._anomalies.enter(
            f"{examination.request_text} {examination.kind}",
            examination.user_text,
            request.service_reference_variant,
            examination.at,
            is_exempt=request.is_cancellation and examination.service_request.future_dating in _KEPT_HERE,
        )
        if passage.breach is not None:
            ANOMALIES.labels("quarantine", "DCC" if passage.breach.by_dcc else "User").inc()
        for warning in passage.warnings:
            ANOMALIES.labels("warning", "DCC" if warning.by_dcc else "User").inc()
            owner, srv = warning.watch.owner, warning.watch.srv
            log.warning("anomaly warning level exceeded", owner=owner, srv=srv, level=warning.threshold.warning)
        return passage

    def settle(self, passage: Passage | None) -> None:
        """The request is durable."""
        if passage is not None:
            self._anomalies.settle(passage)

    def give_back(self, passage: Passage | None) -> None:
        """The request was refused after all."""
        if passage is not None:
            self._anomalies.give_back(passage)

    def doubt(self, passage: Passage | None) -> None:
        """Nobody knows whether the request is durable: it counts until the database tells."""
        if passage is None or passage.breach is not None:
            return
        self._doubts.append(passage)
        if self._resolving is None or self._resolving.done():
            self._resolving = asyncio.create_task(self._resolve(), name="anomaly doubts")

    async def _resolve(self) -> None:
        while self._doubts:
            passage = self._doubts[-1]
            request_id, _, kind = passage.key.partition(" ")
            try:
                accepted = await self._rows.is_accepted(request_id, kind)
            except (asyncpg.PostgresError, *CONNECTION_TROUBLE):
                await asyncio.sleep(1)
                continue
            self._doubts.remove(passage)
            if accepted:
                self._anomalies.settle(passage)
            else:
                self._anomalies.give_back(passage)

    def admit(self, user: str, srv: str, received_at: datetime) -> None:
        """A released request counts from when it was received."""
        self._anomalies.admit(user, srv, received_at)

    async def learn(self, thresholds: Iterable[Owned]) -> None:
        """Put thresholds in force: given are all rows of each owner and service concerned."""
        async with self._learning:
            now = self._clock.now()
            ordered = sorted(thresholds, key=_place)
            fresh: list[Watch] = []
            for (owner, srv), rows in groupby(ordered, key=_place):
                kept = [one.threshold for one in rows if not _is_over(one.threshold, now.timestamp())]
                if kept:
                    fresh.append(self._anomalies.prepare(owner, srv, kept))
            if not fresh:
                return
            while True:
                try:
                    await self._load(fresh, now)
                    return
                except CONNECTION_TROUBLE as error:
                    log.warning("thresholds wait for the database", error=repr(error))
                    await asyncio.sleep(1)

    async def _load(self, fresh: list[Watch], now: datetime) -> None:
        """Count the past and put the watches in force."""
        since = now - timedelta(seconds=max(watch.longest for watch in fresh))
        everybody = any(watch.owner == ALL_USERS for watch in fresh)
        users = None if everybody else sorted({watch.owner for watch in fresh})
        past = [row async for row in self._rows.past(since, users)]
        for request_id, kind, user, srv, at in past:
            for watch in fresh:
                if watch.covers(user, srv):
                    self._anomalies.load(watch, f"{request_id} {kind}", at)
        for watch in fresh:
            self._anomalies.put_in_force(watch)

    def watches(self) -> list[Watch]:
        """What is watched."""
        return [watch for watch in self._anomalies.watches() if watch.noted is None]


def _place(owned: Owned) -> tuple[str, str]:
    return owned.owner, owned.threshold.srv


def _is_over(threshold: Threshold, now: float) -> bool:
    return threshold.valid_to is not None and threshold.valid_to.timestamp() <= now
