"""Where a schema stands is found without the machinery of migrations, and agrees with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dccemu_runtime import migrations
from dccemu_runtime.schema import RUNTIME, History, is_at_head, service_history
from dccemu_runtime.testing import Opener

SERVICES = ("gateway", "smki", "inventory", "cos_party", "sm_wan")
HISTORIES = [RUNTIME, *(service_history(f"dccemu_{name}.adapters.migrations") for name in SERVICES)]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.package)
def test_the_heads_are_those_that_alembic_finds(history: History) -> None:
    assert history.heads() == set(migrations._script(history).get_heads())


@pytest.mark.asyncio
async def test_a_walked_schema_is_at_its_head_and_another_is_not(open_database: Opener) -> None:
    database = await open_database("gateway")

    assert await is_at_head(database.url, database.schema, [RUNTIME])
    assert not await is_at_head(database.url, database.schema, HISTORIES[:2])

    await database.pool.execute("UPDATE alembic_runtime SET version_num = 'runtime_0000'")
    assert not await is_at_head(database.url, database.schema, [RUNTIME])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_without_the_machinery_of_migrations(service: str) -> None:
    program = f"import sys, dccemu_{service}.bootstrap; print(sorted({{'sqlalchemy', 'alembic'}} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
