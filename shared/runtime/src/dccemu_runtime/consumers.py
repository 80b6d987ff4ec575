"""Consumers: a message is parsed, checked against the inbox, handled by one use case and committed.

Two styles of handler, both exactly once in effect:

* a *transactional* handler gets a connection inside a transaction in which the message is already taken; what it
  writes commits with that;
* a *fast* handler fills a ``Unit`` that already claims the message; the consumer hands it to the group commit, so that
  many messages share one transaction. It must not change anything outside the unit before ``unit.after_commit``.

Order is kept for each key; different keys run side by side. A handler that raises is tried again with growing pauses,
then the message is parked as a dead letter with the reason. A message that does not fit its contract is parked at
once. Trouble with the database is nobody's fault: it is waited out.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from prometheus_client import Counter
from pydantic import ValidationError

from dccemu_contracts.envelope import Contract
from dccemu_protocol.errors import EmulatorError

from . import deadletters, inbox, tracing
from .bus import Bus, Message, Subscription
from .database import Database
from .groupcommit import CONNECTION_TROUBLE, AlreadyClaimed, Overloaded, StoreUnavailable
from .sidebyside import OpenUnit, SideBySide

__all__ = ["Consumer", "OpenUnit", "consume", "is_fast"]

log = structlog.get_logger(__name__)

_ContractT = TypeVar("_ContractT", bound=Contract)
Transactional: TypeAlias = Callable[[PoolConnectionProxy, Any], Awaitable[None]]
Fast: TypeAlias = Callable[["OpenUnit", Any], Awaitable[None]]

HANDLED = Counter("dccemu_messages_handled", "Messages taken from the bus", ["consumer", "topic", "outcome"])

_FORGET_EVERY_SECONDS = 600.0
#: The longest pause while the database is away, in seconds: longer ones would be felt after it is back.
_LONGEST_WAIT = 0.25
_NOT_THE_MESSAGE = (StoreUnavailable, Overloaded, asyncpg.DeadlockDetectedError, *CONNECTION_TROUBLE)


class Consumer:
    """Handlers of one service for the messages of some contracts.

    Parameters
    ----------
    group
        The service's name: it shares the keys with the service's other workers and is the inbox's consumer name.
    attempts
        How often a handler is tried before the message is parked.
    pause
        Seconds before the second attempt; doubled for each further one, up to five seconds.
    """

    def __init__(self, bus: Bus, database: Database, group: str, *, attempts: int = 5, pause: float = 0.05) -> None:
        self._bus = bus
        self._database = database
        self._group = group
        self._attempts = attempts
        self._pause = pause
        self._handlers: dict[str, dict[str, tuple[type[Contract], Any, bool]]] = {}
        self._counters: dict[tuple[str, str], Counter] = {}
        self._subscription: Subscription | None = None
        self._repeats = True
        self._forgetting: asyncio.Task[None] | None = None

    def on(
        self, model: type[_ContractT], handler: Callable[[PoolConnectionProxy, _ContractT], Awaitable[None]]
    ) -> None:
        """Handle messages of ``model`` with a transactional handler: ``await handler(connection, message)``."""
        self._handlers.setdefault(model.topic.name, {})[model.__name__] = (model, handler, False)

    def on_fast(self, model: type[_ContractT], handler: Callable[[OpenUnit, _ContractT], Awaitable[None]]) -> None:
        """Handle messages of ``model`` with a fast handler: ``await handler(unit, message)``."""
        self._handlers.setdefault(model.topic.name, {})[model.__name__] = (model, handler, True)

    async def start(self) -> None:
        self._subscription = await self._bus.subscribe(list(self._handlers), self._group, self.handle)
        self._forgetting = asyncio.create_task(self._forget(), name=f"inbox {self._group}")

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()
            self._subscription = None
        if self._forgetting is not None:
            self._forgetting.cancel()
            await asyncio.gather(self._forgetting, return_exceptions=True)

    async def _forget(self) -> None:
        """Keep the inbox bounded: ids older than its retention go."""
        while True:
            try:
                await inbox.forget(self._database)
            except (asyncpg.PostgresError, *CONNECTION_TROUBLE) as error:
                log.info("the inbox is not tidied", consumer=self._group, error=repr(error))
            await asyncio.sleep(_FORGET_EVERY_SECONDS)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Handle a batch from the bus: keys side by side, the messages of one key in order."""
        taken: set[str] = set()
        if self._repeats:
            # After a start, and while the bus repeats itself, one question finds what has been dealt with.
            taken = await inbox.taken(self._database, [message.id for message in batch], self._group)
            self._repeats = bool(taken)
        chains: dict[tuple[str, str], list[Message]] = {}
        for message in batch:
            if message.id in taken:
                self.note(message, "repeated")
                continue
            chains.setdefault((message.topic, message.key), []).append(message)
        if len(chains) == 1:
            await self.chain(next(iter(chains.values())))
        elif chains:
            await SideBySide(self, self._database.group, list(chains.values())).work()

    async def chain(self, messages: Sequence[Message], begun: Awaitable[str] | None = None) -> None:
        """The messages of one key; ``begun`` is the first attempt at the first of them."""
        for message in messages:
            self.note(message, await self._one(message, begun))
            begun = None

    def note(self, message: Message, outcome: str) -> None:
        """A message is through."""
        self._repeats = self._repeats or outcome == "repeated"
        counter = self._counters.get((message.topic, outcome))
        if counter is None:
            counter = self._counters[message.topic, outcome] = HANDLED.labels(self._group, message.topic, outcome)
        counter.inc()

    async def _one(self, message: Message, begun: Awaitable[str] | None) -> str:
        try:
            model, handler, is_fast = self._choose(message)
            contract = model.from_bytes(message.value)
        except (ValidationError, EmulatorError) as error:
            return await self._park(message, f"does not fit its contract: {error}", 0)
        attempt, pause, wait = 0, self._pause, self._pause
        while True:
            try:
                if begun is not None:
                    going_on, begun = begun, None
                    return await going_on
                run = self._run_fast if is_fast else self._run_transactional
                if "traceparent" not in message.headers:
                    return await run(handler, message, contract)
                with tracing.consuming(f"consume {message.topic}", message.headers):
                    return await run(handler, message, contract)
            except _NOT_THE_MESSAGE as error:
                log.warning("consumer waits", consumer=self._group, topic=message.topic, error=repr(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
            except Exception as error:
                attempt += 1
                log.warning(
                    "handler failed",
                    consumer=self._group,
                    topic=message.topic,
                    id=message.id,
                    exc_info=True,
                    attempt=attempt,
                )
                if attempt >= self._attempts:
                    return await self._park(message, f"{type(error).__name__}: {error}", attempt)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    def open(self, message: Message) -> tuple[OpenUnit, Fast, Contract] | None:
        """What a fast handler gets; None where the message is to be parked, traced or for a transactional one."""
        try:
            model, handler, is_fast = self._choose(message)
            if not is_fast or "traceparent" in message.headers:
                return None
            return OpenUnit(inbox.claim_message(message.id, self._group)), handler, model.from_bytes(message.value)
        except (ValidationError, EmulatorError):
            return None

    def hold(self, contract: Contract) -> bool:
        """Keep what a message changes for its handler; False when that has to be waited for."""
        return True

    def let_go(self, contract: Contract, outcome: str) -> None:
        """What ``hold`` kept; without an outcome it is not known what was committed."""

    async def _run_fast(self, handler: Fast, message: Message, contract: Contract) -> str:
        unit = OpenUnit(inbox.claim_message(message.id, self._group))
        await handler(unit, contract)
        return await self.commit(unit)

    async def commit(self, unit: OpenUnit) -> str:
        """Commit what a fast handler wrote."""
        closed, after = unit.close()
        try:
            await self._database.group.commit(closed)
        except AlreadyClaimed:
            return "repeated"
        for callback in after:
            callback()
        return "handled"

    async def _run_transactional(self, handler: Transactional, message: Message, contract: Contract) -> str:
        async with self._database.transaction() as connection:
            if not await inbox.accept(connection, message.id, self._group):
                return "repeated"
            await handler(connection, contract)
        return "handled"

    async def _park(self, message: Message, reason: str, attempts: int) -> str:
        log.error("message parked", consumer=self._group, topic=message.topic, id=message.id, reason=reason)
        pause = self._pause
        while True:
            try:
                async with self._database.transaction() as connection:
                    await deadletters.park(connection, message, self._group, reason, attempts)
                return "parked"
            except _NOT_THE_MESSAGE as error:
                log.warning("consumer waits", consumer=self._group, topic=message.topic, error=repr(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_WAIT)

    def _choose(self, message: Message) -> tuple[type[Contract], Any, bool]:
        models = self._handlers[message.topic]
        if len(models) == 1:
            return next(iter(models.values()))
        kind = message.headers.get("type", "")
        if kind not in models:
            raise EmulatorError(f"type {kind!r} is none of {', '.join(sorted(models))}")
        return models[kind]


def is_fast(handler: Callable[..., object]) -> bool:
    """Whether a handler's first parameter is named ``unit``."""
    return next(iter(inspect.signature(handler).parameters)) == "unit"


async def consume(
    bus: Bus,
    database: Database,
    group: str,
    handlers: Mapping[type[Contract], Callable[[Any, Any], Awaitable[None]]],
    *,
    attempts: int = 5,
) -> Consumer:
    """Make and start a consumer; a handler whose first parameter is named ``unit`` is fast, any other transactional."""
    consumer = Consumer(bus, database, group, attempts=attempts)
    for model, handler in handlers.items():
        (consumer.on_fast if is_fast(handler) else consumer.on)(model, handler)
    await consumer.start()
    return consumer
