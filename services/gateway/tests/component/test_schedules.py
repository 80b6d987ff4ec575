"""Schedules 5.1 to 5.3 (service-request-processing.md section 10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

SUPPLIER, DCC = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-00-00-02"
ESME, CHF = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A2"


def schedule(
    *,
    frequency: str = "Daily",
    start: str = "2026-03-03",
    end: str = "",
    srv: str = "4.6.1",
    device: str = ESME,
    offsets: tuple[int, int] = (-1, 0),
) -> str:
    ending = f"<sr:ScheduleEndDate>{end}</sr:ScheduleEndDate>" if end else ""
    return (
        f"<sr:CreateSchedule><sr:ScheduleFrequency>{frequency}</sr:ScheduleFrequency>"
        f"<sr:ScheduleStartDate>{start}</sr:ScheduleStartDate>{ending}"
        f"<sr:DSPScheduledServiceReference>4.6</sr:DSPScheduledServiceReference>"
        f"<sr:DSPScheduledServiceReferenceVariant>{srv}</sr:DSPScheduledServiceReferenceVariant>"
        f"<sr:DeviceID>{device}</sr:DeviceID><sr:DSPRetrieveImportDailyReadLog>"
        f"<sr:StartDateOffset>{offsets[0]}</sr:StartDateOffset><sr:StartTime>00:00:00.00Z</sr:StartTime>"
        f"<sr:EndDateOffset>{offsets[1]}</sr:EndDateOffset><sr:EndTime>00:00:00.00Z</sr:EndTime>"
        "</sr:DSPRetrieveImportDailyReadLog></sr:CreateSchedule>"
    )


async def create(world, **how: object):
    return await world.send("5.1", schedule(**how), cv=8, service="D", device=DCC)


@pytest.mark.asyncio
@pytest.mark.checklist("C13")
async def test_each_run_delivers_a_scheduled_message(world, eventually) -> None:
    made = await create(world, end="2026-03-04")
    assert made.response_code == "I0"
    number = made.content
    assert made.kind == "DSPScheduleID"
    assert world.commands == []

    for runs in (1, 2):
        world.runtime.clock.advance(timedelta(days=1))
        await eventually(lambda expected=runs: len(world.taken()) == expected)
    world.runtime.clock.advance(timedelta(days=3))

    messages = world.taken()
    assert [one.kind for one in messages] == ["DSPScheduledMessage"] * 2
    assert {one.content["DSPScheduleID"] for one in messages} == {number}
    assert {one.request_id for one in messages} == {made.request_id}
    assert messages[0].response_id != messages[1].response_id
    assert await world.gateway.timers.pending() == []


@pytest.mark.asyncio
async def test_schedules_are_read_and_deleted_by_their_owner_only(world) -> None:
    made = await create(world)
    by_number = f"<sr:DSPScheduleID>{made.content}</sr:DSPScheduleID>"
    by_device = f"<sr:DeviceID>{ESME}</sr:DeviceID>"

    async def ask(srv: str, inner: str, **how: object):
        name = {"5.2": "ReadSchedule", "5.3": "DeleteSchedule"}[srv]
        return await world.send(srv, f"<sr:{name}>{inner}</sr:{name}>", cv=8, service="D", device=DCC, **how)

    for inner in (by_number, by_device):
        read = await ask("5.2", inner)
        assert read.response_code == "I0"
        assert read.content["DSPSchedules"]["DSPScheduleID"] == made.content
    rival = "90-B3-D5-1F-30-03-00-00"
    assert (await ask("5.2", by_number, user=rival)).response_code == "E050201"
    assert (await ask("5.3", by_device, user=rival)).response_code == "E050302"
    assert (await ask("5.3", by_number)).response_code == "I99"
    assert (await ask("5.3", by_number)).response_code == "E050301"
    assert (await ask("5.2", by_device)).response_code == "E050202"


@pytest.mark.asyncio
async def test_a_schedule_that_cannot_be_is_refused_with_its_code(world) -> None:
    cases = {
        "E050101": {"srv": "4.6.2"},
        "E050102": {"start": "2026-03-01"},
        "E050103": {"end": "2026-03-02"},
        "E050107": {"device": CHF},
        "E050109": {"offsets": (0, -1)},
    }
    for code, how in cases.items():
        assert (await create(world, **how)).response_code == code
    assert (await create(world)).response_code == "I0"
    assert (await create(world)).response_code == "E050112"
    await world.change_device(ESME, status="Suspended")
    assert (await create(world, start="2026-03-09")).response_code == "E050108"


@pytest.mark.asyncio
async def test_a_run_without_an_answer_is_told_by_an_alert_with_the_schedule(world, eventually) -> None:
    made = await create(world)
    world.devices[ESME].answers = False
    world.runtime.clock.advance(timedelta(days=1))
    await eventually(lambda: world.commands)

    await world.from_device(ESME, b"", "undelivered", in_reply_to=world.commands[0].id)

    await eventually(lambda: world.taken())
    alert = world.taken()[0]
    assert alert.content["DCCAlertCode"] == "N10"
    assert alert.content["DCCAlert"]["CommandFailure"]["DSPScheduleID"] == made.content


@pytest.mark.asyncio
@pytest.mark.checklist("D10")
async def test_a_schedule_ends_with_its_device(world, eventually) -> None:
    made = await create(world)
    await world.change_device(ESME, status="Decommissioned")

    world.runtime.clock.advance(timedelta(days=1))

    await eventually(lambda: world.taken())
    alert = world.taken()[0]
    assert alert.content["DCCAlert"]["DSPScheduleRemoval"]["DSPScheduleID"] == made.content
    assert await world.gateway.timers.pending() == []
    assert world.commands == []


@pytest.mark.asyncio
async def test_a_user_that_the_device_does_not_know_needs_a_key_agreement_certificate(world) -> None:
    await world.change_device(ESME, cells=())

    refused = await create(world)

    assert refused.response_code == "E050111"
