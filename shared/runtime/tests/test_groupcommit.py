"""Group commit: units share transactions and stay whole; a claim is won once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from asyncpg.transaction import Transaction

from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import (
    AlreadyClaimed,
    Claim,
    GroupCommit,
    Overloaded,
    StoreUnavailable,
    Unit,
    Write,
    arrange,
    at_once,
    claim,
    delete,
    insert,
    update,
    upsert,
)

pytestmark = pytest.mark.asyncio

CLAIM = claim("requests", {"id": "text", "body": "text"}, ("id",))
OTHER_CLAIM = claim("names", {"name": "text"}, ("name",))
NOTE = insert("notes", {"text": "text", "amount": "int"})
SET = upsert("states", {"key": "text", "value": "int"}, ("key",))
RAISE = upsert("states", {"key": "text", "value": "int"}, ("key",), newer="value")
CHANGE = update("states", {"key": "text"}, {"value": "int"}, where="t.value < n.value")
REMOVE = delete("states", {"key": "text"})


@pytest_asyncio.fixture
async def store(database: Database) -> Database:
    await database.pool.execute(
        """
        CREATE TABLE requests (id text PRIMARY KEY, body text);
        CREATE TABLE names (name text PRIMARY KEY);
        CREATE TABLE notes (position int GENERATED ALWAYS AS IDENTITY, text text, amount int CHECK (amount >= 0));
        CREATE TABLE states (key text PRIMARY KEY, value int)"""
    )
    return database


async def notes(store: Database) -> list[str]:
    return [row[0] for row in await store.pool.fetch("SELECT text FROM notes ORDER BY position")]


async def test_units_that_wait_together_share_a_transaction(store: Database) -> None:
    await asyncio.gather(*(store.group.commit(Unit(writes=[Write(NOTE, (str(n), n))])) for n in range(50)))

    transactions = await store.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM notes")
    assert await store.pool.fetchval("SELECT count(*) FROM notes") == 50
    assert transactions <= 3


async def test_of_two_units_with_one_key_the_first_wins_and_the_other_writes_nothing(store: Database) -> None:
    def unit(name: str) -> Unit:
        return Unit(claims=[Claim(CLAIM, ("request 1", name))], writes=[Write(NOTE, (name, 1))])

    results = await asyncio.gather(
        *(store.group.commit(unit(name)) for name in ("first", "second", "third")), return_exceptions=True
    )

    assert results[0] is None
    assert all(isinstance(result, AlreadyClaimed) for result in results[1:])
    assert await notes(store) == ["first"]
    assert await store.pool.fetchval("SELECT body FROM requests") == "first"


async def test_a_key_claimed_in_an_earlier_transaction_stays_claimed(store: Database) -> None:
    await store.group.commit(Unit(claims=[Claim(CLAIM, ("request 1", "first"))]))

    with pytest.raises(AlreadyClaimed, match="request 1"):
        await store.group.commit(Unit(claims=[Claim(CLAIM, ("request 1", "late"))], writes=[Write(NOTE, ("late", 1))]))

    assert await notes(store) == []


async def test_a_unit_that_lost_one_claim_gives_its_others_back(store: Database) -> None:
    await store.group.commit(Unit(claims=[Claim(CLAIM, ("taken", "before"))]))
    loser = Unit(claims=[Claim(OTHER_CLAIM, ("name",)), Claim(CLAIM, ("taken", "loser"))])
    winner = Unit(claims=[Claim(OTHER_CLAIM, ("name",))], writes=[Write(NOTE, ("winner", 1))])

    results = await asyncio.gather(store.group.commit(loser), store.group.commit(winner), return_exceptions=True)

    assert isinstance(results[0], AlreadyClaimed)
    assert results[1] is None
    assert await notes(store) == ["winner"]


async def test_a_lone_unit_that_lost_one_claim_leaves_nothing_behind(store: Database) -> None:
    await store.group.commit(Unit(claims=[Claim(CLAIM, ("taken", "before"))]))

    with pytest.raises(AlreadyClaimed):
        await store.group.commit(Unit(claims=[Claim(OTHER_CLAIM, ("name",)), Claim(CLAIM, ("taken", "loser"))]))

    assert await store.pool.fetchval("SELECT count(*) FROM names") == 0


async def test_units_committed_by_one_call_have_an_outcome_each(store: Database) -> None:
    await store.group.commit(Unit(claims=[Claim(CLAIM, ("taken", "before"))]))

    outcomes = await store.group.commit_all(
        [
            Unit(claims=[Claim(CLAIM, ("taken", "late"))], writes=[Write(NOTE, ("late", 1))]),
            Unit(writes=[Write(NOTE, ("good", 1))]),
            Unit(writes=[Write(NOTE, ("bad", -1))]),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [AlreadyClaimed, type(None), asyncpg.CheckViolationError]
    assert await notes(store) == ["good"]


async def test_units_committed_by_one_call_are_taken_in_together_or_not_at_all(store: Database) -> None:
    group = GroupCommit(store.pool, capacity=2)

    with pytest.raises(Overloaded):
        await group.commit_all([Unit(writes=[Write(NOTE, (str(number), 1))]) for number in range(3)])

    assert group.waiting == 0


async def test_a_bad_unit_does_not_fail_its_neighbours(store: Database) -> None:
    results = await asyncio.gather(
        *(store.group.commit(Unit(writes=[Write(NOTE, (str(n), -1 if n == 3 else n))])) for n in range(6)),
        return_exceptions=True,
    )

    assert [type(result) for n, result in enumerate(results) if n == 3] == [asyncpg.CheckViolationError]
    assert [result for n, result in enumerate(results) if n != 3] == [None] * 5
    assert sorted(await notes(store)) == ["0", "1", "2", "4", "5"]


async def test_of_several_writes_to_one_row_the_last_stands(store: Database) -> None:
    await asyncio.gather(*(store.group.commit(Unit(writes=[Write(SET, ("key", n))])) for n in range(10)))

    assert await store.pool.fetchval("SELECT value FROM states") == 9


async def test_conditional_operations_write_only_what_is_newer(store: Database) -> None:
    await store.group.commit(Unit(writes=[Write(SET, ("a", 5)), Write(SET, ("b", 5)), Write(SET, ("c", 5))]))

    await store.group.commit(Unit(writes=[Write(RAISE, ("a", 4)), Write(CHANGE, ("b", 6)), Write(REMOVE, ("c",))]))

    rows = await store.pool.fetch("SELECT key, value FROM states ORDER BY key")
    assert [tuple(row) for row in rows] == [("a", 5), ("b", 6)]


async def test_a_full_queue_is_refused_at_once(store: Database) -> None:
    small = GroupCommit(store.pool, capacity=2)
    waiting = [asyncio.create_task(small.commit(Unit(writes=[Write(NOTE, ("x", 1))]))) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded):
        await small.commit(Unit(writes=[Write(NOTE, ("x", 1))]))

    await small.start()
    await asyncio.gather(*waiting)
    await small.stop()


async def test_what_waits_at_stop_is_committed_and_later_units_are_refused(store: Database) -> None:
    waiting = asyncio.create_task(store.group.commit(Unit(writes=[Write(NOTE, ("last", 1))])))
    await asyncio.sleep(0)

    await store.group.stop()

    await waiting
    assert await notes(store) == ["last"]
    with pytest.raises(StoreUnavailable):
        await store.group.commit(Unit(writes=[Write(NOTE, ("late", 1))]))


async def test_a_caller_that_gave_up_does_not_stop_the_commit_of_its_neighbours(store: Database) -> None:
    tasks = [asyncio.create_task(store.group.commit(Unit(writes=[Write(NOTE, (str(n), 1))]))) for n in range(3)]
    await asyncio.sleep(0)

    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert {"0", "2"} <= set(await notes(store))


async def test_each_units_own_order_is_kept_when_rows_are_grouped() -> None:
    first = [Write(SET, ("x", 1)), Write(NOTE, ("n", 1))]
    second = [Write(NOTE, ("m", 1)), Write(SET, ("y", 1))]

    groups = arrange([first, second])

    assert [(op, rows) for op, rows in groups] == [
        (SET, [("x", 1)]),
        (NOTE, [("n", 1), ("m", 1)]),
        (SET, [("y", 1)]),
    ]


async def test_a_commit_in_two_phases_whose_confirmation_was_cut_off_counts_as_what_it_was(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    note = claim("names", {"name": "text"}, ("name",), committed=lambda rows: heard.extend(row[0] for row in rows))
    commit = Transaction.commit

    def unit(name: str) -> Unit:
        return Unit(claims=[Claim(note, (name,))], writes=[Write(SET, (name, 1)), Write(CHANGE, (name, 2))])

    async def cut_after(transaction: Transaction) -> None:
        await commit(transaction)
        raise ConnectionResetError("cut off after the commit")

    async def cut_before(_transaction: Transaction) -> None:
        raise ConnectionResetError("cut off before the commit")

    monkeypatch.setattr(Transaction, "commit", cut_after)
    await store.group.commit(unit("durable"))
    monkeypatch.setattr(Transaction, "commit", cut_before)
    with pytest.raises(StoreUnavailable):
        await store.group.commit(unit("gone"))
    monkeypatch.undo()

    assert heard == ["durable"]
    assert [row[0] for row in await store.pool.fetch("SELECT name FROM names")] == ["durable"]


async def test_a_statement_that_was_cut_off_is_looked_for_by_a_row_that_only_it_can_have_written(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    entry = insert(
        "notes", {"text": "text"}, committed=lambda rows: heard.extend(row[0] for row in rows), identity="text"
    )
    execute = at_once.execute

    def unit(name: str, text: str) -> Unit:
        return Unit(claims=[Claim(OTHER_CLAIM, (name,))], writes=[Write(entry, (text,))])

    async def cut_after(connection: Any, steps: Any) -> Any:
        await execute(connection, steps)
        raise ConnectionResetError("cut off after the commit")

    async def cut_before(_connection: Any, _steps: Any) -> Any:
        raise ConnectionResetError("cut off before the commit")

    monkeypatch.setattr(at_once, "execute", cut_after)
    await store.group.commit(unit("name", "drawn for the first"))
    monkeypatch.setattr(at_once, "execute", cut_before)
    with pytest.raises(StoreUnavailable):  # though the key that it claims is there
        await store.group.commit(unit("name", "drawn for the second"))

    assert heard == ["drawn for the first"]


async def test_a_lost_claim_among_units_that_went_as_one_statement_costs_its_own_unit_only(store: Database) -> None:
    await store.group.commit(Unit(claims=[Claim(CLAIM, ("7", "before"))]))

    results = await asyncio.gather(
        *(
            store.group.commit(Unit(claims=[Claim(CLAIM, (str(n), "b"))], writes=[Write(NOTE, (str(n), n))]))
            for n in range(10)
        ),
        return_exceptions=True,
    )

    assert [n for n, result in enumerate(results) if isinstance(result, AlreadyClaimed)] == [7]
    assert await notes(store) == [str(n) for n in range(10) if n != 7]


async def test_a_unit_that_changes_what_it_inserted_finds_it(store: Database) -> None:
    add = insert("states", {"key": "text", "value": "int"})

    await store.group.commit(Unit(writes=[Write(add, ("a", 1)), Write(CHANGE, ("a", 2))]))

    assert await store.pool.fetchval("SELECT value FROM states") == 2


@pytest.mark.parametrize("count", [1, 30, 200])
async def test_listeners_hear_what_the_database_drew_for_each_row(store: Database, count: int) -> None:
    heard: list[tuple[int, str]] = []
    numbered = insert("notes", {"text": "text"}, committed=heard.extend, returning="position")

    await asyncio.gather(*(store.group.commit(Unit(writes=[Write(numbered, (str(n),))])) for n in range(count)))

    found = await store.pool.fetch("SELECT position, text FROM notes ORDER BY position")
    assert [text for _, text in heard] == [str(n) for n in range(count)]
    assert heard == [tuple(row) for row in found]


@pytest.mark.parametrize(
    "texts",
    [
        ["plain", "", " blank at its ends ", "NULL", "{1,2}", "a,b", "é\n\t"],
        ['"', "a\\b", '\\"', "plain"],
        [None, "plain", '"', "NULL"],
        [""],
        [None],
    ],
)
async def test_texts_are_written_as_they_are(store: Database, texts: list[str | None]) -> None:
    await store.group.commit(Unit(writes=[Write(NOTE, (text, 1)) for text in texts]))

    assert await notes(store) == texts


async def test_several_rows_of_one_table_go_as_one_statement(store: Database) -> None:
    unit = Unit([Claim(CLAIM, ("request 1", "body"))], [Write(SET, (key, n)) for n, key in enumerate("abca")])

    assert at_once.gather([unit]) is not None
    await store.group.commit(unit)
    assert dict(await store.pool.fetch("SELECT key, value FROM states")) == {"a": 3, "b": 1, "c": 2}
