"""Group commit: what queued during the last commit shares the next transaction.

A ``Unit`` is what one use case wants to write. One writer task takes all waiting units, runs them in one transaction
with a statement for each operation (rows as ``unnest`` arrays) and then wakes their callers: a caller that returns
from ``commit`` knows that its rows are durable.

When the connection breaks during COMMIT, nobody knows whether the rows are durable. The claims tell: they were free
before, so when one is there afterwards the transaction was committed as a whole. The writer waits for the database
and looks, because what its callers do after the commit must be done exactly when it happened.

A transaction has two phases. First the *claims*: inserts of unique keys that do nothing on conflict. A unit that lost
a claim raises ``AlreadyClaimed`` and writes nothing. Then the *writes* of the others. When a transaction fails, its
units are tried one by one, so that one bad unit does not fail its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg
import structlog

from dccemu_protocol.errors import EmulatorError

log = structlog.get_logger(__name__)

Row: TypeAlias = tuple[Any, ...]
#: What asyncpg raises when the server is away, shutting down or out of resources: nobody's row is to blame.
CONNECTION_TROUBLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    OSError,
    TimeoutError,
)


class Overloaded(EmulatorError):
    """The queue is full: say 503 and let the sender come back."""


class StoreUnavailable(EmulatorError):
    """The database is away: nothing was acknowledged, say 503."""


class AlreadyClaimed(Exception):
    """Another unit holds the key already; the unit that raised this wrote nothing."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"{claim.op.name} {claim.key!r} is taken")
        self.claim = claim


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One statement over many rows.

    ``sql`` takes an array for each column (``unnest($1::text[], ...)``). ``key`` gives the columns that identify a
    row: of several rows with one key in a transaction the last wins, because a statement may touch a row once only.
    ``committed`` is called with the rows after the commit. ``copied`` names table and columns of a plain insert: its
    rows go by COPY, which costs both ends about half of ``unnest``; ``sql`` serves who has one row and a connection.
    """

    name: str
    sql: str
    key: tuple[int, ...] = ()
    committed: Callable[[Sequence[Row]], None] | None = None
    copied: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ClaimOperation:
    """``INSERT ... SELECT FROM unnest(...) ON CONFLICT DO NOTHING RETURNING`` the columns at ``key``, in that order.

    ``probe`` selects a row by these columns, as text parameters in that order.
    """

    name: str
    sql: str
    key: tuple[int, ...] = (0,)
    committed: Callable[[Sequence[Row]], None] | None = None
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A row for an operation."""

    op: Operation
    row: Row


@dataclass(frozen=True, slots=True)
class Claim:
    """A row with a unique key that this unit needs for itself."""

    op: ClaimOperation
    row: Row

    @property
    def key(self) -> Row:
        return tuple(self.row[index] for index in self.op.key)


@dataclass(slots=True)
class Unit:
    """All that one use case writes, in order. Units that wait at the same time must not depend on one another."""

    claims: Sequence[Claim] = ()
    writes: Sequence[Write] = ()


@dataclass(slots=True)
class _Waiting:
    unit: Unit
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


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
        if self._is_closed:
            raise StoreUnavailable("the service is stopping")
        if len(self._queue) >= self._capacity:
            raise Overloaded(f"{self._capacity} use cases wait for the database")
        waiting = _Waiting(unit)
        self._queue.append(waiting)
        self._wake.set()
        await waiting.done

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._is_closed:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
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
                    await _write(connection, op, rows)
            except BaseException:
                with suppress(*CONNECTION_TROUBLE, asyncpg.PostgresError):
                    await transaction.rollback()
                raise
            doubt: Exception | None = None
            try:
                await transaction.commit()
            except CONNECTION_TROUBLE as error:
                doubt = error
        if doubt is not None and not await self._was_committed(winners):
            raise doubt
        self._tell(winners)
        return outcomes

    async def _was_committed(self, units: Sequence[Unit]) -> bool:
        """Whether a transaction whose COMMIT was cut off is durable; False also when that cannot be found out."""
        found = next((claim for unit in units for claim in unit.claims if claim.op.probe), None)
        if found is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while True:
                    try:
                        return await self._pool.fetchval(found.op.probe, *map(str, found.key)) is not None
                    except (*CONNECTION_TROUBLE, asyncpg.PostgresError):
                        await asyncio.sleep(0.1)
        return False

    def _tell(self, winners: Sequence[Unit]) -> None:
        rows: dict[Operation | ClaimOperation, list[Row]] = {}
        for unit in winners:
            changes: list[Claim | Write] = [*unit.claims, *unit.writes]
            for change in changes:
                if change.op.committed is not None:
                    rows.setdefault(change.op, []).append(change.row)
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
        records = await connection.fetch(op.sql, *_columns([claim.row for _, claim in claims.values()]))
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


async def _write(connection: asyncpg.pool.PoolConnectionProxy, op: Operation, rows: Sequence[Row]) -> None:
    if op.copied is None:
        await connection.execute(op.sql, *_columns(rows))
        return
    table, columns = op.copied
    await connection.copy_records_to_table(table, records=rows, columns=columns)


def arrange(units: Sequence[Sequence[Write]]) -> list[tuple[Operation, list[Row]]]:
    """Group the writes of many units by operation such that each unit's own order is kept."""
    groups: list[tuple[Operation, list[Row]]] = []
    for writes in units:
        place = 0
        for write in writes:
            place = next((i for i in range(place, len(groups)) if groups[i][0] is write.op), len(groups))
            if place == len(groups):
                groups.append((write.op, []))
            groups[place][1].append(write.row)
    return [(op, _last_of_each_key(op, rows)) for op, rows in groups]


def _last_of_each_key(op: Operation, rows: list[Row]) -> list[Row]:
    if not op.key or len(rows) == 1:
        return rows
    newest: dict[Row, Row] = {}
    for row in rows:
        key = tuple(row[index] for index in op.key)
        newest.pop(key, None)
        newest[key] = row
    return list(newest.values())


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def insert(
    table: str, columns: dict[str, str], *, committed: Callable[[Sequence[Row]], None] | None = None
) -> Operation:
    """An operation that inserts rows: ``columns`` maps names to PostgreSQL types, in the order of the row."""
    return Operation(
        f"insert {table}", _insert_sql(table, columns), committed=committed, copied=(table, tuple(columns))
    )


def upsert(
    table: str,
    columns: dict[str, str],
    key: Sequence[str],
    *,
    newer: str | None = None,
    committed: Callable[[Sequence[Row]], None] | None = None,
) -> Operation:
    """An operation that inserts or replaces by ``key``; with ``newer`` only where that column rises."""
    names = list(columns)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name not in key)
    guard = f" WHERE {table}.{newer} < EXCLUDED.{newer}" if newer else ""
    action = f"UPDATE SET {changes}{guard}" if changes else "NOTHING"
    sql = f"{_insert_sql(table, columns)} ON CONFLICT ({', '.join(key)}) DO {action}"
    return Operation(f"upsert {table}", sql, tuple(names.index(name) for name in key), committed)


def update(
    table: str,
    key: dict[str, str],
    columns: dict[str, str],
    *,
    where: str = "",
    committed: Callable[[Sequence[Row]], None] | None = None,
) -> Operation:
    """An operation that updates ``columns`` of the rows at ``key``: a row is the key's values, then the columns'.

    ``where`` is a further condition in which the table is ``t`` and the new row ``n``.
    """
    both = {**key, **columns}
    changes = ", ".join(f"{name} = n.{name}" for name in columns)
    match = " AND ".join([*(f"t.{name} = n.{name}" for name in key), *([where] if where else [])])
    sql = f"UPDATE {table} t SET {changes} FROM unnest({_arrays(both)}) AS n({', '.join(both)}) WHERE {match}"  # noqa: S608
    return Operation(f"update {table}", sql, tuple(range(len(key))), committed)


def delete(table: str, key: dict[str, str], *, committed: Callable[[Sequence[Row]], None] | None = None) -> Operation:
    """An operation that deletes the rows at ``key``."""
    match = " AND ".join(f"t.{name} = n.{name}" for name in key)
    sql = f"DELETE FROM {table} t USING unnest({_arrays(key)}) AS n({', '.join(key)}) WHERE {match}"  # noqa: S608
    return Operation(f"delete {table}", sql, tuple(range(len(key))), committed)


def claim(
    table: str,
    columns: dict[str, str],
    key: Sequence[str],
    *,
    committed: Callable[[Sequence[Row]], None] | None = None,
) -> ClaimOperation:
    """A claim: ``key`` must be a primary key or unique constraint of ``table``."""
    names = list(columns)
    sql = f"{_insert_sql(table, columns)} ON CONFLICT DO NOTHING RETURNING {', '.join(key)}"
    match = " AND ".join(f"{name} = ${number}::text::{columns[name]}" for number, name in enumerate(key, start=1))
    probe = f"SELECT 1 FROM {table} WHERE {match}"  # noqa: S608
    return ClaimOperation(f"claim {table}", sql, tuple(names.index(name) for name in key), committed, probe)


def _arrays(columns: dict[str, str]) -> str:
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), start=1))


def _insert_sql(table: str, columns: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({_arrays(columns)})"  # noqa: S608
