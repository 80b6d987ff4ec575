"""The courier: brings documents to the Users' Receive Response Services.

duis.md section 1, items 6 and 7: any 2xx means taken; a User that is away gets the same document again, after
growing pauses on the Clock, in order for each Device, until it is taken. The row of a delivery comes first and
tells everything: attempts, due time, last error. Here in memory is only the order in which rows are worked on: a
*lane* for each User and Device, an *endpoint* for each User.

A document that its User refuses (4xx) holds up its own lane only; a User that cannot be reached or fails (no
connection, 5xx) holds up all its lanes, and one of them tries again when the pause is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import structlog
from prometheus_client import Counter

from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Faults
from dccemu_runtime.groupcommit import CONNECTION_TROUBLE, Overloaded, StoreUnavailable, Unit
from dccemu_runtime.http.pool import Answer, DeliveryFailed

from ..domain.lifecycle import DELIVERY_LIFE, DeliveryEvent, DeliveryState, advance
from .operations import DELIVERY_NAMES, Delivery, delivered, not_taken

log = structlog.get_logger(__name__)

#: Real seconds between two looks for rows that nobody offered.
SWEEP_SECONDS = 15.0

DELIVERIES = Counter("dccemu_gateway_deliveries", "Attempts to deliver to Users", ["outcome"])
_TAKEN, _NOT_TAKEN = DELIVERIES.labels("taken"), DELIVERIES.labels("not taken")

_PENDING = f"""
SELECT {DELIVERY_NAMES}, attempts FROM deliveries WHERE state = 'pending' ORDER BY position"""  # noqa: S608 - columns
_PENDING_IDS = "SELECT id FROM deliveries WHERE state = 'pending' ORDER BY position LIMIT 1000"
_PENDING_OF = f"""
SELECT {DELIVERY_NAMES}, attempts FROM deliveries WHERE state = 'pending' AND id = ANY($1)
ORDER BY position"""  # noqa: S608 - columns
_DOCUMENT = "SELECT document FROM deliveries WHERE id = $1"


@dataclass(slots=True)
class _Lane:
    """Deliveries of one User and Device, first come first served."""

    queue: deque[Delivery] = field(default_factory=deque)
    is_busy: bool = False


@dataclass(slots=True)
class _Endpoint:
    """One User: its lanes with work that is due, workers, and how it fares."""

    user: str
    lanes: dict[str, _Lane] = field(default_factory=dict)
    ready: deque[str] = field(default_factory=deque)
    workers: int = 0
    failures: int = 0
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pauses:
    """Growing pauses between attempts.

    ``last`` is the longest for a document that its User refuses; ``away`` that for a User that cannot be reached or
    fails: a single lane tries then, and all wait for it, so it soon notices that the User is back.
    """

    first: timedelta
    last: timedelta
    away: timedelta

    def after(self, attempts: int, share: float, *, is_away: bool) -> timedelta:
        """The pause after so many attempts: doubled each time, up to the longest; ``share`` of a tenth is left out,
        so that Users that failed together are not tried together."""
        doubled = self.first * float(1 << min(attempts - 1, 30))
        return min(doubled, self.away if is_away else self.last) * (1 - share / 10)


class Courier:
    """Delivers; ``offer`` is told of each new row once it is durable."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        faults: Faults,
        post: Callable[[str, bytes], Awaitable[Answer]],
        receiver: Callable[[str], str | None],
        pauses: Pauses,
        jitter: Entropy,
        *,
        per_user: int,
        bodies: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._faults = faults
        self._post = post
        self._receiver = receiver
        self._pauses = pauses
        self._jitter = jitter
        self._per_user = per_user
        self._bodies = bodies
        self._held = 0
        self._endpoints: dict[str, _Endpoint] = {}
        self._waiting: dict[tuple[str, str], datetime] = {}
        self._wake = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._pacer: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._known: set[str] = set()
        self._suspects: set[str] = set()
        self._kept_back: dict[str, tuple[_Endpoint, str] | None] = {}
        self._is_stopping = False

    async def start(self) -> None:
        """Take up what is waiting from before."""
        self._take_up(await self._database.pool.fetch(_PENDING))
        self._clock.on_change(self._wake.set)
        self._pacer = asyncio.create_task(self._pace(), name="courier")
        self._sweeper = asyncio.create_task(self._sweep(), name="courier sweep")

    async def stop(self) -> None:
        """Cut what is under way: its rows are still pending."""
        self._is_stopping = True
        tasks = [*self._workers, *(task for task in (self._pacer, self._sweeper) if task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def offer(self, delivery: Delivery) -> None:
        """A delivery became durable."""
        self._known.add(delivery.id)
        if self._held >= self._bodies:
            delivery.document = None
        elif delivery.document is not None:
            self._held += 1
        endpoint = self._endpoints.get(delivery.user)
        if endpoint is None:
            endpoint = self._endpoints[delivery.user] = _Endpoint(delivery.user)
        lane = endpoint.lanes.get(delivery.device)
        if lane is None:
            lane = endpoint.lanes[delivery.device] = _Lane()
        lane.queue.append(delivery)
        if not lane.is_busy:
            lane.is_busy = True
            self._schedule(endpoint, delivery.device, lane.queue[0].due_at)

    def hold(self, identity: str) -> None:
        """Keep a delivery that will be offered back, and what comes after it in its lane, until it is released."""
        self._kept_back[identity] = None

    def release(self, identity: str) -> None:
        """Let a delivery go that was held, whether it has been offered or not."""
        lane = self._kept_back.pop(identity, None)
        if lane is not None:
            self._schedule(*lane, self._clock.now())

    def receiver_changed(self, user: str | None = None) -> None:
        """A Receive Response Service became known or moved: try at once."""
        for endpoint in self._endpoints.values():
            if user in (None, endpoint.user):
                endpoint.paused_until, endpoint.failures = None, 0
                for device in list(endpoint.lanes):
                    if (endpoint.user, device) in self._waiting:
                        self._waiting[endpoint.user, device] = self._clock.now()
        self._wake.set()

    def backlog(self) -> dict[str, int]:
        """Deliveries that wait, by User."""
        return {
            user: sum(len(lane.queue) for lane in endpoint.lanes.values())
            for user, endpoint in self._endpoints.items()
            if endpoint.lanes
        }

    # -- rows that nobody offered ------------------------------------------------------------------------------------

    async def sweep_once(self) -> int:
        """Take up pending rows that were not offered, and were not at the last look either; how many.

        A transaction whose commit was cut off may be durable although its writer was told nothing (promise I1).
        """
        pending = {row[0] for row in await self._database.pool.fetch(_PENDING_IDS)}
        unknown = pending - self._known
        orphans = unknown & self._suspects
        self._suspects = unknown - orphans
        if orphans:
            self._take_up(await self._database.pool.fetch(_PENDING_OF, list(orphans)))
        return len(orphans)

    def _take_up(self, rows: list[asyncpg.Record]) -> None:
        for row in rows:
            delivery = Delivery(*list(row)[:10])
            delivery.attempts = row["attempts"]
            self.offer(delivery)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                taken_up = await self.sweep_once()
            except (asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.info("the sweep waits for the database", error=repr(error))
                continue
            if taken_up:
                log.warning("deliveries taken up that nobody had offered", count=taken_up)

    # -- pace --------------------------------------------------------------------------------------------------------

    def _schedule(self, endpoint: _Endpoint, device: str, due_at: datetime) -> None:
        """Let a lane's head be delivered when it is due and its endpoint is not paused."""
        if endpoint.paused_until is not None and endpoint.paused_until > due_at:
            due_at = endpoint.paused_until
        if due_at > self._clock.now():
            self._waiting[endpoint.user, device] = due_at
            self._wake.set()
            return
        endpoint.ready.append(device)
        if endpoint.workers < self._limit(endpoint) and not self._is_stopping:
            endpoint.workers += 1
            task = asyncio.create_task(self._work(endpoint))
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    def _limit(self, endpoint: _Endpoint) -> int:
        """While a User fails one lane at a time tries."""
        return 1 if endpoint.failures else self._per_user

    async def _pace(self) -> None:
        """Wake lanes whose due time has come by the Clock."""
        while True:
            self._wake.clear()
            now = self._clock.now()
            for key, due_at in list(self._waiting.items()):
                if due_at <= now:
                    del self._waiting[key]
                    self._schedule(self._endpoints[key[0]], key[1], now)
            earliest = min(self._waiting.values(), default=None)
            pause = None
            if earliest is not None and not self._clock.is_frozen:
                pause = max((earliest - self._clock.now()).total_seconds(), 0.001)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    # -- work --------------------------------------------------------------------------------------------------------

    async def _work(self, endpoint: _Endpoint) -> None:
        try:
            while endpoint.ready:
                device = endpoint.ready.popleft()
                try:
                    await self._drain(endpoint, device)
                except (StoreUnavailable, Overloaded, asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                    log.warning("a delivery waits for the database", user=endpoint.user, error=repr(error))
                    await asyncio.sleep(0.2)
                    endpoint.ready.append(device)
                except Exception:
                    log.exception("a delivery failed", user=endpoint.user)
                    await asyncio.sleep(1)
                    endpoint.ready.append(device)
        finally:
            endpoint.workers -= 1

    async def _drain(self, endpoint: _Endpoint, device: str) -> None:
        lane = endpoint.lanes[device]
        while lane.queue:
            delivery = lane.queue[0]
            if endpoint.paused_until is not None and endpoint.paused_until > self._clock.now():
                self._schedule(endpoint, device, endpoint.paused_until)
                return
            if delivery.id in self._kept_back:
                self._kept_back[delivery.id] = endpoint, device
                return
            if delivery.state is DeliveryState.PENDING:
                error, is_endpoint = await self._attempt(delivery)
                delivery.attempts += 1
                (_TAKEN if error is None else _NOT_TAKEN).inc()
                if error is not None:
                    await self._put_off(endpoint, device, delivery, error, is_endpoint)
                    return
                endpoint.failures, endpoint.paused_until = 0, None
                delivery.state = advance(DELIVERY_LIFE, delivery.state, DeliveryEvent.TAKE)
            # When the database fails here the User has it already: only the row is written again.
            await self._database.group.commit(Unit(writes=(delivered(delivery, self._clock.now()),)))
            lane.queue.popleft()
            self._known.discard(delivery.id)
            if delivery.document is not None:
                self._held -= 1
        lane.is_busy = False
        if endpoint.lanes.get(device) is lane:
            del endpoint.lanes[device]

    async def _put_off(
        self, endpoint: _Endpoint, device: str, delivery: Delivery, error: str, is_endpoint: bool
    ) -> None:
        delivery.state = advance(DELIVERY_LIFE, delivery.state, DeliveryEvent.NOT_TAKE)
        now, share = self._clock.now(), self._jitter.number(1000) / 1000
        if is_endpoint:
            endpoint.failures += 1
            # A User without an address is tried when one becomes known.
            is_away = self._receiver(delivery.user) is not None
            delivery.due_at = now + self._pauses.after(endpoint.failures, share, is_away=is_away)
            endpoint.paused_until = delivery.due_at
        else:
            delivery.due_at = now + self._pauses.after(delivery.attempts, share, is_away=False)
        log.info("delivery put off", user=delivery.user, delivery=delivery.id, attempts=delivery.attempts, error=error)
        await self._database.group.commit(Unit(writes=(not_taken(delivery, error),)))
        self._schedule(endpoint, device, delivery.due_at)

    async def _attempt(self, delivery: Delivery) -> tuple[str | None, bool]:
        """One POST: (None, ...) when taken, else why not, and whether the whole User is to blame."""
        url = self._receiver(delivery.user)
        if url is None:
            return "no Receive Response Service is known", True
        document = delivery.document
        if document is None:
            document = await self._database.pool.fetchval(_DOCUMENT, delivery.id)
        fault = self._faults.at("delivery", self._clock.now(), user=delivery.user, device=delivery.device)
        if fault is not None:
            if fault.effect == "delay":
                await asyncio.sleep(float(fault.parameters.get("seconds", 1)))
            elif fault.effect == "duplicate":
                with suppress(DeliveryFailed, Overloaded):
                    await self._post(url, document)
            else:
                return f"fault {fault.id}: {fault.effect}", True
        try:
            answer = await self._post(url, document)
        except (DeliveryFailed, Overloaded, ValueError) as error:
            return str(error), True
        if 200 <= answer.status < 300:
            return None, False
        return f"HTTP {answer.status}: {answer.body[:200].decode('utf-8', 'replace')}", answer.status >= 500
