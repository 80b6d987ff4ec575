"""Communications Hubs come from the DCC alone (inventory.md section 4): both records exist before delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database

from ..adapters.records import Records
from ..domain.bodies import Content
from ..domain.decommissioning import decommission_device
from ..domain.ledger import Cause, Ledger
from ..domain.prenotification import notify_device
from .dcc import DccParties

HasCertificates = Callable[[str], bool]
"""Whether the repository holds the Device Certificates (signing and key agreement) of a Device."""


class Hubs:
    """What the DCC does with hubs."""

    def __init__(
        self, database: Database, records: Records, dcc: DccParties, clock: Clock, has_certificates: HasCertificates
    ) -> None:
        self._database = database
        self._records = records
        self._dcc = dcc
        self._clock = clock
        self._has_certificates = has_certificates

    async def deliver(self, values: Mapping[str, str | None], *, check_certificates: bool) -> DeviceFact:
        """Take a CHF with its GPF into the inventory, both Pending.

        Raises
        ------
        ProtocolError
            The rules of 12.2; ``DEVICE_CERTIFICATES_MISSING`` when the repository lacks a certificate of either.
        """
        device, gpf = str(values.get("device", "")).upper(), str(values.get("gpf", "")).upper()
        if check_certificates:
            for eui in (device, gpf):
                if not self._has_certificates(eui):
                    detail = f"{eui} has no Device Certificates for signing and key agreement in the repository"
                    raise ProtocolError("DEVICE_CERTIFICATES_MISSING", detail, source="inventory.md 4")
        body = Content(
            "DevicePrenotification",
            {
                "DeviceID": device,
                "DeviceManufacturer": cast(str, values.get("manufacturer")),
                "DeviceModel": cast(str, values.get("model")),
                "DeviceType": "CHF",
                "SMETSCHTSVersion": values.get("smets_chts_version") or "CHTS V1.4",
                "FirmwareVersion": cast(str, values.get("firmware_version")),
                "AssociatedGPFDeviceID": gpf,
            },
        )
        async with self._database.transaction() as connection:
            index = await self._records.load(connection, [device, gpf])
            ledger = Ledger(index, self._clock.now(), Cause("hub delivered by the DCC"))
            products = await self._records.products(connection)
            dcc = self._dcc.holders()
            hub = notify_device(ledger, body, self._dcc.identifiers.broker, products, dcc, by_dcc=True)
            place = {name: values.get(name) for name in ("csp_region", "han_variant", "connectivity")}
            hub = ledger.change(hub, notified_by=None, **{name: text for name, text in place.items() if text})
            twin = index.device(gpf)
            assert twin is not None
            ledger.change(twin, notified_by=None)
            await self._records.save(connection, ledger)
        return hub

    async def decommission(self, eui: str) -> DeviceFact:
        """The DCC itself takes a Device out of service."""
        async with self._database.transaction() as connection:
            index = await self._records.load(connection, [eui])
            ledger = Ledger(index, self._clock.now(), Cause("decommissioned by the DCC"))
            gone = decommission_device(ledger, eui, "", (), by_dcc=True)
            await self._records.save(connection, ledger)
        return gone
