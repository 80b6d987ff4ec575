"""Columns of text as PostgreSQL's own array literals: one argument that is joined, not encoded value by value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_TEXTS = re.compile(r"\$(\d+)::text\[\]")
_PARAMETER = re.compile(r"\$(\d+)")


@lru_cache(maxsize=1024)
def texts_of(sql: str) -> tuple[bool, ...]:
    """For each parameter of a statement whether it is an array of text."""
    texts = {int(number) for number in _TEXTS.findall(sql)}
    return tuple(number in texts for number in sorted({int(number) for number in _PARAMETER.findall(sql)}))


def taking_literals(sql: str) -> str:
    """The statement with a literal in the place of each array of text."""
    return _TEXTS.sub(r"$\1::text::text[]", sql)


def literal(values: Sequence[str | None]) -> str:
    """The literal of an array of text, with quotes and backslashes escaped and NULL for None."""
    try:
        joined = '","'.join(values)  # type: ignore[arg-type]  # a None is met below
    except TypeError:
        return f"{{{','.join(['NULL' if value is None else _quoted(value) for value in values])}}}"
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        return f"{{{','.join(map(_quoted, values))}}}"  # type: ignore[arg-type]
    return f'{{"{joined}"}}'


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
