"""A service's database: a schema and role of its own, migrations to the head, transactions."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, Table, Text

from dccemu_runtime.database import Database
from dccemu_runtime.roles import with_user
from dccemu_runtime.testing import Opener

pytestmark = pytest.mark.asyncio


async def test_a_service_cannot_read_another_services_schema(open_database: Opener) -> None:
    smki, gateway = await open_database("smki"), await open_database("gateway")
    await smki.pool.execute("CREATE TABLE ca_keys (secret text)")

    for statement in ("SELECT * FROM {}.ca_keys", "INSERT INTO {}.ca_keys VALUES ('x')", "SELECT * FROM {}.outbox"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway.pool.execute(statement.format(smki.schema))


async def test_a_service_can_neither_make_schemas_nor_take_another_role(open_database: Opener) -> None:
    smki, gateway = await open_database("smki"), await open_database("gateway")

    for statement in ("CREATE SCHEMA theft", f'SET ROLE "{smki.schema}"', "CREATE ROLE thief"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway.pool.execute(statement)


async def test_the_services_own_url_opens_the_same_schema_again(open_database: Opener) -> None:
    database = await open_database("gateway")
    await database.pool.execute("CREATE TABLE kept (word text)")

    again = await Database.open(database.url, database.schema)

    assert await again.pool.fetchval("SELECT count(*) FROM kept") == 0
    assert await again.pool.fetchval("SELECT current_user::text") == database.schema
    await again.close()


async def test_each_opening_of_a_schema_has_a_number(database: Database) -> None:
    others = [await Database.open(database.url, database.schema) for _ in range(2)]

    assert [one.starts for one in (database, *others)] == [0, 1, 2]
    for other in others:
        await other.close()


async def test_the_runtimes_migrations_lead_to_the_models(database: Database) -> None:
    assert await database.differences() == []


async def test_a_model_without_a_migration_is_noticed(database: Database) -> None:
    models = MetaData()
    Table("forgotten", models, Column("word", Text, primary_key=True))

    [difference] = await database.differences(models)

    assert isinstance(difference, tuple)
    assert difference[0] == "add_table"


async def test_workers_that_start_together_walk_the_migrations_once(open_database: Opener) -> None:
    first = await open_database("gateway", share="gateway")

    others = await asyncio.gather(*(Database.open(first.url, first.schema) for _ in range(3)))

    for other in others:
        assert await other.differences() == []
        await other.close()


async def test_opening_a_schema_at_its_head_is_fast(open_database: Opener) -> None:
    await open_database("gateway", share="gateway")
    before = time.process_time()

    await open_database("gateway", share="gateway")

    assert time.process_time() - before < 0.5


async def test_callbacks_run_after_the_commit_only(database: Database) -> None:
    seen: list[str] = []

    async def failing() -> None:
        async with database.transaction() as connection:
            database.after_commit(connection, lambda: seen.append("never"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await failing()
    async with database.transaction() as connection:
        database.after_commit(connection, lambda: seen.append("after"))
        assert seen == []

    assert seen == ["after"]


async def test_the_user_of_a_url_is_replaced_and_the_rest_kept() -> None:
    url = with_user("postgresql://owner:p%40ss@db:5432/dccemu?sslmode=require", "gateway", "s3/cret")

    assert url == "postgresql://gateway:s3%2Fcret@db:5432/dccemu?sslmode=require"
