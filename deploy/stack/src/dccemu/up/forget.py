"""Empty the services' schemas for a reset, keeping what makes the suite itself: keys, certificates and migrations."""

from __future__ import annotations

import asyncpg

from .options import SERVICES

KEPT_SCHEMAS = frozenset({"smki"})
"""Certificates in the hands of Users stay valid over a reset."""

KEPT_TABLES = ("alembic%", "keys", "%_keys", "tls_%", "connections", "%_counters", "starts")
"""Names (LIKE patterns) of tables that stay: keys, the TLS authority, and counters, which only ever rise."""

_TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname = ANY($1::text[]) AND NOT tablename LIKE ANY($2::text[])
"""


async def forget(database_url: str) -> None:
    """Truncate every other table of every service's schema."""
    schemas = [service.replace("-", "_") for service in SERVICES if service not in KEPT_SCHEMAS]
    connection = await asyncpg.connect(database_url)
    try:
        tables = [row[0] for row in await connection.fetch(_TABLES, schemas, list(KEPT_TABLES))]
        if tables:
            await connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
    finally:
        await connection.close()
