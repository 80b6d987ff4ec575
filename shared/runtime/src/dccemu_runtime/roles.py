"""One PostgreSQL schema and role per service: the role has rights on its own schema and on nothing else."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
import structlog

log = structlog.get_logger(__name__)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


async def provision(url: str, schema: str) -> str:
    """Make the role and the schema when they are missing and return the URL with which that role connects.

    Where ``url`` may not create roles, its own user gets the schema and ``url`` is returned: separation of services
    is then up to whoever gave them their URLs.
    """
    if not _NAME.match(schema):
        raise ValueError(f"{schema!r} is not a schema name: lower case letters, digits and underscores")
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", "provision schemas")
            user = await connection.fetchval("SELECT current_user::text")
            may_create = await connection.fetchval(
                "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
            )
            if not may_create or user == schema:
                if not await _schema_exists(connection, schema):
                    await connection.execute(f'CREATE SCHEMA "{schema}"')
                if user != schema:
                    log.warning("the database user may not create roles: services share it", user=user, schema=schema)
                return url
            password = _password(url, schema)
            await _make_role(connection, schema, password)
            if not await _schema_exists(connection, schema):
                await connection.execute(f'CREATE SCHEMA "{schema}" AUTHORIZATION "{schema}"')
            return with_user(url, schema, password)
    finally:
        await connection.close()


async def drop(url: str, schema: str) -> None:
    """Remove the schema with all it holds, and its role."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1 AND rolname <> current_user", schema):
            await connection.execute(f'DROP OWNED BY "{schema}" CASCADE')
            await connection.execute(f'DROP ROLE "{schema}"')
    finally:
        await connection.close()


def with_user(url: str, user: str, password: str | None) -> str:
    """The same database for another user."""
    parts = urlsplit(url)
    credentials = quote(user) + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc.rpartition('@')[2]}"))


async def _make_role(connection: asyncpg.Connection, role: str, password: str | None) -> None:
    # A utility statement takes no parameters; the password is hexadecimal and the name was checked.
    login = f"LOGIN PASSWORD '{password}'" if password else "LOGIN"
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f'CREATE ROLE "{role}" {login} NOSUPERUSER NOCREATEDB NOCREATEROLE')
        if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            await connection.execute(f'GRANT "{role}" TO current_user')
    elif password:
        await connection.execute(f'ALTER ROLE "{role}" {login}')


async def _schema_exists(connection: asyncpg.Connection, schema: str) -> bool:
    return bool(await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema))


def _password(url: str, role: str) -> str | None:
    """The same for each process that knows the owner's password, so that all workers of a service agree."""
    owner = urlsplit(url).password
    return hmac.new(unquote(owner).encode(), role.encode(), hashlib.sha256).hexdigest() if owner else None
