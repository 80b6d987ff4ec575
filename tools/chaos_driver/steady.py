"""A soak without faults: waits and memory under a steady load."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .house import SERVICES, House
from .load import Load
from .measure import FOR_EVER, PATIENCE, calibrate
from .run import sitting
from .verdict import Verdict

EVERY = 5.0
WARM_UP = 0.25
"""Share of the time after which memory is compared: caches and pools have filled by then."""


@dataclass(frozen=True, slots=True)
class Steady:
    """The verdict, the load a second, and each service's resident memory in MiB: after the warm-up and at the end."""

    verdict: Verdict
    load: float
    seconds: float
    memory: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        lines = [str(self.verdict), f"load {self.load:.0f} requests/s for {self.seconds:.0f} s without faults"]
        lines += [
            f"{name:<10} {before:6.1f} MiB after a quarter of the time, {after:6.1f} MiB at the end: "
            f"{(after - before) / before:+.1%}"
            for name, (before, after) in self.memory.items()
        ]
        return "\n".join([*lines, "load average " + " ".join(f"{one:.1f}" for one in os.getloadavg())])


async def steady(house: House, *, seconds: float, seed: int, share: float, least: int) -> Steady:
    """Load at ``share`` of the highest rate for so long, and see whether memory grows."""
    samples: dict[str, list[float]] = {name: [] for name in SERVICES}
    async with sitting(house, Load(), seed) as at_work:
        over = asyncio.Event()
        loading = asyncio.create_task(at_work.user.run(FOR_EVER, lambda _record: over.is_set()))
        try:
            rate = share * await calibrate(at_work.user.record)
            at_work.user.gate.load = Load(rate=rate, in_flight=256)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(EVERY)
                for name, pid in house.pids().items():
                    samples[name].append(_resident(pid))
        finally:
            over.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await loading
        verdict = await at_work.conclude(least=least, settle=60.0, strikes=0)
    memory = {name: _ends(values) for name, values in samples.items() if values}
    return Steady(verdict, rate, seconds, memory)


def _ends(values: list[float]) -> tuple[float, float]:
    """The median of some samples after the warm-up, and of as many at the end."""
    some, begin = max(len(values) // 12, 1), int(len(values) * WARM_UP)
    return statistics.median(values[begin : begin + some]), statistics.median(values[-some:])


def _resident(pid: int) -> float:
    """Resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
