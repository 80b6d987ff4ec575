"""Migrations: the runtime's own history and the history of each service, both walked inside the service's schema.

A history is a package folder ``versions`` of Alembic revision modules. Each history keeps its place in a version table
of its own, so that the runtime's tables and a service's tables are versioned independently.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from ..schema import RUNTIME, History


def _script(history: History) -> ScriptDirectory:
    folder = history.folder()
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(folder / "versions"))
    return ScriptDirectory.from_config(config)


async def walk(url: str, schema: str, histories: Sequence[History]) -> None:
    """Walk the histories of a schema to their heads, in one transaction; one process at a time does it."""

    def upgrade_all(connection: Connection) -> None:
        lock(connection, schema)
        for history in histories:
            upgrade(connection, history)

    async with _connected(url, schema) as connection, connection.begin():
        await connection.run_sync(upgrade_all)


async def compare(url: str, schema: str, metadata: Sequence[MetaData]) -> list[object]:
    """How a schema differs from the models: empty when equal."""
    async with _connected(url, schema) as connection:
        return await connection.run_sync(lambda sync: differences(sync, *metadata))


@asynccontextmanager
async def _connected(url: str, schema: str) -> AsyncIterator[AsyncConnection]:
    dialect = urlunsplit(urlsplit(url)._replace(scheme="postgresql+asyncpg"))
    engine = create_async_engine(
        dialect, poolclass=NullPool, connect_args={"server_settings": {"search_path": f'"{schema}"'}}
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def upgrade(connection: Connection, history: History) -> None:
    """Walk to the head of ``history``; does nothing when there already."""
    script = _script(history)
    heads = script.get_heads()
    options = {"version_table": history.version_table, "transaction_per_migration": False}
    present = MigrationContext.configure(connection, opts=options).get_current_heads()
    if set(present) == set(heads):
        return
    environment = EnvironmentContext(
        Config(), script, fn=lambda revision, _context: script._upgrade_revs("heads", revision), destination_rev="heads"
    )
    with environment:
        environment.configure(connection=connection, version_table=history.version_table)
        environment.run_migrations()


def differences(connection: Connection, metadata: MetaData, *others: MetaData) -> list[object]:
    """What autogenerate would change to make the schema equal to ``metadata`` (and ``others``): empty when equal."""
    joined = MetaData()
    for source in (metadata, *others):
        for table in source.tables.values():
            table.to_metadata(joined)
    known = set(joined.tables)
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _parents: kind != "table" or name in known or not _is_bookkeeping(name),
        },
    )
    return list(compare_metadata(context, joined))


def _is_bookkeeping(name: str | None) -> bool:
    return name in {RUNTIME.version_table, "alembic_version"}


def lock(connection: Connection, schema: str) -> None:
    """Let one process at a time walk the histories of a schema; freed at the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"migrate {schema}"})
