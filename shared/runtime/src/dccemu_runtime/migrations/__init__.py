"""Migrations: the runtime's own history and the history of each service, both walked inside the service's schema.

A history is a package folder ``versions`` of Alembic revision modules. Each history keeps its place in a version table
of its own, so that the runtime's tables and a service's tables are versioned independently.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text


@dataclass(frozen=True, slots=True)
class History:
    """One line of revisions: the package that holds ``versions`` and the table that remembers the place."""

    package: str
    version_table: str

    def script(self) -> ScriptDirectory:
        module = importlib.import_module(self.package)
        folder = Path(next(iter(module.__path__)))
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(folder / "versions"))
        return ScriptDirectory.from_config(config)


RUNTIME = History("dccemu_runtime.migrations", "alembic_runtime")


def service_history(package: str) -> History:
    """The history of a service: ``package`` is its migrations package (``dccemu_gateway.adapters.migrations``)."""
    return History(package, "alembic_version")


def upgrade(connection: Connection, history: History) -> None:
    """Walk to the head of ``history``; does nothing when there already."""
    script = history.script()
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
