"""Projections: rebuilt from nothing, ahead of stale versions, at hand while the owner is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from dccemu_contracts.inventory import PartyFact
from dccemu_contracts.topics import INVENTORY_PARTIES, SNAPSHOT_REQUESTS
from dccemu_runtime.bus import Message
from dccemu_runtime.bus.memory import MemoryBus
from dccemu_runtime.database import Database
from dccemu_runtime.deadletters import newest
from dccemu_runtime.outbox import message_of
from dccemu_runtime.projections import Projection
from dccemu_runtime.service import Runtime
from dccemu_runtime.snapshots import Owner
from dccemu_runtime.testing import START, Eventually, Opener

pytestmark = pytest.mark.asyncio


def party(name: str, version: int = 1, removed: bool = False) -> PartyFact:
    return PartyFact(
        id=f"{name}-{version}", at=START, version=version, party=name, name=f"{name} v{version}", removed=removed
    )


def projection(database: Database, runtime: Runtime, ask_every: float = 0.02) -> Projection[PartyFact]:
    return Projection(
        PartyFact, database, runtime.bus, runtime.clock, runtime.entropy, requester="gateway", ask_every=ask_every
    )


async def test_facts_on_a_compacted_topic_rebuild_a_projection_from_nothing(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    await runtime.bus.publish([message_of(party("A", 1)), message_of(party("B")), message_of(party("A", 2))])
    parties = projection(database, runtime)

    await parties.start()

    await eventually(lambda: len(parties) == 2)
    assert {fact.name for fact in parties.values()} == {"A v2", "B v1"}
    await parties.stop()


async def test_a_stale_version_is_ignored(database: Database, runtime: Runtime) -> None:
    parties = projection(database, runtime)

    await parties.handle([message_of(party("A", 3))])
    await parties.handle([message_of(party("A", 2)), message_of(party("A", 3))])

    fact = parties.get("A")
    assert fact is not None
    assert fact.version == 3
    assert await database.pool.fetchval("SELECT version FROM projections WHERE key = 'A'") == 3


async def test_a_removed_fact_is_gone_and_does_not_come_back_with_an_older_version(
    database: Database, runtime: Runtime
) -> None:
    parties = projection(database, runtime)
    await parties.handle([message_of(party("A", 1)), message_of(party("A", 3, removed=True))])

    await parties.handle([message_of(party("A", 2))])

    assert parties.get("A") is None
    assert len(parties) == 0


async def test_a_projection_serves_after_a_restart_without_owner_and_bus(
    open_database: Opener, runtime: Runtime
) -> None:
    before = await open_database("gateway", share="gateway")
    await projection(before, runtime).handle([message_of(party("A")), message_of(party("B", 2, removed=True))])

    after = projection(await open_database("gateway", share="gateway"), runtime)
    await after.start()

    fact = after.get("A")
    assert fact is not None
    assert fact.name == "A v1"
    assert after.get("B") is None
    await after.stop()


async def test_an_empty_projection_asks_its_owner_for_a_snapshot(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    async def facts() -> AsyncIterator[PartyFact]:
        for name in ("A", "B", "C"):
            yield party(name)

    owner = Owner(runtime.bus, "inventory", {INVENTORY_PARTIES: facts}, batch_size=2)
    await owner.start()
    parties = projection(database, runtime)
    await parties.start()

    await eventually(lambda: len(parties) == 3)
    await parties.stop()
    await owner.stop()


async def test_a_snapshot_request_names_who_wants_what(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    asked: list[bytes] = []

    async def note(batch: Sequence[Message]) -> None:
        asked.extend(message.value for message in batch)

    await runtime.bus.subscribe([SNAPSHOT_REQUESTS.name], "inventory", note)
    parties = projection(database, runtime)
    await parties.start()

    await eventually(lambda: asked)
    assert b'"wanted":"inventory.parties.v1"' in asked[0]
    assert b'"requester":"gateway"' in asked[0]
    await parties.stop()


async def test_an_owner_publishes_again_to_a_bus_that_lost_everything(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    assert isinstance(runtime.bus, MemoryBus)
    version = 1

    async def facts() -> AsyncIterator[PartyFact]:
        yield party("A", version)

    owner = Owner(runtime.bus, "inventory", {INVENTORY_PARTIES: facts})
    await owner.start()
    parties = projection(database, runtime)
    await parties.start()
    await eventually(lambda: parties.get("A") is not None)

    version = 2
    runtime.bus.lose_everything()

    await eventually(lambda: (fact := parties.get("A")) is not None and fact.version == 2)
    await parties.stop()
    await owner.stop()


async def test_listeners_hear_of_each_change_with_what_was_before(database: Database, runtime: Runtime) -> None:
    heard: list[tuple[str | None, str]] = []
    parties = projection(database, runtime)
    parties.on_change(lambda old, new: heard.append((old.name if old else None, new.name)))

    await parties.handle([message_of(party("A", 1))])
    await parties.handle([message_of(party("A", 2))])

    assert heard == [(None, "A v1"), ("A v1", "A v2")]


async def test_a_whole_inventory_at_once_is_durable_and_visible(open_database: Opener, runtime: Runtime) -> None:
    database = await open_database("gateway", share="gateway")
    parties = projection(database, runtime)

    await parties.handle([message_of(party(f"P{number}", version)) for version in (1, 2) for number in range(300)])

    assert {fact.version for fact in parties.values()} == {2}
    again = projection(await open_database("gateway", share="gateway"), runtime)
    await again.start()
    assert dict.fromkeys(fact.key for fact in again.values()) == dict.fromkeys(fact.key for fact in parties.values())
    assert {fact.name for fact in again.values()} == {f"P{number} v2" for number in range(300)}
    await again.stop()


async def test_two_processes_of_a_service_may_rebuild_at_the_same_time(open_database: Opener, runtime: Runtime) -> None:
    one = projection(await open_database("sm_wan", share="sm_wan"), runtime)
    database = await open_database("sm_wan", share="sm_wan")
    other = projection(database, runtime)

    await one.handle([message_of(party(f"P{number}", number % 2 + 1)) for number in range(200)])
    await other.handle([message_of(party(f"P{number}", 2 - number % 2)) for number in range(100, 300)])

    versions = await database.pool.fetch("SELECT key, version FROM projections")
    assert len(versions) == 300
    assert {row["version"] for row in versions if 100 <= int(row["key"][1:]) < 200} == {2}
    assert len(other) == 200


async def test_what_is_said_again_is_not_written_again(database: Database, runtime: Runtime) -> None:
    parties = projection(database, runtime)
    batch = [message_of(party(f"P{number}")) for number in range(100)]
    await parties.handle(batch)
    written = await database.pool.fetchval("SELECT string_agg(xmin::text, ',' ORDER BY key) FROM projections")

    await parties.handle(batch)

    assert await database.pool.fetchval("SELECT string_agg(xmin::text, ',' ORDER BY key) FROM projections") == written


async def test_a_bad_record_is_parked_by_name_and_its_neighbours_are_taken(
    database: Database, runtime: Runtime
) -> None:
    parties = projection(database, runtime)
    batch = [message_of(party(f"P{number}")) for number in range(100)]
    batch[50] = Message(INVENTORY_PARTIES.name, "P50", batch[50].value.replace(b'"version":1', b'"version":[]'), "bad")

    await parties.handle(batch)
    await parties.handle(batch)

    assert len(parties) == 99
    parked = await newest(database)
    assert [(letter.message.id, letter.message.key, letter.consumer) for letter in parked] == [
        ("bad", "P50", "gateway")
    ]
    assert "version" in parked[0].reason
