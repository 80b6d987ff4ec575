"""A reader that finds nothing looks less often, and as often as before when something comes (local broker)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

from dccemu_contracts.topics import INVENTORY_DEVICES, SM_WAN_COMMANDS
from dccemu_runtime.bus import BusUnavailable, Message
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.testing import Eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


class Asked:
    """What a broker is asked, from here on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.holds: list[int] = []
        send = AIOKafkaClient.send

        async def noted(client: AIOKafkaClient, node: int, request: Any, **options: Any) -> Any:
            if isinstance(request, FetchRequest):
                self.holds.append(request._max_wait_ms)
            return await send(client, node, request, **options)

        monkeypatch.setattr(AIOKafkaClient, "send", noted)


class Seen:
    """A handler that keeps the identities of what it was given."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, batch: Sequence[Message]) -> None:
        self.ids.extend(message.id for message in batch)


async def published(bus: KafkaBus, topic: str, number: int) -> bool:
    try:
        await bus.publish([Message(topic, "device", b"x", f"m{number}", {})])
    except BusUnavailable:
        return False
    return True


async def test_the_broker_holds_no_fetch_on_the_path_of_a_request(
    local_broker: LocalBroker, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, seen = Asked(monkeypatch), Seen()
    bus = KafkaBus(local_broker.address, "test", fetch_max_wait_ms=5, share="1/1", partitions=1, check_every=3600.0)
    await bus.start()
    await bus.subscribe([SM_WAN_COMMANDS.name], "sm-wan", seen)
    for number in range(1, 4):
        await eventually(lambda number=number: published(bus, SM_WAN_COMMANDS.name, number), within=30)
        await eventually(lambda number=number: seen.ids[-1:] == [f"m{number}"], within=30)
    await eventually(lambda: len(asked.holds) > 10, within=30)
    assert set(asked.holds[-5:]) == {1}
    await bus.stop()


async def test_looks_are_far_apart_while_nothing_comes(
    local_broker: LocalBroker, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, seen = Asked(monkeypatch), Seen()
    bus = KafkaBus(local_broker.address, "test", fetch_max_wait_ms=25, share="1/1", partitions=1)
    await bus.start()
    await bus.subscribe([INVENTORY_DEVICES.name], "test", seen)
    await eventually(lambda: published(bus, INVENTORY_DEVICES.name, 1), within=30)
    await eventually(lambda: seen.ids == ["m1"], within=30)
    assert 25 in asked.holds
    await eventually(lambda: 100 in asked.holds[-2:], within=30)

    asked.holds.clear()
    await eventually(lambda: published(bus, INVENTORY_DEVICES.name, 2), within=30)
    await eventually(lambda: seen.ids == ["m1", "m2"], within=30)
    await eventually(lambda: asked.holds[-5:].count(25) > 2, within=30)
    await bus.stop()
