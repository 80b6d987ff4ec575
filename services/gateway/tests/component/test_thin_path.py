"""A request goes in, a real Command goes out, a Device answers, the User gets its Response."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dccemu_protocol.gbcs.crypto import sign
from dccemu_protocol.gbcs.envelope import CRA, decode, encode

READ = "<sr:ReadInstantaneousImportRegisters/>"
CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>2026-03-02T09:30:00Z</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>10</sr:TolerancePeriod></sr:SynchroniseClock>"
)


@pytest.mark.asyncio
async def test_non_critical_request_becomes_a_command_and_its_response_is_pushed(world, eventually) -> None:
    answer = await world.send("4.1.1", READ)

    assert answer.response_code == "I99"
    await eventually(lambda: world.taken())
    response = world.taken()[0]
    assert response.response_code == "I0"
    assert response.request_id == answer.request_id
    assert str(response.response_id) == answer.request_id.response_id
    message = decode(response.gbcs_payload)
    assert message.cra is CRA.RESPONSE
    assert message.counter == answer.request_id.counter
    assert len(world.commands) == 1


@pytest.mark.asyncio
@pytest.mark.checklist("C7")
async def test_critical_request_is_answered_with_a_pre_command_to_sign_and_then_sent(world, eventually) -> None:
    offered = await world.send("6.11", CLOCK, cv=4, service="T")

    assert offered.response_code == "I0"
    assert offered.kind == "PreCommand"
    assert not world.commands

    reply = await world.post(world.signed(world.signed_pre_command(offered, "6.11")))

    assert world.read(reply.content).response_code == "I99"
    await eventually(lambda: world.taken())
    command = decode(bytes.fromhex(world.commands[0].payload))
    assert command.payload == decode(offered.gbcs_payload).payload
    assert world.taken()[0].response_code == "I0"


@pytest.mark.asyncio
@pytest.mark.checklist("C8")
async def test_a_signed_pre_command_that_was_altered_is_refused_and_nothing_is_sent(world) -> None:
    offered = await world.send("6.11", CLOCK, cv=4, service="T")
    good = world.signed_pre_command(offered, "6.11")
    message = decode(offered.gbcs_payload)
    altered = replace(message, payload=message.payload[:-1] + bytes([message.payload[-1] ^ 1]))
    user = world.users[str(offered.request_id.originator)]
    foreign = encode(sign(message, world.smki.key()))

    codes = [
        world.read((await world.post(world.signed(document))).content).response_code
        for document in (
            world.signed_pre_command(offered, "6.11", payload=user.sign_pre_command(encode(altered))),
            world.signed_pre_command(offered, "6.11", payload=foreign),
            good,
        )
    ]

    assert codes == ["E49", "E50", "I99"]
