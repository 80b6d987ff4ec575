"""The service itself: tables, readiness, restart, overload."""

from __future__ import annotations

import asyncio

import pytest

from dccemu_gateway.adapters.tables import metadata
from dccemu_protocol.gbcs.envelope import decode

READ = "<sr:ReadInstantaneousImportRegisters/>"
CHF = "00-DB-12-34-56-78-90-A2"


@pytest.mark.asyncio
async def test_the_migrations_make_the_tables_of_the_models(open_database) -> None:
    database = await open_database("gateway", migrations_package="dccemu_gateway.adapters.migrations")

    assert await database.differences(metadata) == []


@pytest.mark.asyncio
async def test_it_is_ready_when_its_keys_have_certificates(world) -> None:
    reply = await world.http.get(f"{world.urls['duis']}/readyz")

    assert reply.status_code == 200
    assert {request.requester for request in world.smki.requests} == {"gateway"}
    assert len(world.smki.requests) == 3


@pytest.mark.asyncio
async def test_counters_of_the_broker_only_rise_over_a_restart(world, eventually) -> None:
    await world.send("8.9", "<sr:ReadDeviceLog/>", device=CHF)
    await eventually(lambda: world.taken())

    await world.restart()
    await world.send("8.9", "<sr:ReadDeviceLog/>", device=CHF)

    await eventually(lambda: len(world.devices[CHF].taken) == 2)
    first, second = world.devices[CHF].taken
    assert first.counter < second.counter


@pytest.mark.asyncio
async def test_an_answer_that_arrives_after_a_restart_finds_its_command(world, eventually) -> None:
    esme = "00-DB-12-34-56-78-90-A0"
    world.devices[esme].answers = False
    await world.send("4.1.1", READ)
    await eventually(lambda: world.commands)
    await world.restart()

    command = decode(bytes.fromhex(world.commands[0].payload))
    await world.from_device(esme, world.devices[esme].answer(command, world.reader(command)))

    await eventually(lambda: world.taken())


@pytest.mark.asyncio
async def test_past_its_bounds_it_says_503_and_recovers(make_world) -> None:
    world = await make_world(max_in_flight=1)
    documents = [world.signed(world.request("4.1.1", READ)) for _ in range(12)]
    replies = await asyncio.gather(*(world.post(document) for document in documents))

    statuses = {reply.status_code for reply in replies}
    assert statuses <= {200, 503}
    assert 503 in statuses
    assert (await world.send("4.1.1", READ)).response_code == "I99"


@pytest.mark.asyncio
@pytest.mark.checklist("C1")
async def test_the_official_schema_may_be_asked_as_well(make_world, official_schema) -> None:
    world = await make_world(duis_schema=official_schema)

    assert (await world.send("4.1.1", READ)).response_code == "I99"


@pytest.mark.asyncio
async def test_without_its_database_it_says_503_and_sends_nothing(world) -> None:
    clock = (
        "<sr:SynchroniseClock><sr:CurrentDateTime>2026-03-02T09:30:00Z</sr:CurrentDateTime>"
        "<sr:TolerancePeriod>10</sr:TolerancePeriod></sr:SynchroniseClock>"
    )
    offered = await world.send("6.11", clock, cv=4, service="T")
    signed = world.signed(world.signed_pre_command(offered, "6.11"))
    world.gateway.history.clear()
    await world.gateway.database.pool.close()

    replies = [await world.post(signed), await world.post(world.signed(world.request("4.1.1", READ)))]

    assert [reply.status_code for reply in replies] == [503, 503]
    assert world.commands == []


@pytest.mark.asyncio
async def test_metrics_count_by_service_status_and_code(world) -> None:
    from prometheus_client import REGISTRY

    def counted() -> float:
        labels = {"service": "S", "status": "200", "code": "I99"}
        return REGISTRY.get_sample_value("dccemu_gateway_requests_total", labels) or 0.0

    before = counted()
    await world.send("4.1.1", READ)

    assert counted() == before + 1
