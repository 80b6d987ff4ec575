"""Commands from the bus: one at a time for each Device, many Devices side by side."""

from __future__ import annotations

from typing_extensions import override

from dccemu_contracts.envelope import Contract
from dccemu_contracts.wan import DeviceCommand
from dccemu_runtime.bus import Bus, Message
from dccemu_runtime.consumers import Consumer, Fast
from dccemu_runtime.database import Database

from ..domain.seeding import plain
from ..usecases.fleet import Fleet
from ..usecases.receive import Receive


class DeviceConsumer(Consumer):
    """A consumer that holds the Device's lock from the handler's start to the commit."""

    def __init__(self, bus: Bus, database: Database, group: str, fleet: Fleet, receive: Receive) -> None:
        super().__init__(bus, database, group)
        self._fleet = fleet
        self.on_fast(DeviceCommand, receive.take)

    @override
    def hold(self, contract: Contract) -> bool:
        return self._fleet.hold(plain(contract.key))

    @override
    def let_go(self, contract: Contract, outcome: str) -> None:
        # Perhaps an attempt of ours was committed although the database did not get to say so.
        self._fleet.let_go(plain(contract.key), is_known=outcome == "handled")

    @override
    async def _run_fast(self, handler: Fast, message: Message, contract: Contract) -> str:
        eui = plain(contract.key)
        async with self._fleet.working(eui):
            outcome = await super()._run_fast(handler, message, contract)
            if outcome != "handled":
                self._fleet.doubt(eui)
            return outcome
