"""The journal: found by what is known of a message, bounded, waited for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Unit
from dccemu_runtime.journal import Check, Entry, Filter, Journal
from dccemu_runtime.testing import START, Eventually

pytestmark = pytest.mark.asyncio


def entry(number: int, **fields: str) -> Entry:
    check = Check("UNKNOWN_DEVICE", passed=False, expected="a Device", got="nothing", source="SRPD 2")
    return Entry(
        f"entry-{number}",
        START + timedelta(seconds=number),
        "submit",
        "refused",
        checks=[check],
        detail={"n": number},
        message=b"<xml/>",
        **fields,
    )


async def test_an_entry_comes_back_whole(database: Database) -> None:
    journal = Journal(database)
    written = entry(1, user="U", device="D", srv="4.1.1", request_id="U:D:1")

    await database.group.commit(Unit(writes=[journal.write(written)]))

    found = await journal.get("entry-1")
    assert found is not None
    assert found.as_json() == written.as_json()
    assert found.as_json()["checks"][0]["rule"] == "UNKNOWN_DEVICE"
    assert found.as_json()["message"] == "<xml/>"


async def test_filters_must_all_match_and_the_newest_come_first(database: Database) -> None:
    journal = Journal(database)
    async with database.transaction() as connection:
        await journal.add(connection, *(entry(n, user=f"U{n % 2}", srv="4.1.1") for n in range(6)))

    found = await journal.find(Filter(user="U1", since=START + timedelta(seconds=2)))

    assert [item.id for item in found] == ["entry-5", "entry-3"]
    assert await journal.find(Filter(user="U1", srv="8.2")) == []


async def test_a_wait_ends_when_the_entry_is_committed(database: Database) -> None:
    journal = Journal(database)
    waiting = asyncio.create_task(journal.wait(Filter(request_id="U:D:7"), timeout=10))
    await asyncio.sleep(0)

    async with database.transaction() as connection:
        await journal.add(connection, entry(1, request_id="U:D:7"))

    async with asyncio.timeout(5):
        assert [item.id for item in await waiting] == ["entry-1"]


async def test_a_wait_that_is_not_met_returns_what_there_is(database: Database) -> None:
    assert await Journal(database).wait(Filter(request_id="none"), timeout=0.01) == []


async def test_the_oldest_entries_go_first_when_the_journal_is_full(database: Database, eventually: Eventually) -> None:
    journal = Journal(database, capacity=20)
    for number in range(60):
        await database.group.commit(Unit(writes=[journal.write(entry(number))]))

    await eventually(lambda: at_most(journal, 23))
    assert (await journal.find(Filter(), 1))[0].id == "entry-59"
    await journal.stop()


async def at_most(journal: Journal, count: int) -> bool:
    return len(await journal.find(Filter(), 1000)) <= count
