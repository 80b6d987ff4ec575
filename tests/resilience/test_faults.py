"""Promises I1 to I6 under faults F1 to F5, F8 and F10 (reliability.md), counted by the chaos driver's checker.

A closed loop: the User has so many requests without an answer and asks for more as the answers come, so a run takes as
long as the machine needs. A run proves nothing, and fails, with fewer than ``LEAST`` acknowledged requests or three
faults that landed while requests were under way. The short forms end there; the nightly forms last a minute.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

LEAST = int(os.environ.get("DCCEMU_CHAOS_LEAST", "1000"))
FAULTS = ["F1", "F2", "F2b", "F3", "F4", "F5", "F10"]
LONG = [*FAULTS, "F4b", "F8", "soak"]

pytestmark = pytest.mark.isolated


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_acknowledged_request_gets_exactly_one_answer(house: Any, fault: str) -> None:
    from chaos_driver.load import Load
    from chaos_driver.run import run

    verdict = asyncio.run(run(house, fault, seconds=150, seed=26, load=Load(), least=LEAST, strikes=3, settle=90))

    assert verdict.passed, f"{fault}\n{verdict}\n{house.log()}"


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", LONG)
def test_for_a_minute_under_load(house: Any, fault: str) -> None:
    from chaos_driver.load import Load
    from chaos_driver.run import run

    verdict = asyncio.run(run(house, fault, seconds=60, seed=2026, load=Load(), least=1000, settle=120))

    assert verdict.passed, f"{fault}\n{verdict}\n{house.log()}"


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_the_former_rate_is_back_in_time(house: Any) -> None:
    """Within 5 s after a service was killed, 10 s after the broker or PostgreSQL (reliability.md section 4)."""
    from chaos_driver.measure import TARGETS, measure

    measured = asyncio.run(measure(house, list(TARGETS), times=3, seed=26))

    assert measured.verdict.passed, f"{measured}\n{house.log()}"
    assert not measured.late(), str(measured)
