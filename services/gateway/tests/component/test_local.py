"""Commands for local delivery, and their Responses brought back by 8.13."""

from __future__ import annotations

from base64 import b64encode

import pytest

from dccemu_protocol.gbcs.envelope import decode

READ = "<sr:ReadInstantaneousImportRegisters/>"
CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>2026-03-02T09:30:00Z</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>10</sr:TolerancePeriod></sr:SynchroniseClock>"
)
ESME, DCC, RIVAL = "00-DB-12-34-56-78-90-A0", "90-B3-D5-1F-30-00-00-02", "90-B3-D5-1F-30-03-00-00"


def returned(payload: bytes, original: str | None = None) -> str:
    name = "" if original is None else f"<sr:OriginalRequestID>{original}</sr:OriginalRequestID>"
    return (
        f"<sr:ReturnLocalCommandResponse>{name}<sr:DeviceGBCSResponse>{b64encode(payload).decode()}"
        "</sr:DeviceGBCSResponse></sr:ReturnLocalCommandResponse>"
    )


@pytest.mark.asyncio
@pytest.mark.checklist("C10")
async def test_a_local_command_is_in_the_reply_and_nothing_is_sent(world) -> None:
    answer = await world.send("4.1.1", READ, cv=2, service="D")

    assert answer.response_code == "I0"
    assert answer.kind == "LocalCommand"
    assert decode(answer.gbcs_payload).mac is not None
    assert world.commands == []


@pytest.mark.asyncio
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.checklist("C10")
async def test_the_response_of_a_local_command_comes_back_by_8_13_once(world, named: bool) -> None:
    answer = await world.send("4.1.1", READ, cv=2, service="D")
    command = decode(answer.gbcs_payload)
    response = world.devices[ESME].answer(command, world.reader(command))
    body = returned(response, str(answer.request_id) if named else None)

    first = await world.send("8.13", body, cv=8, service="D", device=DCC)
    again = await world.send("8.13", body, cv=8, service="D", device=DCC)

    assert first.response_code == "I99"
    assert again.response_code == "E081301"


@pytest.mark.asyncio
async def test_a_response_that_fails_its_cryptography_is_refused_by_8_13(world) -> None:
    offered = await world.send("6.11", CLOCK, cv=4, service="T")
    request = world.signed_pre_command(offered, "6.11", cv=6)
    answer = world.read((await world.post(world.signed(request), "D")).content)
    assert answer.kind == "LocalCommand"
    command = decode(answer.gbcs_payload)
    response = bytearray(world.devices[ESME].answer(command, world.reader(command)))
    response[-1] ^= 1

    refused = await world.send("8.13", returned(bytes(response)), cv=8, service="D", device=DCC)

    assert refused.response_code == "E081303"


@pytest.mark.asyncio
async def test_command_variant_3_sends_and_gives(world, eventually) -> None:
    answer = await world.send("4.1.1", READ, cv=3)

    assert answer.response_code == "I99"
    await eventually(lambda: len(world.taken()) == 2)
    assert [one.kind for one in world.taken()] == ["LocalCommand", "GBCSPayload"]
    assert world.taken()[0].gbcs_payload == bytes.fromhex(world.commands[0].payload)
