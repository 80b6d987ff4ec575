"""The same RequestID twice: exactly one effect (reliability F10)."""

from __future__ import annotations

import asyncio

import pytest

from dccemu_runtime.journal import Filter

READ = "<sr:ReadInstantaneousImportRegisters/>"


@pytest.mark.asyncio
async def test_of_many_equal_requests_at_once_one_is_carried_out(world, eventually) -> None:
    document = world.signed(world.request("4.1.1", READ))

    replies = await asyncio.gather(*(world.post(document) for _ in range(8)))

    codes = sorted(world.read(reply.content).response_code for reply in replies)
    assert codes == ["E45"] * 7 + ["I99"]
    await eventually(lambda: world.taken())
    assert len(world.commands) == 1
    assert len(world.taken()) == 1


@pytest.mark.asyncio
async def test_the_same_request_id_with_another_body_is_a_duplicate(world) -> None:
    first = await world.send("4.1.1", READ, counter=77)
    second = await world.send("4.1.2", "<sr:ReadInstantaneousImportTOUMatrices/>", counter=77)

    assert (first.response_code, second.response_code) == ("I99", "E45")


@pytest.mark.asyncio
async def test_the_database_remembers_what_memory_forgot(world) -> None:
    document = world.signed(world.request("4.1.1", READ))
    assert world.read((await world.post(document)).content).response_code == "I99"
    world.gateway.open_commands.clear()
    world.gateway.history.clear()

    reply = await world.post(document)

    assert world.read(reply.content).response_code == "E45"
    entries = await world.journal.find(Filter(stage="request"), 1)
    assert entries[0].checks[-1].rule.startswith("13 ")


@pytest.mark.asyncio
async def test_the_device_may_answer_while_another_body_under_the_same_request_id_is_still_being_refused(
    world, eventually, monkeypatch
) -> None:
    commit, waiting = type(world.gateway).commit, list[asyncio.Event]()

    async def held(gateway, unit) -> None:
        waiting.append(asyncio.Event())
        await waiting[-1].wait()
        await commit(gateway, unit)

    monkeypatch.setattr(type(world.gateway), "commit", held)
    first = asyncio.create_task(world.send("4.1.1", READ, counter=77))
    await eventually(lambda: len(waiting) == 1)
    second = asyncio.create_task(world.send("4.3", "<sr:ReadInstantaneousPrepayValues/>", counter=77))
    await eventually(lambda: len(waiting) == 2)
    monkeypatch.undo()

    waiting[0].set()
    await eventually(lambda: world.taken())
    waiting[1].set()

    assert ((await first).response_code, (await second).response_code) == ("I99", "E45")
    assert [answer.service_reference_variant for answer in world.taken()] == ["4.1.1"]
