"""The Certified Products List: import of a whole list, single entries, and what Devices follow from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database

from ..adapters.records import Records
from ..domain.ledger import Cause, Ledger
from ..domain.products import CPL_STATUSES, Product, ProductKey
from ..domain.suspension import follow_products_list
from ..domain.transitions import EVERY_TYPE

COLUMNS = (
    "device_type",
    "manufacturer",
    "model",
    "firmware_version",
    "smets_chts_version",
    "gbcs_version",
    "image_hash",
    "status",
)
_CONCERNED = """
SELECT device FROM devices WHERE NOT removed AND type = $1 AND manufacturer = $2 AND model = $3
  AND coalesce(upper(firmware_version), '') = $4 ORDER BY device"""


def read_list(text: str) -> list[Product]:
    """Read a list file: CSV with one header line of ``COLUMNS``.

    Raises
    ------
    ProtocolError
        ``BAD_PRODUCTS_LIST`` with the line.
    """
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ProtocolError("BAD_PRODUCTS_LIST", f"the first line must be {','.join(COLUMNS)}", place="line 1")
    return [_product(row, number) for number, row in enumerate(reader, start=2)]


def _product(row: dict[str, str | None], number: int) -> Product:
    place = f"line {number}"
    values = {name: row.get(name) or "" for name in COLUMNS}
    if values["device_type"] not in EVERY_TYPE or values["status"] not in CPL_STATUSES:
        detail = f"{values['device_type']!r} or {values['status']!r} is not known"
        raise ProtocolError("BAD_PRODUCTS_LIST", detail, place=place)
    if not values["manufacturer"] or not values["model"]:
        raise ProtocolError("BAD_PRODUCTS_LIST", "manufacturer and model must be given", place=place)
    return Product(
        values["device_type"],
        values["manufacturer"],
        values["model"],
        values["firmware_version"].upper(),
        values["smets_chts_version"] or None,
        values["gbcs_version"] or None,
        values["image_hash"] or None,
        values["status"],
    )


class Products:
    """Use cases on the list."""

    def __init__(self, database: Database, records: Records, clock: Clock) -> None:
        self._database = database
        self._records = records
        self._clock = clock

    async def list(self) -> list[Product]:
        """Give all entries."""
        return await self._records.product_rows.listed()

    async def import_list(self, text: str) -> dict[str, int]:
        """A new issue of the list replaces the old one; entries that are gone suspend their Devices."""
        new = {product.key: product for product in read_list(text)}
        async with self._database.transaction() as connection:
            await connection.execute("LOCK TABLE products IN EXCLUSIVE MODE")
            rows, now = self._records.product_rows, self._clock.now()
            old = {product.key: product for product in await rows.listed(connection)}
            gone = [key for key in old if key not in new]
            changed = [product for key, product in new.items() if old.get(key) != product]
            facts = [*await rows.remove(connection, gone, now), *await rows.put(connection, changed, now)]
            await self._records.publish(connection, facts)
            concerned = [*gone, *(product.key for product in changed)]
            devices = await self._follow(connection, concerned, "Certified Products List imported")
        return {"entries": len(new), "changed": len(changed), "removed": len(gone), "devices": devices}

    async def put(self, product: Product) -> int:
        """Make or change one entry; gives the number of Devices that followed."""
        async with self._database.transaction() as connection:
            facts = await self._records.product_rows.put(connection, [product], self._clock.now())
            await self._records.publish(connection, facts)
            return await self._follow(connection, [product.key], "Certified Products List entry changed")

    async def _follow(self, connection: PoolConnectionProxy, keys: Iterable[ProductKey], cause: str) -> int:
        products = await self._records.products(connection)
        count = 0
        for key in keys:
            for row in await connection.fetch(_CONCERNED, *key):
                index = await self._records.load(connection, [row[0]])
                ledger = Ledger(index, self._clock.now(), Cause(cause))
                device = index.device(row[0])
                assert device is not None
                follow_products_list(ledger, device, products)
                if ledger.changed:
                    await self._records.save(connection, ledger)
                    count += 1
        return count
