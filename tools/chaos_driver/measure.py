"""How fast the system recovers: strikes one by one, each from a steady load, each waited out."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from .faults import Strike, broker, database, killing
from .house import House
from .load import Load
from .record import Landed, Record
from .recovery import BEFORE, back_after, rate
from .run import Sitting, sitting
from .verdict import Verdict

TARGETS: Mapping[str, tuple[Strike, float]] = {
    "gateway": (killing("gateway"), 5.0),
    "sm-wan": (killing("sm-wan"), 5.0),
    "inventory": (killing("inventory"), 5.0),
    "smki": (killing("smki"), 5.0),
    "cos-party": (killing("cos-party"), 5.0),
    "broker": (broker, 10.0),
    "PostgreSQL": (database, 10.0),
}
"""What is struck, and the seconds in which it must have recovered (reliability.md section 4)."""

PATIENCE = 60.0
_CALIBRATION = 6.0
FOR_EVER = 1e9


@dataclass(slots=True)
class Measured:
    """What came of it: the verdict of the whole run and the strikes on each target."""

    verdict: Verdict
    maximum: float
    load: float
    noise: tuple[float, float, float]
    strikes: dict[str, list[Landed]] = field(default_factory=dict)

    def seconds(self, target: str) -> list[float]:
        """The recovery after each strike; infinite where it did not come."""
        return [float("inf") if one.recovery is None else one.recovery for one in self.strikes[target]]

    def late(self) -> list[str]:
        """The targets whose median is past the goal."""
        return [name for name in self.strikes if statistics.median(self.seconds(name)) > TARGETS[name][1]]

    def __str__(self) -> str:
        lines = [
            str(self.verdict),
            f"load {self.load:.0f} requests/s; the closed loop did {self.maximum:.0f}/s; load average "
            + " ".join(f"{one:.1f}" for one in self.noise),
            f"{'struck':<12} strikes  median   worst    goal   each",
        ]
        for name in self.strikes:
            seconds = self.seconds(name)
            lines.append(
                f"{name:<12} {len(seconds):7d} {statistics.median(seconds):6.2f} s {max(seconds):6.2f} s"
                f" {TARGETS[name][1]:5.0f} s   {' '.join(f'{one:.2f}' for one in seconds)}"
            )
        return "\n".join(lines)


async def measure(
    house: House,
    targets: Sequence[str],
    *,
    times: int,
    seed: int,
    share: float = 0.5,
    least: int = 1000,
    settle: float = 60.0,
) -> Measured:
    """Strike each target so many times under ``share`` of the highest rate, and see when answers come as before."""
    rng = random.Random(seed)
    plan = [name for name in targets for _ in range(times)]
    rng.shuffle(plan)
    async with sitting(house, Load(), seed) as at_work:
        user, over = at_work.user, asyncio.Event()
        loading = asyncio.create_task(user.run(FOR_EVER, lambda _record: over.is_set()))
        try:
            maximum = await calibrate(user.record)
            user.gate.load = Load(rate=maximum * share, in_flight=256)
            strikes: dict[str, list[Landed]] = {name: [] for name in targets}
            for name in plan:
                await asyncio.sleep(BEFORE + 0.5)
                landed = await _strike(at_work, TARGETS[name][0], rng)
                if landed is not None:
                    strikes[name].append(landed)
                    print(f"{name}: {landed.rate:.0f} answers/s again after {landed.recovery} s", flush=True)
        finally:
            over.set()
            user.gate.load = Load()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await loading
        verdict = await at_work.conclude(least=least, settle=settle, strikes=len(plan))
        return Measured(verdict, maximum, maximum * share, os.getloadavg(), strikes)


async def calibrate(record: Record) -> float:
    """The rate of a closed loop, after a second to warm up."""
    await asyncio.sleep(_CALIBRATION)
    now = time.monotonic()
    return rate(record.answer_times, now - _CALIBRATION + 1.5, now)


async def _strike(at_work: Sitting, strike: Strike, rng: random.Random) -> Landed | None:
    record = at_work.user.record
    while not record.under_way:  # noqa: ASYNC110 - a count over everything, without an event of its own
        await asyncio.sleep(0.001)
    at, under_way = time.monotonic(), record.under_way
    # What had piled up before may still be answered: the rate to come back to is not more than what is asked for.
    before = min(rate(record.answer_times, at - BEFORE, at), at_work.user.gate.load.rate or float("inf"))
    what = await strike(at_work.house, rng)
    if what is None:
        return None
    landed = Landed(what, at, under_way, time.monotonic(), before)
    while (now := time.monotonic()) < at + PATIENCE and landed.recovery is None:
        await asyncio.sleep(0.1)
        recovery = back_after(record.answer_times, at, before=before, until=now)
        landed = Landed(what, at, under_way, landed.back_at, before, recovery)
    record.faults.append(landed)
    return landed
