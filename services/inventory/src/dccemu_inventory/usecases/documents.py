"""Documents that the DCC sends out from registration data and inventory."""

from __future__ import annotations

from dccemu_contracts.entitlement import UK
from dccemu_contracts.inventory import DeviceFact, RegistrationFact
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database

from ..domain.reports import market_share, market_share_file, service_flag, status_file, supplier_on_record_file

_ALL = "SELECT body FROM meter_points WHERE NOT removed ORDER BY mpxn"
_OF_NETWORK = "SELECT body FROM meter_points WHERE network = $1 AND NOT removed ORDER BY mpxn"
_AT_POINTS = """
SELECT DISTINCT ON (mpxn, d.device) mpxn, d.body
FROM unnest($1::text[]) AS mpxn JOIN devices d ON d.mpxns @> ARRAY[mpxn]
ORDER BY mpxn, d.device"""


class Documents:
    """Makes the outgoing files."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._pool = database.pool
        self._clock = clock

    async def market_share(self) -> str:
        """The monthly summary for the Central Delivery Body."""
        now = self._clock.now()
        points = [RegistrationFact.from_bytes(row[0].encode()) for row in await self._pool.fetch(_ALL)]
        return market_share_file(market_share(points, now), now.astimezone(UK).date())

    async def supplier_on_record(self, network: str) -> str:
        """The Supplier on record of each MPAN of a network."""
        points = await self._of(network)
        electric = [point for point in points if point.fuel == "electricity"]
        return supplier_on_record_file(electric, network, self._clock.now())

    async def status(self, network: str) -> str:
        """The DCC Service Flag of each point of a network."""
        points = [point.mpxn for point in await self._of(network)]
        devices: dict[str, list[DeviceFact]] = {}
        for row in await self._pool.fetch(_AT_POINTS, points):
            devices.setdefault(row[0], []).append(DeviceFact.from_bytes(row[1].encode()))
        flags = ((mpxn, service_flag(devices.get(mpxn, ()))) for mpxn in points)
        return status_file(((mpxn, flag) for mpxn, flag in flags if flag), network, self._clock.now())

    async def _of(self, network: str) -> list[RegistrationFact]:
        return [RegistrationFact.from_bytes(row[0].encode()) for row in await self._pool.fetch(_OF_NETWORK, network)]
