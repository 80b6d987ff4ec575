"""A bus that is stopped leaves no connection open, at whatever moment that is: a process may end while it starts."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence

import pytest

from dccemu_contracts.topics import INVENTORY_DEVICES, SM_WAN_COMMANDS
from dccemu_runtime.bus import Message
from dccemu_runtime.bus.kafka import KafkaBus
from dccemu_runtime.local.broker import LocalBroker

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def take(batch: Sequence[Message]) -> None:
    """Handle nothing."""


async def test_a_bus_that_is_stopped_while_it_opens_leaves_nothing_open(local_broker: LocalBroker) -> None:
    """What was left open would be found by the collector of garbage, and its warning is an error here."""
    for thousandths in range(0, 160, 5):
        bus = KafkaBus(local_broker.address, "leaving", fetch_max_wait_ms=5, share="1/1")
        await bus.start()
        await bus.subscribe([SM_WAN_COMMANDS.name], "leaving", take)
        await bus.subscribe([INVENTORY_DEVICES.name], "leaving", take, replay=True)
        # The moment matters, not the time: each further one cuts the opening off at another place.
        await asyncio.sleep(thousandths / 1000)
        await bus.stop()
        gc.collect()
