"""A batch of units as one statement: one round trip, and one commit, for all of them.

Each operation becomes a data-modifying WITH query of the statement. They all see the database as it was before, and
none sees what another does, so a batch goes this way only where that cannot matter: two operations that change rows
of one table do not go together, nor does a unit that changes a row of a table into which it inserts. Claims are plain
inserts here: a key that is taken fails the whole statement, and the batch is then worked off claim by claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import asyncpg

from .literals import literal, taking_literals, texts_of
from .operations import Claim, ClaimOperation, Operation, Row, Unit, Write, columns_of, last_of_each_key

Step: TypeAlias = Operation | ClaimOperation
_PARAMETER = re.compile(r"\$(\d+)")


def gather(units: Sequence[Unit]) -> dict[Step, list[Row]] | None:
    """The rows of a batch by operation, or None where the batch cannot be one statement."""
    steps: dict[Step, list[Row]] = {}
    for unit in units:
        changes: list[Claim | Write] = [*unit.claims, *unit.writes]
        if not _is_apart(tuple([change.op for change in changes])):
            return None
        for change in changes:
            rows = steps.get(change.op)
            if rows is None:
                steps[change.op] = [change.row]
            else:
                rows.append(change.row)
    return steps if _is_apart_together(tuple(steps)) else None


@lru_cache(maxsize=1024)
def _is_apart(ops: tuple[Step, ...]) -> bool:
    """Whether no operation of a unit can meet a row of another of its operations."""
    added = {op.table for op in ops if _adds(op)}
    changed = [op.table for op in dict.fromkeys(ops) if not _adds(op)]
    return added.isdisjoint(changed) and len(set(changed)) == len(changed)


@lru_cache(maxsize=1024)
def _is_apart_together(ops: tuple[Step, ...]) -> bool:
    """Whether no two operations of a batch change rows of one table; units that wait together share no row."""
    changed = [op.table for op in ops if not _adds(op)]
    drawing = [op for op in ops if isinstance(op, Operation) and op.returning]
    return len(set(changed)) == len(changed) and len(drawing) <= 1


def _adds(op: Step) -> bool:
    return isinstance(op, ClaimOperation) or op.inserts


def evidence(steps: dict[Step, list[Row]]) -> tuple[str, Row] | None:
    """A question whose answer tells whether this very statement was committed: a row with an id drawn for it.

    A claim would not do: its key may have been taken before.
    """
    for op, rows in steps.items():
        if isinstance(op, Operation) and op.identity is not None:
            column = op.columns[op.identity]
            return f"SELECT 1 FROM {op.table} WHERE {column} = $1::text", (rows[0][op.identity],)  # noqa: S608
    return None


async def execute(connection: asyncpg.pool.PoolConnectionProxy, steps: dict[Step, list[Row]]) -> dict[Step, list[Row]]:
    """Carry the statement out; the rows as ``committed`` is told of them.

    Raises
    ------
    asyncpg.PostgresError
        A claim was lost or a row is not acceptable: nothing was written.
    """
    ordered = sorted(steps, key=lambda op: op.name)
    arguments: list[object] = []
    for op in ordered:
        rows = steps[op] if isinstance(op, ClaimOperation) else last_of_each_key(op, steps[op])
        texts = texts_of(_sql(op))
        arguments += [
            literal(column) if is_text else column for is_text, column in zip(texts, columns_of(rows), strict=True)
        ]
    drawn = await connection.fetch(_statement(tuple(ordered)), *arguments)
    if drawn:
        returning = next(op for op in ordered if isinstance(op, Operation) and op.returning)
        steps[returning] = [(record[0], *row) for record, row in zip(drawn, steps[returning], strict=True)]
    return steps


@lru_cache(maxsize=1024)
def _statement(ops: tuple[Step, ...]) -> str:
    parts, given, last = [], 0, "SELECT 1 WHERE false"
    for number, op in enumerate(ops):
        sql = _sql(op)
        parts.append(f"s{number} AS ({_PARAMETER.sub(_shift(given), taking_literals(sql))})")
        given += len({match[1] for match in _PARAMETER.finditer(sql)})
        if isinstance(op, Operation) and op.returning:
            last = f"SELECT {op.returning} FROM s{number}"  # noqa: S608 - names of a table
    return f"WITH {', '.join(parts)} {last}"


def _sql(op: Step) -> str:
    return op.plain if isinstance(op, ClaimOperation) else op.sql


def _shift(given: int) -> Callable[[re.Match[str]], str]:
    return lambda match: f"${int(match[1]) + given}"
