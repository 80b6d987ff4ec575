"""The writer of one database: units that queued during the last commit share the next transaction.

A ``Unit`` is what one use case wants to write. One writer task takes all waiting units, commits them together and then
wakes their callers: a caller that returns from ``commit`` knows that its rows are durable.

Mostly the whole batch is one statement (``at_once``). Where that cannot be, or a claim is lost, a transaction has two
phases. First the *claims*: inserts of unique keys that do nothing on conflict. A unit that lost a claim raises
``AlreadyClaimed`` and writes nothing. Then the *writes* of the others, a statement for each operation. When a
transaction fails, its units are tried one by one, so that one bad unit does not fail its neighbours.

When the connection breaks during the commit, nobody knows whether the rows are durable. After one statement a row with
an id drawn for it tells; after two phases a claim does, for it was free before. The writer waits for the database and
looks, because what its callers do after the commit must be done exactly when it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import structlog

from . import at_once
from .operations import Claim, ClaimOperation, Operation, Row, Unit, Write, arrange, columns_of
from .together import Share, Together
from .trouble import CONNECTION_TROUBLE, AlreadyClaimed, Overloaded, StoreUnavailable

log = structlog.get_logger(__name__)

Probe: TypeAlias = tuple[str, Row]

#: Turns of the loop before a batch is closed: whoever is about to commit comes along. With more of them everybody is in
#: the batch, and nobody is at work while the database is.
_TURNS = 1


@dataclass(slots=True)
class _Waiting:
    unit: Unit
    done: asyncio.Future[None] | Share


class GroupCommit:
    """The writer of one database.

    Parameters
    ----------
    pool
        Connections; the writer keeps one of them while it has work.
    capacity
        Units that may wait; past it ``commit`` raises ``Overloaded``.
    batch_size
        Units that share a transaction at most.
    patience
        Seconds to wait for the database when it is not known whether a transaction was committed.
    """

    def __init__(
        self, pool: asyncpg.Pool, *, capacity: int = 4096, batch_size: int = 256, patience: float = 5.0
    ) -> None:
        self._pool = pool
        self._patience = patience
        self._capacity = capacity
        self._batch_size = batch_size
        self._queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="group commit")

    async def stop(self) -> None:
        """Commit what waits, then end."""
        self._is_closed = True
        self._wake.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def commit(self, unit: Unit) -> None:
        """Return when the unit is durable.

        Raises
        ------
        AlreadyClaimed
            A claim is held by another; nothing of the unit was written.
        Overloaded
            The queue is full.
        StoreUnavailable
            The database is away; whether the unit was written is not known.
        asyncpg.PostgresError
            The unit's own rows are not acceptable.
        """
        self._make_sure_of_room(1)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(unit, done))
        self._wake.set()
        await done

    async def commit_all(self, units: Sequence[Unit]) -> Sequence[BaseException | None]:
        """Return when all units are through: for each None when it is durable, or what ``commit`` would have raised.

        Raises
        ------
        Overloaded, StoreUnavailable
            None of them was taken in.
        """
        self._make_sure_of_room(len(units))
        together = Together(len(units))
        self._queue += [_Waiting(unit, Share(together, place)) for place, unit in enumerate(units)]
        self._wake.set()
        return await together.done

    def _make_sure_of_room(self, units: int) -> None:
        if self._is_closed:
            raise StoreUnavailable("the service is stopping")
        if len(self._queue) + units > self._capacity:
            raise Overloaded(f"{len(self._queue)} of {self._capacity} use cases wait for the database")

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._is_closed:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            batch, self._queue = self._queue[: self._batch_size], self._queue[self._batch_size :]
            try:
                await self._commit_batch(batch)
            except BaseException:
                for waiting in batch:
                    _fail(waiting, StoreUnavailable("the writer was stopped"))
                raise

    async def _commit_batch(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._transaction([waiting.unit for waiting in batch])
        except CONNECTION_TROUBLE as error:
            log.warning("commit failed, the database is away", units=len(batch), error=repr(error))
            for waiting in batch:
                _fail(waiting, StoreUnavailable(f"the database is away: {error!r}"))
        except Exception as error:  # noqa: BLE001 - a bad row of any kind: find out whose by going one by one
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:
                await self._commit_batch([waiting])
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if outcome is None:
                    if not waiting.done.done():
                        waiting.done.set_result(None)
                else:
                    _fail(waiting, outcome)

    async def _transaction(self, units: Sequence[Unit]) -> list[AlreadyClaimed | None]:
        steps = at_once.gather(units)
        if steps is not None and await self._at_once(steps):
            return [None] * len(units)
        return await self._in_two_phases(units)

    async def _at_once(self, steps: dict[at_once.Step, list[Row]]) -> bool:
        """Commit a batch as one statement; False when a claim or a row stood against it and nothing was written."""
        doubt: Exception | None = None
        async with self._pool.acquire() as connection:
            try:
                steps = await at_once.execute(connection, steps)
            except CONNECTION_TROUBLE as error:
                doubt = error
            except asyncpg.PostgresError:
                return False
        if doubt is not None and not await self._is_there(at_once.evidence(steps)):
            raise doubt
        _tell({op: rows for op, rows in steps.items() if op.committed is not None})
        return True

    async def _in_two_phases(self, units: Sequence[Unit]) -> list[AlreadyClaimed | None]:
        drawn: dict[at_once.Step, list[Row]] = {}
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                outcomes = await _claim(connection, units)
                winners = [unit for unit, outcome in zip(units, outcomes, strict=True) if outcome is None]
                if not winners:
                    await transaction.rollback()
                    return outcomes
                groups = arrange([unit.writes for unit in winners])
                for op, rows in groups:
                    found = await _write(connection, op, rows)
                    if found:
                        drawn.setdefault(op, []).extend(found)
            except BaseException:
                with suppress(*CONNECTION_TROUBLE, asyncpg.PostgresError):
                    await transaction.rollback()
                raise
            doubt: Exception | None = None
            try:
                await transaction.commit()
            except CONNECTION_TROUBLE as error:
                doubt = error
        if doubt is not None and not await self._is_there(_claimed(winners)):
            raise doubt
        _tell(_heard(winners, drawn))
        return outcomes

    async def _is_there(self, probe: Probe | None) -> bool:
        """Whether a transaction whose commit was cut off is durable; False also when that cannot be found out."""
        if probe is None:
            return False
        sql, key = probe
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while True:
                    try:
                        return await self._pool.fetchval(sql, *map(str, key)) is not None
                    except (*CONNECTION_TROUBLE, asyncpg.PostgresError):
                        await asyncio.sleep(0.1)
        return False


def _claimed(units: Sequence[Unit]) -> Probe | None:
    """A claim that was won: it was free before, so its row tells that the transaction was committed."""
    return next(((claim.op.probe, claim.key) for unit in units for claim in unit.claims if claim.op.probe), None)


def _heard(winners: Sequence[Unit], drawn: dict[at_once.Step, list[Row]]) -> dict[at_once.Step, list[Row]]:
    """What each listener is told: the rows of its operation, in the order of the units."""
    rows: dict[at_once.Step, list[Row]] = {op: found for op, found in drawn.items() if op.committed and found}
    for unit in winners:
        changes: list[Claim | Write] = [*unit.claims, *unit.writes]
        for change in changes:
            if change.op.committed is not None and change.op not in drawn:
                rows.setdefault(change.op, []).append(change.row)
    return rows


def _tell(rows: dict[at_once.Step, list[Row]]) -> None:
    for op, committed in rows.items():
        assert op.committed is not None
        try:
            op.committed(committed)
        except Exception:
            log.exception("a commit listener failed", operation=op.name)


class _Contested(Exception):
    """A claim went to a unit that then lost another one: the units must be tried one by one."""


async def _claim(connection: asyncpg.pool.PoolConnectionProxy, units: Sequence[Unit]) -> list[AlreadyClaimed | None]:
    first: dict[ClaimOperation, dict[Row, tuple[int, Claim]]] = {}
    claimed = [[(claim, (claim.op, claim.key)) for claim in unit.claims] for unit in units]
    for position, claims_of_unit in enumerate(claimed):
        for claim, (op, key) in claims_of_unit:
            first.setdefault(op, {}).setdefault(key, (position, claim))
    holders: dict[tuple[ClaimOperation, Row], int] = {}
    for op, claims in first.items():
        records = await connection.fetch(op.sql, *columns_of([claim.row for _, claim in claims.values()]))
        for record in records:
            key = tuple(record)
            holders[(op, key)] = claims[key][0]
    outcomes: list[AlreadyClaimed | None] = []
    for position, claims_of_unit in enumerate(claimed):
        lost = next((claim for claim, place in claims_of_unit if holders.get(place) != position), None)
        if lost is not None and len(units) > 1 and any(holders.get(place) == position for _, place in claims_of_unit):
            raise _Contested
        outcomes.append(None if lost is None else AlreadyClaimed(lost))
    return outcomes


async def _write(connection: asyncpg.pool.PoolConnectionProxy, op: Operation, rows: Sequence[Row]) -> list[Row]:
    """Write the rows of an operation; with ``returning`` the rows, each behind what the database drew for it."""
    if op.returning:
        found = await connection.fetch(op.sql, *columns_of(rows))
        return [(record[0], *row) for record, row in zip(found, rows, strict=True)]
    if op.inserts:
        await connection.copy_records_to_table(op.table, records=rows, columns=op.columns)
    else:
        await connection.execute(op.sql, *columns_of(rows))
    return []


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
