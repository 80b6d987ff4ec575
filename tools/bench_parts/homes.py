"""Homes of five Devices each: the inventory at size, as facts and as rows of the inventory's own table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from time import perf_counter

from dccemu_contracts.device_index import InventoryKey
from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.trust_anchors import cells_of
from dccemu_inventory.adapters.records import device_row
from dccemu_runtime.database import Database

AT = datetime(2026, 1, 1, tzinfo=UTC)
HOLDERS = {
    1: "90-B3-D5-1F-30-00-00-01",
    2: "90-B3-D5-1F-30-01-00-00",
    3: "90-B3-D5-1F-30-02-00-00",
    4: "90-B3-D5-1F-30-00-00-02",
    5: "90-B3-D5-1F-30-00-00-04",
    6: "90-B3-D5-1F-30-00-00-07",
}
KINDS = ("CHF", "GPF", "ESME", "GSME", "PPMID")
_COLUMNS = (
    *("device", "version", "removed", "type", "status", "manufacturer", "model", "firmware_version", "hub"),
    *("meters", "mpxns", "uprn", "post_code", "body"),
)
_AT_ONCE = 20_000


def eui(number: int) -> str:
    """The EUI-64 of a Device of the bench: apart from those of every scenario."""
    return (0x00DC << 48 | number).to_bytes(8, "big").hex("-").upper()


def facts(count: int, first_version: int = 1) -> Iterator[DeviceFact]:
    """As many Devices, home by home."""
    cells = {kind: cells_of(kind, "4.3", HOLDERS) for kind in KINDS}
    for number in range(count):
        home, place = divmod(number, len(KINDS))
        kind = KINDS[place]
        yield DeviceFact(
            id=f"{number}",
            at=AT,
            version=first_version + number,
            device=eui(number),
            type=kind,  # type: ignore[arg-type]
            status="Commissioned",
            manufacturer="AB01",
            model="010A030B",
            firmware_version="0002012F",
            gbcs_version="4.3",
            hub=None if kind == "CHF" else eui(home * len(KINDS)),
            import_mpxn=mpan(home) if kind == "ESME" else f"{home:010d}" if kind == "GSME" else None,
            uprn=f"{home}",
            post_code=_post_code(home),
            address_identifier=f"{home % 15}",
            cells=cells[kind],
        )


def mpan(home: int) -> str:
    """The MPAN of a home's electricity meter."""
    return f"99{home:011d}"


def key(kind: str, home: int) -> InventoryKey:
    """The search key of a home: by its electricity meter, its MPAN or its address, written as a person would."""
    if kind == "Device":
        return InventoryKey(device=eui(home * len(KINDS) + 2))
    if kind == "MPxN":
        return InventoryKey(mpxn=mpan(home))
    return InventoryKey(post_code=_post_code(home).lower(), address_identifier=f"{home % 15}")


def _post_code(home: int) -> str:
    """Fifteen homes have one."""
    street, letters = home // 15, "ABDEFGHJLNPQRSTUWXYZ"
    return f"AB{street % 100} {street // 100 % 10}{letters[street // 1000 % 20]}{letters[street // 20_000 % 20]}"


async def fill(inventory: Database, count: int) -> float:
    """COPY the records into the inventory's table; gives the rows a second that PostgreSQL took."""
    seconds = 0.0
    async with inventory.pool.acquire() as connection:
        # Versions rise over everything: whatever changes later is newer.
        first = await connection.fetchval("SELECT setval('fact_version', nextval('fact_version') + $1)", count) - count
        rows = (device_row(fact) for fact in facts(count, first))
        while part := list(islice(rows, _AT_ONCE)):
            began = perf_counter()
            await connection.copy_records_to_table("devices", records=part, columns=_COLUMNS)
            seconds += perf_counter() - began
    return count / seconds
