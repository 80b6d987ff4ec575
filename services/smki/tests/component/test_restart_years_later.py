"""The DCC's own certificates after the Clock went on by more than their life, and back: made anew, never missing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ..conftest import Eventually, Open

pytestmark = pytest.mark.asyncio
YEARS = timedelta(days=12 * 366)
OWN = {"Recovery DS", "WAN Provider DS", "WAN Provider KA"}


async def test_what_ran_out_is_made_anew_at_the_next_start(open_house: Open, eventually: Eventually) -> None:
    first = await open_house()
    await first.dcc_services()
    await eventually(lambda: not first.service.unready())
    before = set(first.certificates())
    first.runtime.clock.advance(YEARS)
    await first.service.stop()

    second = await open_house()
    await eventually(lambda: len(second.certificates()) == len(before) + len(OWN))
    await second.dcc_services()
    await eventually(lambda: not second.service.unready())
    renewed = [fact for key, fact in second.certificates().items() if key not in before]

    assert sorted(fact.role or 0 for fact in renewed) == [1, 4, 4, 5, 6, 6, 137]
    assert all(fact.status == "I" for fact in renewed)

    second.runtime.clock.set(second.runtime.clock.now() - YEARS)
    await second.service.stop()
    third = await open_house()
    await eventually(lambda: not third.service.unready())
