"""Responses, time-outs and Alerts: every accepted request gets exactly one final answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dccemu_contracts import topics
from dccemu_contracts.inventory import CommandOutcome
from dccemu_protocol.gbcs.envelope import decode, encode
from dccemu_runtime.journal import Filter

READ = "<sr:ReadInstantaneousImportRegisters/>"
SUPPLIER, OTHER_USER = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-00-04"
DCC = "90-B3-D5-1F-30-00-00-02"
ESME, CHF = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A2"
LIMITS = (
    "<sr:UpdateDeviceConfigurationLoadLimitingGeneralSettings><sr:ExecutionDateTime>{}</sr:ExecutionDateTime>"
    "<sr:LoadLimitPeriod>300</sr:LoadLimitPeriod><sr:LoadLimitPowerThreshold>6900</sr:LoadLimitPowerThreshold>"
    "<sr:LoadLimitRestorationPeriod>30</sr:LoadLimitRestorationPeriod>"
    "<sr:LoadLimitSupplyState>Unchanged</sr:LoadLimitSupplyState>"
    "</sr:UpdateDeviceConfigurationLoadLimitingGeneralSettings>"
)


@pytest.mark.asyncio
async def test_a_device_that_does_not_answer_gives_e21_and_a_command_failure_alert(world, eventually) -> None:
    world.devices[ESME].answers = False
    sent = await world.send("4.1.1", READ)
    await eventually(lambda: world.commands)

    world.runtime.clock.advance(timedelta(hours=24, seconds=1))

    await eventually(lambda: len(world.taken()) == 2)
    response = next(one for one in world.taken() if one.kind != "DCCAlertMessage")
    alert = next(one for one in world.taken() if one.kind == "DCCAlertMessage")
    assert response.response_code == "E21"
    assert response.request_id == sent.request_id
    assert response.gbcs_payload is None
    assert alert.content["DCCAlertCode"] == "N13"
    assert alert.content["DCCAlert"]["CommandFailure"]["CommandRequestID"] == str(sent.request_id)


@pytest.mark.asyncio
async def test_a_response_after_the_time_out_has_no_effect(world, eventually) -> None:
    world.devices[ESME].answers = False
    await world.send("4.1.1", READ)
    await eventually(lambda: world.commands)
    world.runtime.clock.advance(timedelta(hours=25))
    await eventually(lambda: len(world.taken()) == 2)

    command = decode(bytes.fromhex(world.commands[0].payload))
    await world.from_device(ESME, world.devices[ESME].answer(command, world.reader(command)))

    entries = await world.journal.wait(Filter(stage="response", outcome="dropped RESPONSE_UNMATCHED"), 5)
    assert len(entries) == 1
    assert len(world.taken()) == 2


@pytest.mark.asyncio
async def test_a_device_that_cannot_be_reached_gives_e20(world, eventually) -> None:
    world.devices[ESME].answers = False
    await world.send("4.1.1", READ)
    await eventually(lambda: world.commands)

    await world.from_device(ESME, b"", "undelivered", in_reply_to=world.commands[0].id, reason="no WAN")

    await eventually(lambda: len(world.taken()) == 2)
    assert {one.response_code for one in world.taken()} == {"E20", "I0"}


@pytest.mark.asyncio
async def test_a_repeated_response_is_answered_once(world, eventually) -> None:
    await world.send("4.1.1", READ)
    await eventually(lambda: world.taken())

    command = decode(bytes.fromhex(world.commands[0].payload))
    await world.from_device(ESME, world.devices[ESME].answer(command, world.reader(command)))

    await world.journal.wait(Filter(stage="response", outcome="dropped RESPONSE_UNMATCHED"), 5)
    assert len(world.taken()) == 1


@pytest.mark.asyncio
async def test_a_forged_response_of_a_critical_command_is_dropped_and_the_true_one_taken(world, eventually) -> None:
    clock = (
        "<sr:SynchroniseClock><sr:CurrentDateTime>2026-03-02T09:30:00Z</sr:CurrentDateTime>"
        "<sr:TolerancePeriod>10</sr:TolerancePeriod></sr:SynchroniseClock>"
    )
    device = world.devices[ESME]
    device.answers = False
    offered = await world.send("6.11", clock, cv=4, service="T")
    await world.post(world.signed(world.signed_pre_command(offered, "6.11")))
    await eventually(lambda: world.commands)
    command = decode(bytes.fromhex(world.commands[0].payload))
    good = decode(device.answer(command, world.reader(command)))

    await world.from_device(ESME, encode(replace(good, payload=good.payload[:-1] + b"\x07")))
    dropped = await world.journal.wait(Filter(stage="response", outcome="dropped GBCS_SIGNATURE_INVALID"), 5)
    assert dropped
    assert world.taken() == []

    await world.from_device(ESME, encode(good))
    await eventually(lambda: world.taken())
    assert world.taken()[0].gbcs_payload == encode(good)


@pytest.mark.asyncio
async def test_a_request_to_a_hub_goes_in_the_name_of_the_broker_with_rising_counters(world, eventually) -> None:
    body = "<sr:ReadDeviceLog/>"
    first = await world.send("8.9", body, device=CHF)
    second = await world.send("8.9", body, device=CHF)
    assert (first.response_code, second.response_code) == ("I99", "I99")
    await eventually(lambda: len(world.taken()) == 2)

    messages = [decode(bytes.fromhex(command.payload)) for command in world.commands]
    assert {str(message.originator) for message in messages} == {"90-B3-D5-1F-30-00-00-02"}
    assert messages[0].counter < messages[1].counter
    assert {str(message.other.supplementary_party) for message in messages} == {SUPPLIER}
    assert {one.request_id.counter for one in world.taken()} == {
        message.other.supplementary_counter for message in messages
    }


@pytest.mark.asyncio
async def test_a_response_to_the_broker_must_carry_its_mac(world, eventually) -> None:
    world.devices[CHF].answers = False
    await world.send("8.9", "<sr:ReadDeviceLog/>", device=CHF)
    await eventually(lambda: world.commands)
    command = decode(bytes.fromhex(world.commands[0].payload))
    good = decode(world.devices[CHF].answer(command, world.reader(command)))

    await world.from_device(CHF, encode(replace(good, mac=b"\0" * 12)))

    assert await world.journal.wait(Filter(stage="response", outcome="dropped GBCS_MAC_INVALID"), 5)
    assert world.taken() == []


@pytest.mark.asyncio
async def test_a_customer_identification_number_comes_back_with_the_response(world, eventually) -> None:
    answer = await world.send("9.1", "<sr:RequestCustomerIdentificationNumber/>", user=OTHER_USER)
    assert answer.response_code == "I99"

    await eventually(lambda: world.taken(OTHER_USER))

    message = world.taken(OTHER_USER)[0]
    assert message.kind == "CINMessage"
    assert len(message.content["CustomerIdentificationNumber"]) == 4


@pytest.mark.asyncio
@pytest.mark.checklist("D5")
async def test_a_hub_is_in_contact_only_when_the_certificate_in_the_repository_verifies_its_message(
    world, eventually
) -> None:
    heard: list[CommandOutcome] = []

    async def hear(batch) -> None:
        heard.extend(CommandOutcome.from_bytes(message.value) for message in batch)

    await world.runtime.bus.subscribe([topics.INVENTORY_OUTCOMES.name], "inventory", hear)
    await world.change_device(CHF, status="Pending")
    impostor = replace(world.devices[CHF], ds=world.smki.key())

    await world.from_device(CHF, impostor.alert(3000, DCC, 0x8F35), "alert")
    await world.from_device(CHF, world.devices[CHF].alert(3001, DCC, 0x8F35), "alert")

    await eventually(lambda: heard)
    assert [(outcome.device, outcome.success, outcome.id.split()[-1]) for outcome in heard] == [(CHF, True, "3001")]


@pytest.mark.asyncio
@pytest.mark.checklist("F1")
async def test_a_device_alert_goes_to_the_user_it_names(world, eventually) -> None:
    await world.from_device(ESME, world.devices[ESME].alert(2000, SUPPLIER, 0x8F35), "alert")

    await eventually(lambda: world.taken())

    alert = world.taken()[0]
    assert alert.kind == "DeviceAlertMessage"
    assert alert.alert_code == "8F35"
    assert alert.request_id is None
    assert str(alert.response_id) == f"{ESME}:{SUPPLIER}:2000"


@pytest.mark.asyncio
async def test_a_future_dated_command_is_answered_at_once_and_at_each_instruction(world, eventually) -> None:
    at = "2026-03-05T00:00:00.000Z"
    offered = await world.send("6.4.1", LIMITS.format(at), cv=4, service="T")
    assert offered.response_code == "I0", offered
    request = world.signed_pre_command(offered, "6.4.1").replace(
        b"<sr:SignedPreCommand>", f"<sr:SignedPreCommand><sr:ExecutionDateTime>{at}</sr:ExecutionDateTime>".encode()
    )
    reply = world.read((await world.post(world.signed(request))).content)
    assert reply.response_code == "I99"
    await eventually(lambda: len(world.taken()) == 1)

    command = decode(bytes.fromhex(world.commands[0].payload))
    for number in range(4):
        item = (
            command.message_code.to_bytes(2, "big")
            + command.counter.to_bytes(8, "big")
            + b"\0\x09"
            + b"\0" * 6
            + b"\x06"
        )
        alert = world.devices[ESME].alert(3000 + number, SUPPLIER, 0x8F66, b"\x09\x13" + item, items=1)
        await world.from_device(ESME, alert, "alert")
    await eventually(lambda: len(world.taken()) == 5)

    alerts = world.taken()[1:]
    assert [one.kind for one in alerts] == ["FutureDatedDeviceAlertMessage"] * 4
    assert [one.content["InstructionNumber"] for one in alerts] == ["1", "2", "3", "4"]
    assert {one.request_id for one in alerts} == {offered.request_id}
    world.runtime.clock.advance(timedelta(days=10))
    state = await world.gateway.database.pool.fetchval("SELECT state FROM commands")
    assert state == "answered"


@pytest.mark.asyncio
async def test_without_execution_alerts_a_future_dated_command_times_out_with_e30(world, eventually) -> None:
    at = "2026-03-05T00:00:00.000Z"
    offered = await world.send("6.4.1", LIMITS.format(at), cv=4, service="T")
    request = world.signed_pre_command(offered, "6.4.1").replace(
        b"<sr:SignedPreCommand>", f"<sr:SignedPreCommand><sr:ExecutionDateTime>{at}</sr:ExecutionDateTime>".encode()
    )
    await world.post(world.signed(request))
    await eventually(lambda: len(world.taken()) == 1)

    world.runtime.clock.advance(timedelta(days=5))

    await eventually(lambda: len(world.taken()) == 3)
    assert "E30" in {one.response_code for one in world.taken()}
