"""Response-time targets: measured always, judged only once the stage-2 report is on record (checklist B16)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from prometheus_client import Counter, Histogram

from ..domain.timing import TARGET_AD_HOC, TARGET_BATCH
from .context import Smki

AD_HOC, BATCH = "ad-hoc", "batch"
TARGETS: dict[str, timedelta] = {AD_HOC: TARGET_AD_HOC, BATCH: TARGET_BATCH}
STAGE_2 = "compliance stage 2"

TAKEN = Histogram(
    "dccemu_smki_issue_seconds",
    "Time from request to certificate",
    ["kind"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3600, 28800, 86400),
)
JUDGED = Counter("dccemu_smki_targets", "Requests judged against their target time", ["kind", "verdict"])


@asynccontextmanager
async def measured(smki: Smki, kind: str) -> AsyncIterator[None]:
    """Measure what happens inside, in real time."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        await judge(smki, kind, timedelta(seconds=time.perf_counter() - begun))


async def judge(smki: Smki, kind: str, taken: timedelta) -> None:
    """Keep a measurement; compare it with the target where targets are in force."""
    TAKEN.labels(kind).observe(taken.total_seconds())
    if smki.targets_in_force:
        JUDGED.labels(kind, "met" if taken <= TARGETS[kind] else "missed").inc()


async def load(smki: Smki) -> None:
    """Whether the stage-2 report is recorded."""
    smki.targets_in_force = bool(await smki.database.pool.fetchval("SELECT 1 FROM records WHERE name = $1", STAGE_2))
