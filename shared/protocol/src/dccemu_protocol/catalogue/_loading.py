"""Read the catalogue's tables and refuse a table that does not say what the loader expects.

The data are files of this package. A mistake in them is our mistake, so it stops the program at import with an
``EmulatorError`` that names file, row and column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final, TypeVar

from ..errors import EmulatorError

Row = Mapping[str, object]
T = TypeVar("T")
_MISSING: Final = object()


def table(file: str, key: str) -> list[Row]:
    """Give the rows under one key of a data file."""
    document = json.loads(files(__package__).joinpath("data", file).read_text("utf-8"))
    rows = document.get(key) if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise EmulatorError(f"{file}: {key} is not a list of rows")
    return rows


def text(row: Row, column: str, default: str | None = None) -> str:
    """Give a column that must hold text."""
    value = row.get(column, default)
    if not isinstance(value, str):
        raise EmulatorError(f"column {column} of {dict(row)!r} is not text")
    return value


def optional_text(row: Row, column: str) -> str | None:
    """Give a column that may be absent or null."""
    return None if row.get(column) is None else text(row, column)


def flag(row: Row, column: str) -> bool:
    """Give a column that holds a boolean; absent means false."""
    value = row.get(column, False)
    if not isinstance(value, bool):
        raise EmulatorError(f"column {column} of {dict(row)!r} is not a boolean")
    return value


def texts(row: Row, column: str) -> tuple[str, ...]:
    """Give a column that holds a list of texts; absent or null means none."""
    value = row.get(column) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise EmulatorError(f"column {column} of {dict(row)!r} is not a list of texts")
    return tuple(value)


def numbers(row: Row, column: str) -> tuple[int, ...]:
    """Give a column that holds a list of whole numbers."""
    value = row.get(column, _MISSING)
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise EmulatorError(f"column {column} of {dict(row)!r} is not a list of numbers")
    return tuple(value)


def rows_of(row: Row, column: str) -> list[Row]:
    """Give a column that holds rows; absent means none."""
    value = row.get(column, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise EmulatorError(f"column {column} of {dict(row)!r} is not a list of rows")
    return value


def index(values: Iterable[T], key: Callable[[T], str], what: str) -> Mapping[str, T]:
    """Build a read-only index and refuse a repeated key."""
    found: dict[str, T] = {}
    for value in values:
        if key(value) in found:
            raise EmulatorError(f"{what} {key(value)} occurs twice in the catalogue")
        found[key(value)] = value
    return MappingProxyType(found)
