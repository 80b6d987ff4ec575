"""A reader that finds nothing looks less often, and as often as before when something comes (local broker)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from dccemu_contracts.topics import SM_WAN_COMMANDS
from dccemu_runtime.bus import BusUnavailable, Message
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.testing import Eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


def waits_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long the broker is asked to hold each fetch, in milliseconds, as they are sent."""
    waits: list[int] = []
    send = AIOKafkaClient.send

    async def noted(self: AIOKafkaClient, node: int, request: Any, **options: Any) -> Any:
        if isinstance(request, FetchRequest):
            waits.append(request._max_wait_ms)
        return await send(self, node, request, **options)

    monkeypatch.setattr(AIOKafkaClient, "send", noted)
    return waits


async def test_looks_are_far_apart_while_nothing_comes(
    local_broker: LocalBroker, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = waits_of(monkeypatch)
    bus = KafkaBus(local_broker.address, "test", fetch_max_wait_ms=5, share="1/1", partitions=1)
    await bus.start()
    seen: list[str] = []

    async def take(batch: Sequence[Message]) -> None:
        seen.extend(message.id for message in batch)

    await bus.subscribe([SM_WAN_COMMANDS.name], "sm-wan", take)

    async def published(number: int) -> bool:
        try:
            await bus.publish([Message(SM_WAN_COMMANDS.name, "device", b"x", f"m{number}", {})])
        except BusUnavailable:
            return False
        return True

    await eventually(lambda: published(1), within=30)
    await eventually(lambda: seen == ["m1"], within=30)
    assert 5 in asked
    await eventually(lambda: asked[-1] == 25, within=30)

    asked.clear()
    await eventually(lambda: published(2), within=30)
    await eventually(lambda: seen == ["m1", "m2"], within=30)
    await eventually(lambda: 5 in asked, within=30)
    await bus.stop()
