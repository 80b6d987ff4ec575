"""The faults of reliability.md section 5 that this driver makes, and how often."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from .house import House
from .record import Landed, Record

Strike = Callable[[House, random.Random], Awaitable[str | None]]


def killing(*services: str) -> Strike:
    """``kill -9`` of one of these services; the supervisor starts it again."""

    async def strike(house: House, rng: random.Random) -> str | None:
        service = rng.choice(services)
        pid = house.kill(service)
        return None if pid is None else f"kill -9 {service} ({pid})"

    return strike


async def broker(house: House, _rng: random.Random) -> str:
    """``kill -9`` of the broker, which comes back empty."""
    await house.lose_broker(2.0)
    return "kill -9 broker, empty after 2 s"


async def database(house: House, _rng: random.Random) -> str:
    """Immediate shutdown of PostgreSQL, and a start over the same folder."""
    await house.crash_database(0.5)
    return "PostgreSQL: immediate shutdown and start"


def stalling(shortest: float, longest: float) -> Strike:
    """A part that is there and says nothing for a while, then goes on with what it had begun."""

    async def strike(house: House, rng: random.Random) -> str | None:
        part = rng.choice(("broker", "PostgreSQL", "gateway", "sm-wan"))
        seconds = rng.uniform(shortest, longest)
        return f"SIGSTOP {part} for {seconds:.1f} s" if await house.stall(part, seconds) else None

    return strike


async def _slow_devices(house: House, _rng: random.Random) -> str | None:
    """The simulated Devices' service gets a tenth of the time, for ten seconds."""
    for _ in range(20):
        if not await house.stall("sm-wan", 0.45):
            return None
        await asyncio.sleep(0.05)
    return "simulated Devices at a tenth of their speed for 10 s"


async def _any(house: House, rng: random.Random) -> str | None:
    strikes = [killing("gateway", "sm-wan", "inventory", "smki", "cos-party"), broker, database]
    return await rng.choices(strikes, weights=[6, 1, 1])[0](house, rng)


RECOVERED = 20
"""Acknowledgements after a fault that show that the system works again."""

ANSWERED_TOO = 0.7
"""Share of strikes that wait for answers as well: the others may hit a part before it took up its work again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: what strikes, and the least and longest pause between strikes in seconds."""

    title: str
    strike: Strike | None
    pause: tuple[float, float] = (0.0, 0.0)
    copies: tuple[int, int] = (1, 1)


FAULTS: Mapping[str, Fault] = {
    "F1": Fault("kill -9 of the gateway", killing("gateway"), (0.5, 2.0)),
    "F2": Fault("kill -9 of the simulated Devices' service", killing("sm-wan"), (0.5, 2.0)),
    "F2b": Fault("kill -9 of inventory, SMKI and CoS Party", killing("inventory", "smki", "cos-party"), (0.3, 1.0)),
    "F3": Fault("kill -9 of the broker, restarted empty", broker, (0.5, 2.0)),
    "F4": Fault("SIGSTOP and SIGCONT of broker, PostgreSQL, gateway or Devices", stalling(1.0, 3.0), (0.3, 1.0)),
    "F4b": Fault("the same for ten seconds", stalling(10.0, 10.0), (0.5, 2.0)),
    "F5": Fault("immediate shutdown of PostgreSQL", database, (0.5, 2.0)),
    "F8": Fault("simulated Devices at a tenth of their speed", _slow_devices, (0.5, 2.0)),
    "F10": Fault("every message several times at once", None, copies=(2, 5)),
    "soak": Fault("any of them", _any, (5.0, 15.0)),
}


async def strike_until(
    fault: Fault, house: House, record: Record, rng: random.Random, stop: asyncio.Event, most: int | None
) -> None:
    """Strike again and again; each that found its target is written down. ``most``: so often at most.

    Between strikes the pause passes and the system takes requests again: a part that is down already proves nothing.
    """
    assert fault.strike is not None
    while not stop.is_set() and (most is None or len(record.faults) < most):
        acknowledged, answered = record.acknowledged + RECOVERED, len(record.answered)
        answered += RECOVERED if rng.random() < ANSWERED_TOO else 0
        due = time.monotonic() + rng.uniform(*fault.pause)
        while not stop.is_set() and (
            time.monotonic() < due or record.acknowledged < acknowledged or len(record.answered) < answered
        ):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await stop.wait()
        if stop.is_set():
            return
        at, under_way = time.monotonic(), record.under_way
        what = await fault.strike(house, rng)
        if what is not None:
            record.faults.append(Landed(what, at, under_way, time.monotonic()))
