"""Replays of one process share what they read; each follower still gets everything, from the oldest message kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiokafka import AIOKafkaConsumer

from dccemu_contracts.topics import INVENTORY_DEVICES, INVENTORY_PARTIES, SM_WAN_COMMANDS
from dccemu_runtime.bus import Bus, BusUnavailable, Message
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.local.broker import LocalBroker
from dccemu_runtime.testing import Eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

MakeBus = Callable[[], Awaitable[Bus]]
WITHIN = 60.0


class Follower:
    """Takes what it is given, as soon as it is let."""

    def __init__(self, run: str) -> None:
        self._run = run
        self.taken: list[str] = []
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, batch: Sequence[Message]) -> None:
        if not any(message.id.startswith(self._run) for message in batch):
            return
        self.has_begun.set()
        await self.may_go_on.wait()
        self.taken.extend(message.id for message in batch if message.id.startswith(self._run))


def fact(run: str, number: int, topic: str = INVENTORY_DEVICES.name) -> Message:
    return Message(topic, f"{run}-{number}", b"x", f"{run}-{number}", {})


async def publish(bus: Bus, *messages: Message) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await bus.publish(messages)
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_one_that_comes_while_a_batch_is_in_hand_misses_nothing(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    bus = await make_bus()
    early, late = Follower(run), Follower(run)
    early.may_go_on.clear()
    await bus.subscribe([INVENTORY_DEVICES.name], run, early, replay=True)
    await publish(bus, fact(run, 1))
    async with asyncio.timeout(WITHIN):
        await early.has_begun.wait()

    await bus.subscribe([INVENTORY_DEVICES.name], run, late, replay=True)
    early.may_go_on.set()
    await publish(bus, fact(run, 2))

    await eventually(lambda: set(late.taken) == {f"{run}-1", f"{run}-2"}, within=WITHIN)
    await eventually(lambda: set(early.taken) == {f"{run}-1", f"{run}-2"}, within=WITHIN)


async def test_one_that_leaves_with_a_batch_in_hand_does_not_hold_up_the_others(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    bus = await make_bus()
    stuck, other = Follower(run), Follower(run)
    stuck.may_go_on.clear()
    subscription = await bus.subscribe([INVENTORY_DEVICES.name], run, stuck, replay=True)
    await bus.subscribe([INVENTORY_PARTIES.name], run, other, replay=True)
    await publish(bus, fact(run, 1))
    async with asyncio.timeout(WITHIN):
        await stuck.has_begun.wait()

    async with asyncio.timeout(WITHIN):
        await subscription.stop()
    await publish(bus, fact(run, 2), fact(run, 3, INVENTORY_PARTIES.name))

    await eventually(lambda: other.taken == [f"{run}-3"], within=WITHIN)
    assert stuck.taken == []


async def test_all_replays_of_a_process_read_with_one_consumer(
    local_broker: LocalBroker, run: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look costs both ends as much for one topic as for ten, and services follow seven."""
    open_ones: set[AIOKafkaConsumer] = set()
    start, stop = AIOKafkaConsumer.start, AIOKafkaConsumer.stop

    async def started(self: AIOKafkaConsumer) -> None:
        await start(self)
        open_ones.add(self)

    async def stopped(self: AIOKafkaConsumer) -> None:
        await stop(self)
        open_ones.discard(self)

    monkeypatch.setattr(AIOKafkaConsumer, "start", started)
    monkeypatch.setattr(AIOKafkaConsumer, "stop", stopped)
    bus = KafkaBus(local_broker.address, run, fetch_max_wait_ms=5, share="1/1")
    await bus.start()
    try:
        devices, parties = Follower(run), Follower(run)
        await publish(bus, fact(run, 1))
        subscription = await bus.subscribe([INVENTORY_DEVICES.name], run, devices, replay=True)
        async with asyncio.timeout(WITHIN):
            await subscription.caught_up()

        await bus.subscribe([INVENTORY_PARTIES.name], run, parties, replay=True)
        await publish(bus, fact(run, 2, INVENTORY_PARTIES.name), fact(run, 3))
        await eventually(lambda: parties.taken == [f"{run}-2"], within=WITHIN)
        await eventually(lambda: devices.taken[-1] == f"{run}-3", within=WITHIN)

        assert devices.taken == [f"{run}-1", f"{run}-3"], "what was read goes on where it was"
        # One follows the incarnation, one all the facts.
        await eventually(lambda: len(open_ones) == 2, within=WITHIN)
    finally:
        await bus.stop()


async def test_what_was_handled_is_confirmed_when_a_bus_is_stopped(
    local_broker: LocalBroker, run: str, eventually: Eventually
) -> None:
    """Positions are committed a few times a second; a bus that is stopped does not leave the last ones out."""
    bus, other = (
        KafkaBus(local_broker.address, name, fetch_max_wait_ms=5, share="1/1", partitions=1) for name in ("one", "two")
    )
    await bus.start()
    await other.start()
    try:
        worker = Follower(run)
        await bus.subscribe([SM_WAN_COMMANDS.name], "worker", worker)
        for number in range(3):
            await publish(bus, fact(run, number, SM_WAN_COMMANDS.name))
            await eventually(lambda number=number: len(worker.taken) == number + 1, within=WITHIN)
        await bus.stop()

        await publish(other, fact(run, 3, SM_WAN_COMMANDS.name))
        assert await other.confirmed(SM_WAN_COMMANDS.name, "worker") == {0: 3}
    finally:
        await bus.stop()
        await other.stop()


async def test_one_that_is_up_to_date_has_handled_what_there_is(make_bus: MakeBus, run: str) -> None:
    bus = await make_bus()
    follower = Follower(run)
    followed = await bus.subscribe([INVENTORY_DEVICES.name], run, follower, replay=True)
    await publish(bus, *(fact(run, number) for number in range(20)))

    async with asyncio.timeout(WITHIN):
        await followed.up_to_date()
    assert len(follower.taken) == 20

    follower.may_go_on.clear()
    await publish(bus, fact(run, 20))
    waiting = asyncio.create_task(followed.up_to_date())
    async with asyncio.timeout(WITHIN):
        await follower.has_begun.wait()
    assert not waiting.done()

    follower.may_go_on.set()
    async with asyncio.timeout(WITHIN):
        await waiting
    assert follower.taken[-1] == f"{run}-20"
