"""What the inventory answers, to whom it matters: a User meets the records that its own request has changed.

The records of a reply are learnt before anybody acts on it. Their own topic brings them too, but may be later than the
next request of a User that acts on an answer at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from dccemu_contracts.inventory import CommandOutcome, DeviceFact, InventoryReply
from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.groupcommit import Write
from dccemu_runtime.projections import Projection

from ..adapters.courier import Courier
from ..adapters.operations import delivery_id


class InventoryReplies:
    """Who waits for which reply; ``patience`` is the longest wait in real seconds."""

    def __init__(self, devices: Projection[DeviceFact], courier: Courier, patience: float) -> None:
        self._devices = devices
        self._courier = courier
        self._patience = patience
        self._waiting: dict[str, Callable[[InventoryReply | None], None]] = {}

    async def hear(self, unit: OpenUnit, reply: InventoryReply) -> None:
        """The inventory answered."""
        if reply.in_reply_to in self._waiting:
            await self._devices.take(reply.changed)
            unit.after_commit(lambda: self._end(reply.in_reply_to, reply))

    @contextmanager
    def expected(self, question: str) -> Iterator[Callable[[], Awaitable[InventoryReply]]]:
        """Ask inside the block, and await what it gives: TimeoutError when the inventory takes too long."""
        answer: asyncio.Future[InventoryReply] = asyncio.get_running_loop().create_future()

        def settle(reply: InventoryReply | None) -> None:
            if reply is not None and not answer.done():
                answer.set_result(reply)

        async def wait() -> InventoryReply:
            async with asyncio.timeout(self._patience):
                return await answer

        self._waiting[question] = settle
        try:
            yield wait
        finally:
            self._waiting.pop(question, None)

    def deliver_after(self, question: CommandOutcome, delivery: Write) -> None:
        """Let a delivery of this unit go when the inventory has answered, or has taken too long."""
        identity = delivery_id(delivery)
        self._end(question.id, None)  # a message that is handled once more waits once
        self._courier.hold(identity)
        self._waiting[question.id] = lambda _: self._courier.release(identity)
        asyncio.get_running_loop().call_later(self._patience, self._end, question.id, None)

    def _end(self, question: str, reply: InventoryReply | None) -> None:
        settle = self._waiting.pop(question, None)
        if settle is not None:
            settle(reply)
