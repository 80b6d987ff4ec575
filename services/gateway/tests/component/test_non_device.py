"""Non-Device requests: answered in the HTTP reply."""

from __future__ import annotations

import asyncio

import pytest

from dccemu_contracts import topics
from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.inventory import InventoryReply, InventoryRequest
from dccemu_runtime.outbox import message_of

SUPPLIER = "90-B3-D5-1F-30-01-00-00"
ESME, DCC = "00-DB-12-34-56-78-90-A0", "90-B3-D5-1F-30-00-00-02"
DECOMMISSION = f"<sr:DecommissionDevice><sr:DeviceID>{ESME}</sr:DeviceID></sr:DecommissionDevice>"


async def inventory(world, **answer: object) -> list[InventoryRequest]:
    """A neighbour that answers every request so."""
    asked: list[InventoryRequest] = []

    async def hear(batch) -> None:
        for message in batch:
            request = InventoryRequest.from_bytes(message.value)
            asked.append(request)
            reply = InventoryReply(
                id=f"reply {request.id}",
                at=world.runtime.clock.now(),
                in_reply_to=request.id,
                request_id=request.request_id,
                **answer,
            )
            await world.runtime.bus.publish([message_of(reply)])

    await world.runtime.bus.subscribe([topics.INVENTORY_REQUESTS.name], "inventory", hear)
    return asked


@pytest.mark.asyncio
@pytest.mark.checklist("D1")
async def test_read_inventory_answers_the_whole_premises_signed(world) -> None:
    body = f"<sr:ReadInventory><sr:DeviceID>{ESME.lower()}</sr:DeviceID></sr:ReadInventory>"

    answer = await world.send("8.2", body, cv=8, service="D", device=DCC)

    assert answer.response_code == "I0"
    assert answer.kind == "DSPInventory"
    devices = answer.content["Device"]
    assert {device["DeviceType"] for device in devices} == {"CHF", "GPF", "ESME", "GSME"}


@pytest.mark.asyncio
async def test_read_inventory_says_both_parts_of_a_place_that_has_a_postcode_alone(world) -> None:
    await world.change_device(ESME, post_code="EX1 1AA", address_identifier=None)
    body = f"<sr:ReadInventory><sr:DeviceID>{ESME}</sr:DeviceID></sr:ReadInventory>"

    answer = await world.send("8.2", body, cv=8, service="D", device=DCC)

    assert answer.response_code == "I0"
    places = [device.get("PropertyFilter") for device in answer.content["Device"] if device["DeviceID"] == ESME]
    assert [place["PostCode"] for place in places] == ["EX1 1AA"]


@pytest.mark.asyncio
async def test_read_inventory_of_nothing_has_its_code(world) -> None:
    body = "<sr:ReadInventory><sr:UPRN>9</sr:UPRN></sr:ReadInventory>"

    assert (await world.send("8.2", body, cv=8, service="D", device=DCC)).response_code == "E080201"


@pytest.mark.asyncio
async def test_the_inventory_carries_out_what_changes_records(world) -> None:
    asked = await inventory(world, outcome="done")

    answer = await world.send("8.3", DECOMMISSION, cv=8, service="D", device=DCC)

    assert answer.response_code == "I99"
    assert asked[0].user == SUPPLIER
    assert set(asked[0].roles) == {"IS", "GS"}
    assert ESME in asked[0].body


@pytest.mark.asyncio
async def test_a_refusal_of_the_inventory_has_the_code_of_its_rule(world) -> None:
    await inventory(world, outcome="refused", rule="DECOMMISSION_STATUS", detail="it is Pending")

    answer = await world.send("8.3", DECOMMISSION, cv=8, service="D", device=DCC)

    assert answer.response_code == "E080301"


@pytest.mark.asyncio
async def test_the_code_without_data_is_a_setting(make_world) -> None:
    world = await make_world(non_device_ok_code="I0")
    await inventory(world, outcome="done")

    assert (await world.send("8.3", DECOMMISSION, cv=8, service="D", device=DCC)).response_code == "I0"


@pytest.mark.asyncio
async def test_an_inventory_that_is_away_gives_503_before_the_client_gives_up(make_world) -> None:
    world = await make_world(inventory_deadline_seconds=0.2)

    reply = await asyncio.wait_for(
        world.post(world.signed(world.request("8.3", DECOMMISSION, cv=8, device=DCC)), "D"), 2
    )

    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"


@pytest.mark.asyncio
async def test_an_ordered_dcc_alert_is_signed_and_delivered(world, eventually) -> None:
    order = DccAlertOrder(
        id="order",
        at=world.runtime.clock.now(),
        code="N38",
        alert="PPMIDRemoval",
        recipients=(SUPPLIER,),
        device=ESME,
        body={"PPMIDDeviceID": ESME, "CHFDeviceID": ESME},
    )
    await world.runtime.bus.publish([message_of(order), message_of(order)])

    await eventually(lambda: world.taken())
    alert = world.taken()[0]
    assert alert.content["DCCAlertCode"] == "N38"
    assert str(alert.response_id).startswith(f"{ESME}:{SUPPLIER}:")
    assert len(world.taken()) == 1
