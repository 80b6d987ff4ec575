"""Requests that the DCC keeps until their date (DSP pattern, service-request-processing.md section 9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

SUPPLIER, ESME = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-A0"
DATED = (
    "<sr:ReadInstantaneousImportRegisters><sr:ExecutionDateTime>{}</sr:ExecutionDateTime>"
    "</sr:ReadInstantaneousImportRegisters>"
)
LATER = "2026-03-05T12:00:00Z"


@pytest.mark.asyncio
async def test_a_future_dated_request_is_sent_at_its_date(world, eventually) -> None:
    answer = await world.send("4.1.1", DATED.format(LATER))
    assert answer.response_code == "I99"
    assert world.commands == []

    world.runtime.clock.advance(timedelta(days=3, hours=2, minutes=29))
    assert world.commands == []
    world.runtime.clock.advance(timedelta(minutes=1))

    await eventually(lambda: world.taken())
    assert world.taken()[0].request_id == answer.request_id
    assert world.taken()[0].response_code == "I0"


@pytest.mark.asyncio
async def test_access_control_runs_again_and_its_failure_is_an_alert(world, eventually) -> None:
    answer = await world.send("4.1.1", DATED.format(LATER))
    await world.change_device(ESME, status="Decommissioned")

    world.runtime.clock.advance(timedelta(days=4))

    await eventually(lambda: world.taken())
    alert = world.taken()[0]
    assert alert.kind == "DCCAlertMessage"
    assert alert.content["DCCAlert"]["CommandFailure"]["CommandRequestID"] == str(answer.request_id)
    assert world.commands == []


@pytest.mark.asyncio
async def test_a_held_request_can_be_cancelled(world, eventually) -> None:
    await world.send("4.1.1", DATED.format(LATER))

    cancelled = await world.send("4.1.1", DATED.format("3000-12-31T00:00:00Z"))

    assert cancelled.response_code == "I99"
    world.runtime.clock.advance(timedelta(days=4))
    assert await world.gateway.timers.pending() == []
    states = await world.gateway.database.pool.fetch("SELECT state FROM requests ORDER BY received_at, request_id")
    assert "cancelled" in {row["state"] for row in states}
    assert world.commands == []
