"""The Certified Products List in its table, and as the facts that the other services follow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.envelope import Contract
from dccemu_contracts.inventory import ProductFact
from dccemu_runtime.database import Database

from ..domain.products import Product, ProductKey

_COLUMNS = "type, manufacturer, model, firmware_version, smets_chts_version, gbcs_version, image_hash, status"
_LISTED = f"""
SELECT {_COLUMNS} FROM products WHERE NOT removed AND ($1::text[] IS NULL OR model = ANY($1::text[]))
ORDER BY type, manufacturer, model, firmware_version"""  # noqa: S608 - columns
_EVERY = f"SELECT {_COLUMNS}, version, removed FROM products"  # noqa: S608 - columns
_PUT = f"""
INSERT INTO products ({_COLUMNS}, version, removed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nextval('fact_version'), false)
ON CONFLICT (type, manufacturer, model, firmware_version) DO UPDATE SET
  smets_chts_version = EXCLUDED.smets_chts_version, gbcs_version = EXCLUDED.gbcs_version,
  image_hash = EXCLUDED.image_hash, status = EXCLUDED.status, version = EXCLUDED.version, removed = false
RETURNING {_COLUMNS}, version, removed"""  # noqa: S608 - columns
_REMOVE = f"""
UPDATE products SET removed = true, version = nextval('fact_version')
WHERE type = $1 AND manufacturer = $2 AND model = $3 AND firmware_version = $4 AND NOT removed
RETURNING {_COLUMNS}, version, removed"""  # noqa: S608 - columns


class ProductRows:
    """Entries of the list; one that was taken off leaves a tombstone for those who follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(
        self, connection: PoolConnectionProxy | None = None, models: list[str] | None = None
    ) -> list[Product]:
        """The entries, or those of some models."""
        return [Product(*row) for row in await (connection or self._database.pool).fetch(_LISTED, models)]

    async def put(
        self, connection: PoolConnectionProxy, products: Iterable[Product], at: datetime
    ) -> list[ProductFact]:
        """Make or change entries; gives the facts to publish."""
        facts = []
        for one in products:
            row = await connection.fetchrow(
                _PUT,
                *(one.device_type, one.manufacturer, one.model, one.firmware_version),
                *(one.smets_chts_version, one.gbcs_version, one.image_hash, one.status),
            )
            assert row is not None
            facts.append(_fact(row, at))
        return facts

    async def remove(
        self, connection: PoolConnectionProxy, keys: Iterable[ProductKey], at: datetime
    ) -> list[ProductFact]:
        """Take entries off the list; gives the facts to publish."""
        rows = [await connection.fetchrow(_REMOVE, *key) for key in keys]
        return [_fact(row, at) for row in rows if row is not None]

    async def all_products(self, at: datetime) -> AsyncIterator[Contract]:
        """Every entry, tombstones too, for a snapshot."""
        for row in await self._database.pool.fetch(_EVERY):
            yield _fact(row, at)


def _fact(row: asyncpg.Record, at: datetime) -> ProductFact:
    return ProductFact(
        id=f"product {row['version']}",
        at=at,
        version=row["version"],
        type=row["type"],
        manufacturer=row["manufacturer"],
        model=row["model"],
        firmware_version=row["firmware_version"],
        gbcs_version=row["gbcs_version"],
        image_hash=row["image_hash"],
        status=row["status"],
        removed=row["removed"],
    )
