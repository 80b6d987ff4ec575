"""A Response that changes inventory records reaches its User when the inventory has changed them."""

from __future__ import annotations

import asyncio

import pytest

from dccemu_contracts import topics
from dccemu_contracts.inventory import CommandOutcome, InventoryReply
from dccemu_runtime.outbox import message_of

pytestmark = pytest.mark.asyncio
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
ESME, GSME = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A1"
READ, VERSION = "<sr:ReadInstantaneousImportRegisters/>", "<sr:ReadFirmwareVersion/>"
PATIENT, IMPATIENT = 60.0, 0.1


@pytest.fixture
def heard(make_world):
    """A gateway of some patience, and what its inventory, which says nothing by itself, has heard."""

    async def make(patience: float):
        world, outcomes = await make_world(inventory_deadline_seconds=patience), list[CommandOutcome]()

        async def hear(batch) -> None:
            outcomes.extend(CommandOutcome.from_bytes(message.value) for message in batch)

        await world.runtime.bus.subscribe([topics.INVENTORY_OUTCOMES.name], "inventory", hear)
        return world, outcomes

    return make


def done(world, outcome: CommandOutcome, **changes: object) -> InventoryReply:
    old = world.directory.device(outcome.device)
    fact = old.model_copy(update={"version": old.version + 1, "id": f"changed {outcome.id}", **changes})
    return InventoryReply(
        id=f"reply {outcome.id}",
        at=world.runtime.clock.now(),
        in_reply_to=outcome.id,
        request_id=outcome.request_id,
        outcome="done",
        changed=(fact,),
    )


async def test_the_user_gets_the_response_when_the_gateway_knows_the_changed_record(heard, eventually) -> None:
    world, outcomes = await heard(PATIENT)
    await world.send("11.2", VERSION)
    await eventually(lambda: outcomes)
    assert outcomes[0].asked
    assert world.taken() == []

    await world.runtime.bus.publish([message_of(done(world, outcomes[0], firmware_version="00020143"))])

    await eventually(lambda: world.taken())
    assert world.taken()[0].response_code == "I0"
    assert world.directory.device(ESME).firmware_version == "00020143"


async def test_what_comes_later_from_the_same_device_stays_behind_it_and_other_devices_do_not(
    heard, eventually
) -> None:
    world, outcomes = await heard(PATIENT)
    first = await world.send("11.2", VERSION)
    await eventually(lambda: outcomes)
    second = await world.send("4.1.1", READ)
    await eventually(lambda: len(world.commands) == 2)
    other = await world.send("4.1.1", READ, device=GSME)
    await eventually(lambda: world.taken())
    assert [answer.request_id for answer in world.taken()] == [other.request_id]

    await world.runtime.bus.publish([message_of(done(world, outcomes[0]))])

    await eventually(lambda: len(world.taken()) == 3)
    assert [answer.request_id for answer in world.taken()[1:]] == [first.request_id, second.request_id]


async def test_an_inventory_that_is_away_does_not_keep_the_response_from_the_user(heard, eventually) -> None:
    world, outcomes = await heard(IMPATIENT)

    await world.send("11.2", VERSION)

    await eventually(lambda: world.taken())
    assert len(outcomes) == 1


async def test_a_gateway_that_is_started_again_does_not_wait_for_an_answer_to_another(heard, eventually) -> None:
    world, outcomes = await heard(PATIENT)
    await world.send("11.2", VERSION)
    await eventually(lambda: outcomes)

    await asyncio.wait_for(world.restart(), 30)

    await eventually(lambda: world.taken())
    assert len(world.taken()) == 1


async def test_an_alert_that_changes_records_comes_when_they_are_changed(heard, eventually) -> None:
    world, outcomes = await heard(PATIENT)
    version = b"\x09\x04" + bytes.fromhex("00020143")
    await world.from_device(ESME, world.devices[ESME].alert(3000, SUPPLIER, 0x8F43, version, 1), "alert")
    await eventually(lambda: outcomes)
    assert (outcomes[0].alert_code, outcomes[0].asked) == ("8F43", True)
    assert world.taken() == []

    await world.runtime.bus.publish([message_of(done(world, outcomes[0], firmware_version="00020143"))])

    await eventually(lambda: world.taken())
    assert world.taken()[0].kind == "DeviceAlertMessage"
    assert world.directory.device(ESME).firmware_version == "00020143"
