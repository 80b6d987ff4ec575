"""One run: load, faults, settling, and the verdict."""

from __future__ import annotations

import asyncio
import random
import time

from dccemu_protocol.identifiers import Eui64
from dccemu_sdk.session import Dcc

from .checker import Verdict, check
from .faults import FAULTS, strike_until
from .house import House
from .record import Applied, Record
from .scenario import ROLE, SUPPLIER
from .user import User

_APPLIED = """
SELECT device, request_id, detail->>'originator', (detail->>'counter')::numeric FROM sm_wan.journal
WHERE stage = 'device' AND outcome = 'answered' AND position > $1 ORDER BY position"""
_LEFT = """
SELECT 'gateway outbox', count(*) FROM gateway.outbox UNION ALL
SELECT 'sm-wan outbox', count(*) FROM sm_wan.outbox UNION ALL
SELECT 'gateway deliveries', count(*) FROM gateway.deliveries WHERE state = 'pending'"""
_REMEMBERED = "SELECT device, value FROM sm_wan.device_values WHERE name = $1"
_POSITION = "SELECT coalesce(max(position), 0) FROM sm_wan.journal"


async def run(
    house: House,
    name: str,
    *,
    seconds: float,
    seed: int,
    rate: float,
    least: int,
    strikes: int | None = None,
    settle: float = 30.0,
) -> Verdict:
    """Run one kind of fault against a house that is up.

    With ``strikes`` the load ends as soon as so many faults landed and ``least`` requests were acknowledged, after
    ``seconds`` at the latest; else it lasts the whole time.
    """
    fault = FAULTS[name]
    wanted = strikes if strikes is not None and fault.strike is not None else 0
    stop = asyncio.Event()

    def is_enough(record: Record) -> bool:
        return strikes is not None and record.acknowledged >= least and len(record.faults) >= wanted

    dcc = await asyncio.to_thread(Dcc, house.state)
    try:
        identity = dcc.user(SUPPLIER).identity
        user = User(identity, house.state.duis, house.meters, seed, rate=rate, copies=fault.copies)
        url = await user.start()
        try:
            await asyncio.to_thread(dcc.admin.set_receiver, SUPPLIER, url)
            position = (await house.query(_POSITION))[0][0]
            striking = None
            if fault.strike is not None:
                rng = random.Random(seed)
                striking = asyncio.create_task(strike_until(fault, house, user.record, rng, stop, strikes))
            await user.run(seconds, is_enough)
            stop.set()
            if striking is not None:
                await striking
            await _until_ready(dcc)
            await user.settle(settle)
            user.record.left = await _drained(house, settle)
            user.record.remembered = {
                str(Eui64.from_hex(row[0])): int(row[1])
                for row in await house.query(_REMEMBERED, f"counter/{ROLE}/critical")
            }
            applied = [Applied(row[0], row[2], int(row[3]), row[1]) for row in await house.query(_APPLIED, position)]
            return await asyncio.to_thread(check, user.record, applied, dcc.signers, least=least, faults_expected=True)
        finally:
            await user.stop()
    finally:
        await asyncio.to_thread(dcc.close)


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
