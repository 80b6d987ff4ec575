"""Operations over many rows, and the units that use cases make of them.

An operation is one statement that takes an array for each column (``unnest($1::text[], ...)``), so that the rows of
many units go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Row: TypeAlias = tuple[Any, ...]
Listener: TypeAlias = Callable[[Sequence[Row]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One statement over many rows.

    ``key`` gives the columns that identify a row: of several rows with one key in a transaction the last wins, because
    a statement may touch a row once only. ``committed`` is called with the rows after the commit. ``columns`` are those
    of a plain insert, which can meet no row that another statement changes: many rows of it go by COPY, ``sql`` serves
    for few. ``returning`` names a column that the database draws: ``committed`` gets its value in front of each row.
    ``identity`` is the place of a column whose values are drawn anew for each row ever written.
    """

    name: str
    table: str
    sql: str
    key: tuple[int, ...] = ()
    committed: Listener | None = None
    columns: tuple[str, ...] = ()
    returning: str = ""
    identity: int | None = None

    @property
    def inserts(self) -> bool:
        """Whether it adds rows only."""
        return bool(self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class ClaimOperation:
    """An insert that does nothing on conflict and returns the columns at ``key``, in that order.

    ``plain`` is the same insert without a word about conflicts. ``probe`` selects a row by its key, as text parameters
    in that order.
    """

    name: str
    table: str
    sql: str
    plain: str
    key: tuple[int, ...] = (0,)
    committed: Listener | None = None
    probe: str = ""


class Write(NamedTuple):
    """A row for an operation."""

    op: Operation
    row: Row


class Claim(NamedTuple):
    """A row with a unique key that this unit needs for itself."""

    op: ClaimOperation
    row: Row

    @property
    def key(self) -> Row:
        return tuple([self.row[index] for index in self.op.key])


@dataclass(slots=True)
class Unit:
    """All that one use case writes, in order. Units that wait at the same time must not depend on one another."""

    claims: Sequence[Claim] = ()
    writes: Sequence[Write] = ()


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
    return [(op, last_of_each_key(op, rows)) for op, rows in groups]


def last_of_each_key(op: Operation, rows: list[Row]) -> list[Row]:
    """The rows that a statement may write: of those with one key the last, where the operation has a key."""
    if not op.key or len(rows) == 1:
        return rows
    newest: dict[Row, Row] = {}
    for row in rows:
        key = tuple(row[index] for index in op.key)
        newest.pop(key, None)
        newest[key] = row
    return list(newest.values())


def columns_of(rows: Sequence[Row]) -> list[list[Any]]:
    """Rows turned into the arrays that a statement takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def insert(
    table: str,
    columns: dict[str, str],
    *,
    committed: Listener | None = None,
    returning: str = "",
    identity: str = "",
) -> Operation:
    """An operation that inserts rows: ``columns`` maps names to PostgreSQL types, in the order of the row."""
    names = tuple(columns)
    return Operation(
        f"insert {table}",
        table,
        _insert_sql(table, columns) + (f" RETURNING {returning}" if returning else ""),
        committed=committed,
        columns=names,
        returning=returning,
        identity=names.index(identity) if identity else None,
    )


def upsert(
    table: str,
    columns: dict[str, str],
    key: Sequence[str],
    *,
    newer: str | None = None,
    committed: Listener | None = None,
) -> Operation:
    """An operation that inserts or replaces by ``key``; with ``newer`` only where that column rises."""
    names = list(columns)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name not in key)
    guard = f" WHERE {table}.{newer} < EXCLUDED.{newer}" if newer else ""
    action = f"UPDATE SET {changes}{guard}" if changes else "NOTHING"
    sql = f"{_insert_sql(table, columns)} ON CONFLICT ({', '.join(key)}) DO {action}"
    return Operation(f"upsert {table}", table, sql, tuple(names.index(name) for name in key), committed)


def update(
    table: str,
    key: dict[str, str],
    columns: dict[str, str],
    *,
    where: str = "",
    committed: Listener | None = None,
) -> Operation:
    """An operation that updates ``columns`` of the rows at ``key``: a row is the key's values, then the columns'.

    ``where`` is a further condition in which the table is ``t`` and the new row ``n``.
    """
    both = {**key, **columns}
    changes = ", ".join(f"{name} = n.{name}" for name in columns)
    match = " AND ".join([*(f"t.{name} = n.{name}" for name in key), *([where] if where else [])])
    sql = f"UPDATE {table} t SET {changes} FROM unnest({_arrays(both)}) AS n({', '.join(both)}) WHERE {match}"  # noqa: S608
    return Operation(f"update {table}", table, sql, tuple(range(len(key))), committed)


def delete(table: str, key: dict[str, str], *, committed: Listener | None = None) -> Operation:
    """An operation that deletes the rows at ``key``."""
    match = " AND ".join(f"t.{name} = n.{name}" for name in key)
    sql = f"DELETE FROM {table} t USING unnest({_arrays(key)}) AS n({', '.join(key)}) WHERE {match}"  # noqa: S608
    return Operation(f"delete {table}", table, sql, tuple(range(len(key))), committed)


def claim(
    table: str, columns: dict[str, str], key: Sequence[str], *, committed: Listener | None = None
) -> ClaimOperation:
    """A claim: ``key`` must be a primary key or unique constraint of ``table``."""
    names = list(columns)
    plain = _insert_sql(table, columns)
    sql = f"{plain} ON CONFLICT DO NOTHING RETURNING {', '.join(key)}"
    match = " AND ".join(f"{name} = ${number}::text::{columns[name]}" for number, name in enumerate(key, start=1))
    probe = f"SELECT 1 FROM {table} WHERE {match}"  # noqa: S608
    places = tuple(names.index(name) for name in key)
    return ClaimOperation(f"claim {table}", table, sql, plain, places, committed, probe)


def _arrays(columns: dict[str, str]) -> str:
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), start=1))


def _insert_sql(table: str, columns: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({_arrays(columns)})"  # noqa: S608
