"""Promises I1 to I6 under faults F1, F2, F3, F5 and F10 (reliability.md), counted by the chaos driver's checker.

The short forms end after two faults and ``LEAST`` acknowledged requests each, which is fewer than the 1000 of a full
run: six of them make 1200. The nightly forms last a minute of load each and want 1000.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

LEAST = int(os.environ.get("DCCEMU_CHAOS_LEAST", "200"))
FAULTS = ["F1", "F2", "F2b", "F3", "F5", "F10"]

pytestmark = pytest.mark.isolated


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_acknowledged_request_gets_exactly_one_answer(house: Any, fault: str) -> None:
    from chaos_driver.run import run

    verdict = asyncio.run(run(house, fault, seconds=90, seed=26, rate=60, least=LEAST, strikes=2, settle=90))

    assert verdict.passed, f"{fault}\n{verdict}\n{house.log()}"


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", [*FAULTS, "soak"])
def test_for_a_minute_under_load(house: Any, fault: str) -> None:
    from chaos_driver.run import run

    verdict = asyncio.run(run(house, fault, seconds=60, seed=2026, rate=100, least=1000, settle=120))

    assert verdict.passed, f"{fault}\n{verdict}\n{house.log()}"
