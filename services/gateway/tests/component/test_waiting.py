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
@pytest.mark.checklist("C12")
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
@pytest.mark.checklist("C12")
async def test_a_date_29_days_ahead_is_taken_and_one_31_days_ahead_refused(world) -> None:
    now = world.runtime.clock.now()
    dates = [f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (29, 31)]

    codes = [(await world.send("4.1.1", DATED.format(at))).response_code for at in dates]

    assert codes == ["I99", "E42"]


@pytest.mark.asyncio
@pytest.mark.checklist("D10")
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


READ = "<sr:ReadInstantaneousImportRegisters/>"


def following(world, preceding: str, counter: int | None = None) -> bytes:
    """A request that names its predecessor."""
    document = world.request("4.1.1", READ, counter=counter)
    header = f"<sr:PrecedingServiceRequestID>{preceding}</sr:PrecedingServiceRequestID><sr:CommandVariant>"
    return world.signed(document.replace(b"<sr:CommandVariant>", header.encode(), 1))


@pytest.mark.asyncio
@pytest.mark.checklist("C14")
async def test_a_sequenced_request_waits_for_the_good_response_of_its_predecessor(world, eventually) -> None:
    world.devices[ESME].answers = False
    first = await world.send("4.1.1", READ)
    second = world.read((await world.post(following(world, str(first.request_id)))).content)
    assert second.response_code == "I99"
    await eventually(lambda: len(world.commands) == 1)

    command = world.devices[ESME].taken[0]
    world.devices[ESME].answers = True
    await world.from_device(ESME, world.devices[ESME].answer(command, world.reader(command)))

    await eventually(lambda: len(world.taken()) == 2)
    assert [one.request_id for one in world.taken()] == [first.request_id, second.request_id]


@pytest.mark.asyncio
async def test_after_a_good_predecessor_nothing_waits(world, eventually) -> None:
    first = await world.send("4.1.1", READ)
    await eventually(lambda: world.taken())

    await world.post(following(world, str(first.request_id)))

    await eventually(lambda: len(world.taken()) == 2)


@pytest.mark.asyncio
async def test_when_the_predecessor_fails_its_followers_end_with_e41(world, eventually) -> None:
    world.devices[ESME].answers = False
    first = await world.send("4.1.1", READ)
    second = world.read((await world.post(following(world, str(first.request_id)))).content)
    third = world.read((await world.post(following(world, str(second.request_id)))).content)
    await eventually(lambda: world.commands)

    await world.from_device(ESME, b"", "undelivered", in_reply_to=world.commands[0].id)

    await eventually(lambda: len([one for one in world.taken() if one.kind != "DCCAlertMessage"]) == 3)
    codes = {one.request_id: one.response_code for one in world.taken() if one.kind != "DCCAlertMessage"}
    assert codes == {first.request_id: "E20", second.request_id: "E41", third.request_id: "E41"}
    late = world.read((await world.post(following(world, str(first.request_id)))).content)
    assert late.response_code == "E41"


@pytest.mark.asyncio
async def test_an_unknown_predecessor_is_waited_for_and_then_e40(world, eventually) -> None:
    world.counter = 5000
    lost = world.read((await world.post(following(world, f"{SUPPLIER}:{ESME}:4711"))).content)
    early = world.read((await world.post(following(world, f"{SUPPLIER}:{ESME}:4712"))).content)
    assert (lost.response_code, early.response_code) == ("I99", "I99")

    await world.send("4.1.1", READ, counter=4712)
    await eventually(lambda: len(world.taken()) == 2)
    world.runtime.clock.advance(timedelta(minutes=11))

    await eventually(lambda: len(world.taken()) == 4)
    assert {one.response_code for one in world.taken() if one.request_id == lost.request_id} == {"E40"}
