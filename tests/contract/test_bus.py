"""What every implementation of the bus port keeps.

Groups and keys are new in each test, because an Apache Kafka serves the whole session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from dccemu_contracts.topics import INVENTORY_DEVICES, SM_WAN_COMMANDS, SM_WAN_RESPONSES
from dccemu_runtime.bus import Bus, BusUnavailable, Message
from dccemu_runtime.testing import Eventually

MakeBus = Callable[[], Awaitable[Bus]]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(240)]
WITHIN = 120


class Collector:
    """A handler that remembers what it was given; it fails as often as ``failures`` says."""

    def __init__(self, run: str, failures: int = 0) -> None:
        self.taken: list[Message] = []
        self._run = run
        self._failures = failures

    async def __call__(self, batch: Sequence[Message]) -> None:
        if self._failures:
            self._failures -= 1
            raise RuntimeError("the handler failed on purpose")
        self.taken += [message for message in batch if message.id.startswith(self._run)]

    def of(self, key: str) -> list[str]:
        return [message.value.decode() for message in self.taken if message.key == key]


def messages(run: str, count: int, keys: int = 1, topic: str = SM_WAN_COMMANDS.name) -> list[Message]:
    return [
        Message(topic, f"{run}-{number % keys}", str(number).encode(), f"{run}-{number}", {"type": "Test"})
        for number in range(count)
    ]


async def publish(bus: Bus, batch: Sequence[Message]) -> None:
    """Publish as the outbox does: a bus that is not there yet is tried again."""
    while True:
        try:
            await bus.publish(batch)
            return
        except BusUnavailable:
            await asyncio.sleep(0.05)


async def test_a_message_arrives_whole(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    bus = await make_bus()
    collector = Collector(run)
    await bus.subscribe([SM_WAN_COMMANDS.name], run, collector)
    sent = Message(
        SM_WAN_COMMANDS.name, f"{run} key", b"\x00\xffvalue", f"{run}-id", {"type": "Test", "traceparent": "00-1"}
    )

    await publish(bus, [sent])

    await eventually(lambda: collector.taken == [sent], within=WITHIN)


async def test_a_large_message_arrives_whole(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    bus = await make_bus()
    collector = Collector(run)
    await bus.subscribe([SM_WAN_COMMANDS.name], run, collector)
    sent = Message(SM_WAN_COMMANDS.name, run, b"<xml/>" * 800_000, f"{run}-large", {"type": "Test"})

    await publish(bus, [sent])

    await eventually(lambda: collector.taken == [sent], within=WITHIN)


async def test_messages_of_a_key_keep_their_order(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    bus = await make_bus()
    collector = Collector(run)
    await bus.subscribe([SM_WAN_COMMANDS.name], run, collector)

    batch = messages(run, 200, keys=7)
    for start in range(0, 200, 20):
        await publish(bus, batch[start : start + 20])

    await eventually(lambda: len(collector.taken) == 200, within=WITHIN)
    for key in range(7):
        assert collector.of(f"{run}-{key}") == [str(number) for number in range(200) if number % 7 == key]


async def test_what_was_published_before_a_group_came_is_handed_to_it(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    bus = await make_bus()
    await publish(bus, messages(run, 5))
    collector = Collector(run)

    await bus.subscribe([SM_WAN_COMMANDS.name], run, collector)

    await eventually(lambda: len(collector.taken) == 5, within=WITHIN)


async def test_each_group_gets_every_message(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    bus = await make_bus()
    one, two = Collector(run), Collector(run)
    await bus.subscribe([SM_WAN_COMMANDS.name], f"{run}-one", one)
    await bus.subscribe([SM_WAN_COMMANDS.name], f"{run}-two", two)

    await publish(bus, messages(run, 20, keys=5))

    await eventually(lambda: len(one.taken) == len(two.taken) == 20, within=WITHIN)


async def test_members_of_a_group_share_the_keys(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    first, second = await make_bus(), await make_bus()
    one, two = Collector(run), Collector(run)
    await first.subscribe([SM_WAN_COMMANDS.name], run, one)
    await second.subscribe([SM_WAN_COMMANDS.name], run, two)
    # Until both have joined, one member may get everything.
    joined = 0
    while not (one.taken and two.taken):
        await publish(first, messages(f"{run}-{joined}", 16, keys=16))
        joined += 1
        await asyncio.sleep(0.1)
    await eventually(lambda: len({m.id for m in one.taken + two.taken}) == 16 * joined, within=WITHIN)
    one.taken.clear()
    two.taken.clear()

    await publish(first, messages(f"{run}-shared", 64, keys=16))

    await eventually(lambda: len(one.taken) + len(two.taken) >= 64, within=WITHIN)
    assert {message.key for message in one.taken}.isdisjoint({message.key for message in two.taken})


async def test_a_batch_whose_handler_raised_is_handed_over_again(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    bus = await make_bus()
    collector = Collector(run, failures=2)
    await bus.subscribe([SM_WAN_COMMANDS.name], run, collector)

    await publish(bus, messages(run, 10))

    await eventually(lambda: len(collector.taken) >= 10, within=WITHIN)
    assert collector.of(f"{run}-0") == [str(number) for number in range(10)]


async def test_a_group_goes_on_where_it_stopped(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    bus = await make_bus()
    before = Collector(run)
    subscription = await bus.subscribe([SM_WAN_COMMANDS.name], run, before)
    await publish(bus, messages(run, 10))
    await eventually(lambda: len(before.taken) == 10, within=WITHIN)
    await eventually(lambda: handled(bus, run, 10), within=WITHIN)
    await subscription.stop()
    await publish(bus, messages(f"{run}-later", 3))

    after = Collector(run)
    await bus.subscribe([SM_WAN_COMMANDS.name], run, after)

    await eventually(lambda: len(after.taken) == 3, within=WITHIN)
    assert all(message.id.startswith(f"{run}-later") for message in after.taken)


async def handled(bus: Bus, group: str, count: int) -> bool:
    """Whether the group's positions tell of so many messages: everything sits in this test's one partition."""
    try:
        return sum((await bus.confirmed(SM_WAN_COMMANDS.name, group)).values()) >= count
    except BusUnavailable:
        return False


async def test_positions_are_confirmed_only_when_the_handler_is_done(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    bus = await make_bus()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(batch: Sequence[Message]) -> None:
        if any(message.id.startswith(run) for message in batch):
            entered.set()
            await leave.wait()

    await bus.subscribe([SM_WAN_RESPONSES.name], run, slow)
    await publish(bus, messages(run, 1, topic=SM_WAN_RESPONSES.name)[:0])
    receipt = None
    while receipt is None:
        try:
            [receipt] = await bus.publish(messages(run, 1, topic=SM_WAN_RESPONSES.name))
        except BusUnavailable:
            await asyncio.sleep(0.05)
    await asyncio.wait_for(entered.wait(), WITHIN)

    async def position() -> int | None:
        """Where the group is; None while the broker does not say it."""
        try:
            return (await bus.confirmed(SM_WAN_RESPONSES.name, run)).get(receipt.partition, 0)
        except BusUnavailable:
            return None

    before: list[int] = []

    async def is_told() -> bool:
        if (found := await position()) is not None:
            before.append(found)
        return bool(before)

    await eventually(is_told, within=WITHIN)
    leave.set()

    assert before[0] <= receipt.offset

    async def confirmed() -> bool:
        return (await position() or 0) > receipt.offset

    await eventually(confirmed, within=WITHIN)


async def test_what_a_handler_had_in_hand_when_it_left_is_handed_over_again(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    """Also where others of its group stay: nothing counts as handled that nobody handled."""
    bus = await make_bus()
    begun = asyncio.Event()

    async def stuck(batch: Sequence[Message]) -> None:
        if any(message.id.startswith(run) for message in batch):
            begun.set()
            await asyncio.Event().wait()

    leaving = await bus.subscribe([SM_WAN_COMMANDS.name], run, stuck)
    other, next_one = Collector(run), Collector(run)
    await bus.subscribe([SM_WAN_RESPONSES.name], run, other)
    await publish(bus, messages(run, 1))
    async with asyncio.timeout(WITHIN):
        await begun.wait()

    async with asyncio.timeout(WITHIN):
        await leaving.stop()
    await publish(bus, messages(f"{run}-r", 1, topic=SM_WAN_RESPONSES.name))
    await eventually(lambda: len(other.taken) == 1, within=WITHIN)
    await bus.subscribe([SM_WAN_COMMANDS.name], run, next_one)

    await eventually(lambda: [message.id for message in next_one.taken] == [f"{run}-0"], within=WITHIN)


async def test_a_late_replay_gets_the_newest_fact_of_each_key_of_a_compacted_topic(
    make_bus: MakeBus, run: str, eventually: Eventually
) -> None:
    bus = await make_bus()
    await publish(bus, messages(run, 30, keys=3, topic=INVENTORY_DEVICES.name))
    first, late = Collector(run), Collector(run)
    await bus.subscribe([INVENTORY_DEVICES.name], run, first, replay=True)
    await eventually(lambda: {m.value for m in first.taken} >= {b"27", b"28", b"29"}, within=WITHIN)

    subscription = await bus.subscribe([INVENTORY_DEVICES.name], run, late, replay=True)
    async with asyncio.timeout(WITHIN):
        await subscription.caught_up()

    assert {key: late.of(f"{run}-{key}")[-1] for key in range(3)} == {0: "27", 1: "28", 2: "29"}


async def test_every_replay_sees_what_is_published_later(make_bus: MakeBus, run: str, eventually: Eventually) -> None:
    bus = await make_bus()
    one, two = Collector(run), Collector(run)
    await bus.subscribe([INVENTORY_DEVICES.name], run, one, replay=True)
    await bus.subscribe([INVENTORY_DEVICES.name], run, two, replay=True)

    await publish(bus, messages(run, 4, keys=4, topic=INVENTORY_DEVICES.name))

    await eventually(lambda: len(one.taken) == len(two.taken) == 4, within=WITHIN)


async def test_receipts_name_rising_places(make_bus: MakeBus, run: str) -> None:
    bus = await make_bus()
    await publish(bus, messages(run, 1))

    receipts = await bus.publish(messages(run, 5))

    assert [receipt.offset - receipts[0].offset for receipt in receipts] == [0, 1, 2, 3, 4]
    assert len({receipt.partition for receipt in receipts}) == 1


async def test_each_message_of_a_large_publication_is_where_its_receipt_says(make_bus: MakeBus, run: str) -> None:
    """More than one batch of the Kafka protocol holds, and a message larger than any: in order, one after the other."""
    bus = await make_bus()
    large = [Message(SM_WAN_COMMANDS.name, run, bytes(size), f"{run}-{size}", {}) for size in (700_000, 10, 3_000_000)]
    await publish(bus, [large[0]])

    receipts = await bus.publish([*large, *large])

    first = receipts[0].offset
    assert [receipt.offset for receipt in receipts] == list(range(first, first + 6))
    assert len({(receipt.topic, receipt.partition) for receipt in receipts}) == 1
    taken: list[int] = []
    done = asyncio.Event()

    async def take(batch: Sequence[Message]) -> None:
        taken.extend(len(message.value) for message in batch if message.id.startswith(run))
        if len(taken) >= 7:
            done.set()

    await bus.subscribe([SM_WAN_COMMANDS.name], f"{run}-large", take)
    async with asyncio.timeout(WITHIN):
        await done.wait()
    assert taken == [700_000, *(700_000, 10, 3_000_000) * 2]
