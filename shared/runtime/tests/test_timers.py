"""Timers: they obey the Clock, commit with their effect, and fire once whichever worker takes them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from asyncpg.pool import PoolConnectionProxy

from dccemu_runtime import deadletters
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Unit
from dccemu_runtime.testing import START, Eventually, Opener
from dccemu_runtime.timers import Timer, Timers

pytestmark = pytest.mark.asyncio
MINUTE = timedelta(minutes=1)


class Fired:
    """A handler that remembers what fired and when by the Clock."""

    def __init__(self, clock: Clock, again: timedelta | None = None) -> None:
        self.keys: list[str] = []
        self.timers: list[Timer] = []
        self._clock = clock
        self._again = again

    async def __call__(self, connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        self.keys.append(timer.key)
        self.timers.append(timer)
        return None if self._again is None else timer.due_at + self._again


async def set_one(database: Database, timers: Timers, key: str, due: datetime) -> None:
    async with database.transaction() as connection:
        await timers.set(connection, "reminder", key, due, {"of": key})


async def pending(timers: Timers, *keys: str) -> bool:
    """Whether exactly these timers are left: a timer is gone with the commit of its effect."""
    return [timer.key for timer in await timers.pending()] == list(keys)


async def test_a_timer_fires_when_the_clock_reaches_it_and_not_before(
    database: Database, frozen_clock: Clock, eventually: Eventually
) -> None:
    timers, fired = Timers(database, frozen_clock), Fired(frozen_clock)
    timers.on("reminder", fired)
    await timers.start()
    await set_one(database, timers, "soon", START + MINUTE)
    await set_one(database, timers, "later", START + 2 * MINUTE)

    frozen_clock.advance(MINUTE)
    await eventually(lambda: pending(timers, "later"))
    assert fired.keys == ["soon"]
    frozen_clock.advance(MINUTE)
    await eventually(lambda: pending(timers))

    assert fired.keys == ["soon", "later"]
    assert fired.timers[0].payload == {"of": "soon"}
    await timers.stop()


async def test_a_jump_over_several_due_times_fires_them_in_order(
    database: Database, frozen_clock: Clock, eventually: Eventually
) -> None:
    timers, fired = Timers(database, frozen_clock), Fired(frozen_clock)
    timers.on("reminder", fired)
    await timers.start()
    for minute in (3, 1, 2):
        await set_one(database, timers, f"in {minute}", START + minute * MINUTE)

    frozen_clock.advance(timedelta(hours=1))

    await eventually(lambda: len(fired.keys) == 3)
    assert fired.keys == ["in 1", "in 2", "in 3"]
    await timers.stop()


async def test_a_timer_set_for_now_fires_at_once(
    database: Database, frozen_clock: Clock, eventually: Eventually
) -> None:
    timers, fired = Timers(database, frozen_clock, poll=timedelta(hours=1)), Fired(frozen_clock)
    timers.on("reminder", fired)
    await timers.start()

    await database.group.commit(Unit(writes=[timers.write_set("reminder", "now", START)]))

    await eventually(lambda: fired.keys == ["now"])
    await timers.stop()


async def test_a_cancelled_timer_does_not_fire(database: Database, frozen_clock: Clock) -> None:
    timers, fired = Timers(database, frozen_clock), Fired(frozen_clock)
    timers.on("reminder", fired)
    await set_one(database, timers, "one", START)
    await set_one(database, timers, "two", START)

    async with database.transaction() as connection:
        assert await timers.cancel(connection, "reminder", "one")
    await database.group.commit(Unit(writes=[timers.write_cancel("reminder", "two")]))

    assert not await timers.run_one()
    assert fired.keys == []


async def test_a_timer_of_a_rolled_back_transaction_never_was(database: Database, frozen_clock: Clock) -> None:
    timers = Timers(database, frozen_clock)

    async def change_its_mind() -> None:
        async with database.transaction() as connection:
            await timers.set(connection, "reminder", "one", START)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await change_its_mind()

    assert await timers.pending() == []


async def test_a_moved_timer_fires_at_its_new_time_only(
    database: Database, frozen_clock: Clock, eventually: Eventually
) -> None:
    timers, fired = Timers(database, frozen_clock), Fired(frozen_clock)
    timers.on("reminder", fired)
    await set_one(database, timers, "one", START)
    await set_one(database, timers, "one", START + MINUTE)

    assert not await timers.run_one()
    frozen_clock.advance(MINUTE)

    assert await timers.run_one()
    assert fired.keys == ["one"]


async def test_a_handler_may_set_its_timer_again(database: Database, frozen_clock: Clock) -> None:
    timers, fired = Timers(database, frozen_clock), Fired(frozen_clock, again=MINUTE)
    timers.on("reminder", fired)
    await set_one(database, timers, "tick", START)

    assert await timers.run_one()

    [timer] = await timers.pending()
    assert timer.due_at == START + MINUTE


async def test_two_workers_fire_each_timer_once(
    open_database: Opener, frozen_clock: Clock, eventually: Eventually
) -> None:
    fired = Fired(frozen_clock)
    workers = []
    for _ in range(2):
        timers = Timers(await open_database("gateway", share="gateway"), frozen_clock)
        timers.on("reminder", fired)
        workers.append(timers)
    database = await open_database("gateway", share="gateway")
    for number in range(40):
        await set_one(database, workers[0], str(number), START)

    await asyncio.gather(*(timers.start() for timers in workers))
    await eventually(lambda: len(fired.keys) >= 40)
    await asyncio.gather(*(timers.stop() for timers in workers))

    assert sorted(fired.keys, key=int) == [str(number) for number in range(40)]


async def test_a_timer_whose_handler_keeps_failing_is_parked_and_does_not_hold_up_others(
    database: Database, frozen_clock: Clock, eventually: Eventually
) -> None:
    timers, fired = Timers(database, frozen_clock), Fired(frozen_clock)

    async def failing(connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        raise ValueError("cannot do it")

    timers.on("broken", failing)
    timers.on("reminder", fired)
    async with database.transaction() as connection:
        await timers.set(connection, "broken", "one", START - MINUTE, {"n": 1})
    await set_one(database, timers, "other", START)
    await timers.start()

    await eventually(lambda: fired.keys == ["other"])
    await eventually(lambda: parked(database))

    [letter] = await deadletters.newest(database)
    assert letter.reason == "ValueError: cannot do it"
    assert await pending(timers)
    await timers.stop()


async def parked(database: Database) -> bool:
    return bool(await deadletters.newest(database))
