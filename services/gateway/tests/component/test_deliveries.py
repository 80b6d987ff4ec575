"""Deliveries: at least once, in order for a Device, retried with growing pauses until taken, never changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from dccemu_runtime.faults import Fault

READ = "<sr:ReadInstantaneousImportRegisters/>"
OTHER_USER = "00-DB-12-34-56-78-00-04"
SUPPLIER, ESME, GSME = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A1"


@pytest.mark.asyncio
async def test_a_user_that_fails_gets_the_same_octets_again_after_growing_pauses(world, eventually) -> None:
    user = world.users[SUPPLIER]
    user.status = 500
    await world.send("4.1.1", READ)
    await eventually(lambda: len(user.taken) == 1)

    for attempts, pause in ((2, 1), (3, 2), (4, 4)):
        await eventually(lambda expected=attempts - 1: _attempts(world, expected))
        world.runtime.clock.advance(timedelta(seconds=pause - 0.5))
        await asyncio.sleep(0)
        assert len(user.taken) == attempts - 1
        world.runtime.clock.advance(timedelta(seconds=0.6))
        await eventually(lambda expected=attempts: len(user.taken) == expected)

    user.status = 204
    await eventually(lambda: _attempts(world, 4))
    world.runtime.clock.advance(timedelta(seconds=9))
    await eventually(lambda: _state(world, "delivered"))
    assert len(set(user.taken)) == 1


@pytest.mark.asyncio
async def test_a_user_that_was_away_for_long_has_its_documents_within_five_seconds_of_its_return(
    world, eventually
) -> None:
    """Fault F7 of the reliability goals: whoever waits for a failing User, all its lanes go on together."""
    user = world.users[SUPPLIER]
    user.status = 500
    for device in (ESME, GSME, ESME):
        await world.send("4.1.1", READ, device=device)
    for attempts in range(1, 13):
        await eventually(lambda expected=attempts: len(user.taken) == expected)
        await eventually(lambda expected=attempts: _all_attempts(world, expected))
        world.runtime.clock.advance(timedelta(seconds=4))

    user.status = 204
    await eventually(lambda: len(user.taken) >= 13)
    if not await _state(world, "delivered"):
        world.runtime.clock.advance(timedelta(seconds=4))

    await eventually(lambda: _state(world, "delivered"))
    assert len(set(user.taken)) == 3


@pytest.mark.asyncio
async def test_a_user_that_is_away_holds_up_nobody_else(world, eventually) -> None:
    world.users[SUPPLIER].status = 500
    await world.send("4.1.1", READ)
    await eventually(lambda: _attempts(world, 1))

    other = world.users[OTHER_USER]
    await world.send("9.1", "<sr:RequestCustomerIdentificationNumber/>", user=OTHER_USER)

    await eventually(lambda: len(other.taken) == 1)


async def _all_attempts(world, expected: int) -> bool:
    return await world.gateway.database.pool.fetchval("SELECT sum(attempts) FROM deliveries") == expected


async def _attempts(world, expected: int) -> bool:
    return await world.gateway.database.pool.fetchval("SELECT max(attempts) FROM deliveries") == expected


async def _state(world, state: str) -> bool:
    return await world.gateway.database.pool.fetchval("SELECT bool_and(state = $1) FROM deliveries", state)


@pytest.mark.asyncio
async def test_a_document_that_is_refused_holds_up_its_own_device_only(world, eventually) -> None:
    user = world.users[SUPPLIER]
    user.status = 400
    await world.send("4.1.1", READ, device=ESME)
    await eventually(lambda: _attempts(world, 1))
    user.status = 204

    await world.send("4.1.1", READ, device=ESME)
    await world.send("4.1.1", READ, device=GSME)

    await eventually(lambda: len(user.taken) == 2)
    assert str(world.taken()[1].request_id.target) == GSME
    world.runtime.clock.advance(timedelta(seconds=2))
    await eventually(lambda: len(user.taken) == 4)
    targets = [one.request_id for one in world.taken() if str(one.request_id.target) == ESME]
    assert targets[0] == targets[1]
    assert targets[1].counter < targets[2].counter


@pytest.mark.asyncio
async def test_answers_of_one_device_arrive_in_order(world, eventually) -> None:
    counters = []
    for _ in range(12):
        counters.append((await world.send("4.1.1", READ)).request_id.counter)

    await eventually(lambda: len(world.taken()) == 12)
    assert [one.request_id.counter for one in world.taken()] == counters


@pytest.mark.asyncio
async def test_what_waits_survives_a_restart(make_world, eventually, runtime) -> None:
    world = await make_world()
    user = world.users[SUPPLIER]
    user.status = 503
    await world.send("4.1.1", READ)
    await eventually(lambda: _attempts(world, 1))

    await world.restart()
    user.status = 204
    world.runtime.clock.advance(timedelta(seconds=5))

    await eventually(lambda: len(user.taken) == 2)
    assert user.taken[0] == user.taken[1]


@pytest.mark.asyncio
async def test_an_operator_can_move_a_users_receive_response_service(world, eventually) -> None:
    world.users[SUPPLIER].status = 500
    await world.send("4.1.1", READ)
    await eventually(lambda: _attempts(world, 1))
    app = FastAPI()
    app.include_router(world.service.admin)
    elsewhere = world.users["90-B3-D5-1F-30-03-00-00"]
    url = world.directory.user(elsewhere.eui).receive_url
    async with AsyncClient(transport=ASGITransport(app), base_url="http://admin") as admin:
        reply = await admin.put(f"/admin/gateway/receivers/{SUPPLIER.lower()}", json={"url": url})
        assert reply.status_code == 200
        await eventually(lambda: elsewhere.taken)
        listed = (await admin.get("/admin/deliveries", params={"user": SUPPLIER})).json()

    assert elsewhere.taken[0] == world.users[SUPPLIER].taken[0]
    assert listed["deliveries"][0]["attempts"] >= 1


@pytest.mark.asyncio
async def test_a_fault_of_deliveries_is_obeyed(world, eventually) -> None:
    world.runtime.faults.put(Fault(id="away", point="delivery", effect="refuse", match={"user": SUPPLIER}, times=1))

    await world.send("4.1.1", READ)
    await eventually(lambda: _attempts(world, 1))
    assert world.taken() == []
    world.runtime.clock.advance(timedelta(seconds=2))

    await eventually(lambda: world.taken())


@pytest.mark.asyncio
async def test_a_durable_delivery_that_nobody_offered_is_found_by_the_sweep(world, eventually) -> None:
    user = world.users[SUPPLIER]
    await world.send("4.1.1", READ)
    await eventually(lambda: len(user.taken) == 1)
    await eventually(lambda: _state(world, "delivered"))
    pool = world.gateway.database.pool
    await pool.execute("UPDATE deliveries SET state = 'pending', delivered_at = NULL")

    courier = next(part for part in world.service.components if hasattr(part, "sweep_once"))
    first, second = await courier.sweep_once(), await courier.sweep_once()

    assert (first, second) == (0, 1)
    await eventually(lambda: len(user.taken) == 2)
    await eventually(lambda: _state(world, "delivered"))
    assert len(set(user.taken)) == 1
