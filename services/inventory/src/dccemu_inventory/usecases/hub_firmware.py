"""The DCC upgrades a hub: image and order go to the SM WAN, and the records follow when the hub runs it."""

from __future__ import annotations

from datetime import timedelta

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.firmware import FirmwareDistribution, FirmwareReport, image_name, pieces
from dccemu_contracts.inventory import DeviceFact
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Check, Entry, Journal
from dccemu_runtime.outbox import Outbox

from ..adapters.records import Records
from ..domain.hub_firmware import check_hub_image, hub_activated
from ..domain.ledger import Cause, Ledger

_PATIENCE = timedelta(days=7)


class HubFirmware:
    """Orders upgrades of hubs and takes their reports."""

    def __init__(
        self, database: Database, records: Records, outbox: Outbox, journal: Journal, clock: Clock, entropy: Entropy
    ) -> None:
        self._database = database
        self._records = records
        self._outbox = outbox
        self._journal = journal
        self._clock = clock
        self._entropy = entropy

    async def order(self, eui: str, version: str, image: bytes) -> DeviceFact:
        """Send an image to a hub.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_DEVICE`` and the rules of ``check_hub_image``.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            index = await self._records.load(connection, [eui])
            hub = Ledger(index, now, Cause("hub firmware")).require(eui)
            gpf = index.device(hub.gpf or "")
            upgrade = check_hub_image(hub, gpf, version, image, await self._records.products(connection))
            await self._outbox.copy(connection, list(pieces(image, now, self._entropy.uuid)))
            order = FirmwareDistribution(
                id=self._entropy.uuid(),
                at=now,
                device=eui,
                image=image_name(image),
                version=version.upper(),
                until=now + _PATIENCE,
            )
            await self._outbox.add(connection, order)
            await self._note(connection, eui, "hub firmware sent", True, f"hash {upgrade.digest}, version {version}")
        return hub

    async def hear(self, connection: PoolConnectionProxy, report: FirmwareReport) -> None:
        """A report of the CSP: those about hubs themselves are the inventory's (C22)."""
        if report.request_id is not None:
            return
        outcome = f"hub firmware {'' if report.success else 'not '}{report.stage}"
        if report.stage == "activated" and report.success:
            index = await self._records.load(connection, [report.device])
            ledger = Ledger(index, self._clock.now(), Cause("hub firmware upgraded by the DCC"))
            hub = ledger.require(report.device)
            hub_activated(ledger, hub, report.version, await self._records.products(connection))
            await self._records.save(connection, ledger)
        got = report.reason or f"version {report.version}"
        await self._note(connection, report.device, outcome, report.success, got)

    async def _note(self, connection: PoolConnectionProxy, device: str, outcome: str, passed: bool, got: str) -> None:
        await self._journal.add(
            connection,
            Entry(
                id=self._entropy.uuid(),
                at=self._clock.now(),
                stage="inventory",
                outcome=outcome,
                device=device,
                checks=(Check("HUB_FIRMWARE", passed, expected="the hub runs the image", got=got),),
            ),
        )
