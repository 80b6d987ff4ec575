"""What is particular to the bus in one process: bounded logs and publishers that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from dccemu_contracts.topics import SM_WAN_COMMANDS
from dccemu_runtime.bus import BusUnavailable, Message
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.testing import Eventually

pytestmark = pytest.mark.asyncio
TOPIC = SM_WAN_COMMANDS.name


def messages(start: int, count: int) -> list[Message]:
    return [Message(TOPIC, "device", b"x", str(number)) for number in range(start, start + count)]


class Gate:
    """A handler that takes nothing until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.taken: list[str] = []

    async def __call__(self, batch: Sequence[Message]) -> None:
        await self.open.wait()
        self.taken += [message.id for message in batch]


@pytest_asyncio.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    made = MemoryBus(capacity=10, batch_size=5, patience=0.05)
    await made.start()
    yield made
    await made.stop()


async def test_a_publisher_waits_for_a_group_that_is_behind(bus: MemoryBus, eventually: Eventually) -> None:
    gate = Gate()
    await bus.subscribe([TOPIC], "sm-wan", gate)
    await bus.publish(messages(0, 10))
    publishing = asyncio.create_task(bus.publish(messages(10, 5)))

    gate.open.set()

    await publishing
    await eventually(lambda: gate.taken == [str(number) for number in range(15)])


async def test_a_publisher_is_refused_when_the_group_does_not_catch_up(bus: MemoryBus) -> None:
    await bus.subscribe([TOPIC], "sm-wan", Gate())
    await bus.publish(messages(0, 10))

    with pytest.raises(BusUnavailable, match="10 messages behind"):
        await bus.publish(messages(10, 1))


async def test_of_what_nobody_asked_for_the_newest_stay(bus: MemoryBus, eventually: Eventually) -> None:
    await bus.publish(messages(0, 25))
    late = Gate()
    late.open.set()

    await bus.subscribe([TOPIC], "sm-wan", late)

    await eventually(lambda: late.taken == [str(number) for number in range(15, 25)])


async def test_a_group_that_has_left_holds_nobody_up(bus: MemoryBus, eventually: Eventually) -> None:
    gone = await bus.subscribe([TOPIC], "gone", Gate())
    await gone.stop()
    present = Gate()
    present.open.set()
    await bus.subscribe([TOPIC], "present", present)

    for start in range(0, 50, 5):
        await bus.publish(messages(start, 5))
        await eventually(lambda start=start: len(present.taken) == start + 5)  # type: ignore[misc]

    back = Gate()
    back.open.set()
    await bus.subscribe([TOPIC], "gone", back)
    await eventually(lambda: back.taken[-1:] == ["49"])


async def test_a_publisher_goes_on_when_the_readers_have_emptied_the_full_log(bus: MemoryBus) -> None:
    """While it waits the log is cut to nothing: then there is nothing left to cut, and room."""
    gate = Gate()
    reader = await bus.subscribe([TOPIC], "sm-wan", gate)
    await bus.publish(messages(0, 5))
    await bus.publish(messages(5, 5))
    gate.open.set()
    await reader.caught_up()

    async with asyncio.timeout(5):
        for start in range(10, 200, 10):
            await bus.publish(messages(start, 10))

    assert gate.taken[:10] == [str(number) for number in range(10)]


async def test_one_publication_may_be_larger_than_the_log(bus: MemoryBus, eventually: Eventually) -> None:
    gate = Gate()
    gate.open.set()
    reader = await bus.subscribe([TOPIC], "sm-wan", gate)
    await reader.caught_up()

    await bus.publish(messages(0, 95))

    await eventually(lambda: gate.taken == [str(number) for number in range(95)])
