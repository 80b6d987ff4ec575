"""Messages of different keys, side by side: a task for each only where its handler waits.

Most fast handlers have all they need in memory. Their messages are worked on one after another, the first of each key,
then the second, and their units are committed by one call. Whatever waits, fails or is for a transactional handler
goes the ordinary way, in a task for the rest of its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Protocol

from dccemu_contracts.envelope import Contract
from dccemu_protocol.errors import EmulatorError

from .bus import Message
from .groupcommit import AlreadyClaimed, Claim, GroupCommit, Unit, Write
from .stepping import first_step, outside_of_a_task


class OpenUnit:
    """The unit of a fast handler: it already claims the message."""

    __slots__ = ("_after", "_claims", "_writes")

    def __init__(self, claim: Claim) -> None:
        self._claims = [claim]
        self._writes: list[Write] = []
        self._after: list[Callable[[], None]] = []

    def claim(self, *claims: Claim) -> None:
        """Add claims; a lost one means that the whole message has been dealt with before."""
        self._claims += claims

    def write(self, *writes: Write) -> None:
        """Add rows."""
        self._writes += writes

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when the unit is durable, before the next message of the same key."""
        self._after.append(callback)

    def close(self) -> tuple[Unit, list[Callable[[], None]]]:
        """What is to be committed, and to be called when it is durable."""
        return Unit(self._claims, self._writes), self._after


class Handling(Protocol):
    """What a consumer does with a message."""

    def open(self, message: Message) -> tuple[OpenUnit, Callable[[OpenUnit, Any], Any], Contract] | None:
        """Unit, fast handler and content of a message; None where the message has to go the ordinary way."""

    def hold(self, contract: Contract) -> bool:
        """Keep what the message changes for its handler until ``let_go``; False when that has to be waited for."""

    def let_go(self, contract: Contract, outcome: str) -> None:
        """The message is through, or what became of it is not known: then the outcome is empty."""

    async def commit(self, unit: OpenUnit) -> str:
        """The outcome of a unit that was handed to the group commit."""

    def note(self, message: Message, outcome: str) -> None:
        """Tell the outcome of a message."""

    async def chain(self, messages: Sequence[Message], begun: Awaitable[str] | None = None) -> None:
        """Go the ordinary way; ``begun`` is the first attempt at the first message."""


class _Begun:
    """The first attempt at the first message of a key; waiting for it makes it complete."""

    __slots__ = ("_consumer", "_contract", "_is_held", "after", "error", "left", "messages", "unit")

    def __init__(self, consumer: Handling, messages: list[Message], unit: OpenUnit, contract: Contract) -> None:
        self.messages = messages
        self.unit = unit
        self.left: Awaitable[None] | None = None
        self.error: BaseException | None = None
        self.after: list[Callable[[], None]] = []
        self._consumer = consumer
        self._contract = contract
        self._is_held = True

    def __await__(self) -> Generator[Any, Any, str]:
        return self._completed().__await__()

    async def _completed(self) -> str:
        outcome = ""
        try:
            if self.error is not None:
                raise self.error
            if self.left is not None:
                await self.left
            outcome = await self._consumer.commit(self.unit)
            return outcome
        finally:
            self.let_go(outcome)

    def let_go(self, outcome: str) -> None:
        if self._is_held:
            self._is_held = False
            self._consumer.let_go(self._contract, outcome)

    def through(self, error: BaseException | None) -> bool:
        """The unit was committed or not; False when the message has to be tried again."""
        outcome = ""
        if error is None:
            try:
                for callback in self.after:
                    callback()
                outcome = "handled"
            except Exception as failure:  # noqa: BLE001 - told where a handler's failures are
                error = failure
        elif isinstance(error, AlreadyClaimed):
            outcome = "repeated"
        self.error = error
        self.let_go(outcome)
        if outcome:
            self._consumer.note(self.messages[0], outcome)
        return bool(outcome)


class SideBySide:
    """A batch of messages, by their keys."""

    def __init__(self, consumer: Handling, group: GroupCommit, chains: list[list[Message]]) -> None:
        self._consumer = consumer
        self._group = group
        self._chains = chains
        self._begun: list[_Begun] = []
        self._apart: list[asyncio.Task[None]] = []

    async def work(self) -> None:
        """Return when every message is through."""
        try:
            while self._chains:
                self._begin()
                await self._complete()
            await asyncio.gather(*self._apart)
        finally:
            for task in self._apart:
                task.cancel()
            for begun in self._begun:
                begun.let_go("")

    def _begin(self) -> None:
        """Let the handler of the first message of each key do what it can."""
        self._begun = []
        with outside_of_a_task():
            for messages in self._chains:
                opened = self._consumer.open(messages[0])
                if opened is None or not self._consumer.hold(opened[2]):
                    self._go_apart(messages)
                    continue
                unit, handler, contract = opened
                begun = _Begun(self._consumer, messages, unit, contract)
                self._begun.append(begun)
                try:
                    begun.left = first_step(handler(unit, contract))
                except RuntimeError:
                    # Some steps are for tasks only, as the time-out of a new connection is: begin again in one.
                    self._begun.pop()
                    begun.let_go("")
                    self._go_apart(messages)
                except Exception as error:  # noqa: BLE001 - told where a handler's failures are
                    begun.error = error

    async def _complete(self) -> None:
        """Commit what is to be committed; what is left of the keys is for the next round."""
        whole, units = list[_Begun](), list[Unit]()
        for begun in self._begun:
            if begun.left is None and begun.error is None:
                closed, begun.after = begun.unit.close()
                whole.append(begun)
                units.append(closed)
            else:
                self._go_apart(begun.messages, begun)
        self._chains = []
        if not whole:
            return
        outcomes: Sequence[BaseException | None]
        try:
            outcomes = await self._group.commit_all(units)
        except EmulatorError as error:
            outcomes = [error] * len(whole)
        for begun, outcome in zip(whole, outcomes, strict=True):
            if not begun.through(outcome):
                self._go_apart(begun.messages, begun)
            elif len(begun.messages) > 1:
                self._chains.append(begun.messages[1:])

    def _go_apart(self, messages: Sequence[Message], begun: _Begun | None = None) -> None:
        self._apart.append(asyncio.create_task(self._consumer.chain(messages, begun)))
