"""One run: load, faults, settling, and the verdict."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dccemu_protocol.identifiers import Eui64
from dccemu_sdk.session import Dcc

from .applied import AppliedLog
from .checker import check
from .faults import FAULTS, strike_until
from .house import House
from .load import Load
from .record import Record
from .scenario import ROLE, SUPPLIER
from .user import User
from .verdict import Verdict

_LEFT = """
SELECT 'gateway outbox', count(*) FROM gateway.outbox UNION ALL
SELECT 'sm-wan outbox', count(*) FROM sm_wan.outbox UNION ALL
SELECT 'gateway deliveries', count(*) FROM gateway.deliveries WHERE state = 'pending'"""
_REMEMBERED = "SELECT device, value FROM sm_wan.device_values WHERE name = $1"

STRIKES = 2
"""A run in which fewer faults landed proved nothing."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """A User at work in a house, and what the Devices have applied since it began."""

    house: House
    dcc: Dcc
    user: User
    applied: AppliedLog

    async def conclude(self, *, least: int, settle: float, strikes: int, copies: bool = False) -> Verdict:
        """Let everything come to rest, then compare the three logs; fewer than ``strikes`` faults prove nothing."""
        await _until_ready(self.dcc)
        await self.user.settle(settle)
        record = self.user.record
        record.left = await _drained(self.house, settle)
        record.remembered = {
            str(Eui64.from_hex(row[0])): int(row[1])
            for row in await self.house.query(_REMEMBERED, f"counter/{ROLE}/critical")
        }
        applied = await self.applied.read()
        return await asyncio.to_thread(
            check, record, applied, self.dcc.signers, least=least, strikes=strikes, copies=copies
        )


@asynccontextmanager
async def sitting(
    house: House, load: Load, seed: int, *, copies: tuple[int, int] = (1, 1), critical: float = 0.3
) -> AsyncIterator[Sitting]:
    """A User of the house, with a Receive Response Service that the gateway knows."""
    dcc = await asyncio.to_thread(Dcc, house.state)
    try:
        identity = dcc.user(SUPPLIER).identity
        user = User(identity, house.state.duis, house.meters, seed, load=load, copies=copies, critical=critical)
        url = await user.start()
        try:
            await asyncio.to_thread(dcc.admin.set_receiver, SUPPLIER, url)
            applied = AppliedLog(house)
            await applied.begin()
            try:
                yield Sitting(house, dcc, user, applied)
            finally:
                await applied.end()
        finally:
            await user.stop()
    finally:
        await asyncio.to_thread(dcc.close)


async def run(
    house: House,
    name: str,
    *,
    seconds: float,
    seed: int,
    load: Load,
    least: int,
    strikes: int | None = None,
    settle: float = 30.0,
) -> Verdict:
    """Run one kind of fault against a house that is up.

    With ``strikes`` the load ends as soon as so many faults landed and ``least`` requests were acknowledged, after
    ``seconds`` at the latest; else it lasts the whole time.
    """
    fault = FAULTS[name]
    wanted = 0 if fault.strike is None else STRIKES if strikes is None else strikes
    stop = asyncio.Event()

    def is_enough(record: Record) -> bool:
        return strikes is not None and record.acknowledged >= least and len(record.faults) >= wanted

    async with sitting(house, load, seed, copies=fault.copies) as at_work:
        user, striking = at_work.user, None
        if fault.strike is not None:
            rng = random.Random(seed)
            striking = asyncio.create_task(strike_until(fault, house, user.record, rng, stop, strikes))
        await user.run(seconds, is_enough)
        stop.set()
        if striking is not None:
            await striking
        return await at_work.conclude(least=least, settle=settle, strikes=wanted, copies=fault.strike is None)


async def _until_ready(dcc: Dcc, timeout: float = 90.0) -> None:
    """Wait until every service says that it can work."""
    deadline = time.monotonic() + timeout
    while not await asyncio.to_thread(dcc.admin.is_ready):
        if time.monotonic() > deadline:
            raise TimeoutError("the services did not get ready again")
        await asyncio.sleep(0.1)


async def _drained(house: House, timeout: float) -> dict[str, int]:
    """Wait until no service has a message or a delivery left to send; what is left after that time."""
    deadline = time.monotonic() + timeout
    while True:
        left = {row[0]: row[1] for row in await house.query(_LEFT)}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.2)
