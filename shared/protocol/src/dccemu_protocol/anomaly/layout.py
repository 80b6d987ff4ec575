"""Comma separated files with one header line: columns as a table, every fault of a file found at once.

A file is taken whole or not at all, so that thresholds never come into force in part; the refusal names each bad row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import ProtocolError
from ..identifiers import Eui64

SOURCE = "service-request-processing.md 16"
MOST_ROWS = 10_000
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a row: its number (the header is row 1), the column, what was expected and what was found."""

    row: int
    column: str
    expected: str
    got: str

    def as_json(self) -> dict[str, object]:
        """The form in a problem document."""
        return {"row": self.row, "column": self.column, "expected": self.expected, "got": self.got[:200]}

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: expected {self.expected}, got {self.got[:_SHOWN]!r}"


class FileRefused(ProtocolError):
    """A file breaks its layout; ``faults`` has every row that does.

    Rules: ``FILE_FORM`` for what is no such file, ``FILE_ROWS`` for bad rows.
    """

    def __init__(self, rule: str, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(rule, detail, source=SOURCE)
        self.faults = tuple(faults)


def refused(faults: Sequence[Fault]) -> FileRefused:
    """The refusal of a file for its rows."""
    return FileRefused("FILE_ROWS", "; ".join(map(str, faults[:20])), faults)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, what its values must be in words, and the reader, which raises ValueError."""

    name: str
    expected: str
    read: Callable[[str], object]


Row = Mapping[str, object]


def read_rows(content: bytes, columns: Sequence[Column]) -> list[Row]:
    """Read a file into rows of values by column name.

    Raises
    ------
    FileRefused
        ``FILE_FORM`` or ``FILE_ROWS``.
    """
    names = [column.name for column in columns]
    lines = _lines(content)
    if not lines or lines[0] != names:
        got = ",".join(lines[0])[:200] if lines else "an empty file"
        raise FileRefused("FILE_FORM", f"the first line must be {','.join(names)}, it is {got!r}")
    if len(lines) == 1 or len(lines) > MOST_ROWS + 1:
        raise FileRefused("FILE_FORM", f"a file has 1 to {MOST_ROWS} rows, this one {len(lines) - 1}")
    rows: list[Row] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            faults.append(Fault(number, "row", f"{len(columns)} values", str(len(line))))
            continue
        row: dict[str, object] = {}
        for column, text in zip(columns, line, strict=True):
            try:
                row[column.name] = column.read(text)
            except (ValueError, ProtocolError):
                faults.append(Fault(number, column.name, column.expected, text))
        rows.append(row)
    if faults:
        raise refused(faults)
    return rows


def _lines(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefused("FILE_FORM", f"not UTF-8 at octet {error.start}") from None
    if "\0" in text or text.startswith("\ufeff"):
        raise FileRefused("FILE_FORM", "a file has neither NUL characters nor a byte order mark")
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise FileRefused("FILE_FORM", f"not comma separated values: {error}") from None


def write_rows(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> bytes:
    """Write a file: header and rows, UTF-8, lines ended by CRLF."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([[column.name for column in columns], *rows])
    return text.getvalue().encode()


def one_of_each(rows: Sequence[Row], *names: str) -> list[Fault]:
    """A fault for each row whose value of one of the columns is not that of the first row."""
    return [
        Fault(number, name, f"{rows[0][name]}, as in the first row", str(row[name]))
        for number, row in enumerate(rows, start=2)
        for name in names
        if row[name] != rows[0][name]
    ]


def text_of(length: int, *, may_be_empty: bool = False) -> Callable[[str], str]:
    """A reader of text of at most ``length`` characters."""

    def read(text: str) -> str:
        if len(text) > length or not (text or may_be_empty) or not text.isprintable():
            raise ValueError
        return text

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of a whole number within bounds, in decimal digits only."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 20) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return read


def optional(read: Callable[[str], object]) -> Callable[[str], object]:
    """The same reader, with None for an empty value."""
    return lambda text: read(text) if text else None


def eui(text: str) -> str:
    """A User ID: EUI-64, hyphened upper case."""
    return str(Eui64.parse(text))


def instant(text: str) -> datetime:
    """An ISO 8601 date and time with its offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError
    return found.astimezone(UTC)


def instant_text(at: datetime | None) -> str:
    """The form in which ``instant`` is written; empty for None."""
    return "" if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
