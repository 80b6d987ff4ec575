"""The thresholds file, and which threshold is in force.

A threshold says how many communications of one kind (a Service Reference Variant) or of all kinds a User ID may send in
a window of time: above ``warning`` there is a notice, above ``quarantine`` the excess is quarantined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from .. import catalogue
from .layout import (
    Column,
    Fault,
    Row,
    eui,
    instant,
    instant_text,
    one_of_each,
    optional,
    read_rows,
    refused,
    text_of,
    whole,
    write_rows,
)

ANY_SERVICE = "*"
LONGEST_WINDOW = 31 * 86_400
MOST = 10_000_000


def _service(text: str) -> str:
    if text != ANY_SERVICE and text not in catalogue.service_requests:
        raise ValueError
    return text


REFERENCE = Column("reference", "1 to 40 characters", text_of(40))
USER = Column("user_id", "a User ID (EUI-64)", eui)
COLUMNS = (
    REFERENCE,
    USER,
    Column("srv", "a Service Reference Variant of the catalogue, or *", _service),
    Column("window_seconds", f"1 to {LONGEST_WINDOW}", whole(1, LONGEST_WINDOW)),
    Column("warning", f"0 to {MOST}, or empty", optional(whole(0, MOST))),
    Column("quarantine", f"0 to {MOST}", whole(0, MOST)),
    Column("valid_from", "an ISO 8601 instant with offset", instant),
    Column("valid_to", "an ISO 8601 instant with offset, or empty", optional(instant)),
    Column("exception_note", "at most 200 characters", text_of(200, may_be_empty=True)),
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """One row: at most ``quarantine`` communications of ``srv`` (``*``: of all kinds) in any ``window``.

    In force from ``valid_from`` until before ``valid_to``. ``note`` says why a row is an exception for a time.
    """

    srv: str
    window: timedelta
    warning: int | None
    quarantine: int
    valid_from: datetime
    valid_to: datetime | None = None
    note: str = ""

    def is_in_force(self, at: datetime) -> bool:
        """Whether the row counts at an instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


@dataclass(frozen=True, slots=True)
class ThresholdFile:
    """All thresholds that a User gives under one reference number."""

    reference: str
    user: str
    rows: tuple[Threshold, ...]


def read_thresholds(content: bytes) -> ThresholdFile:
    """Read a thresholds file.

    Raises
    ------
    FileRefused
        With every bad row: a value that does not fit its column, another reference or User ID than the first row's, a
        warning above the quarantine level, an end before the start, the same service and start twice.
    """
    rows = read_rows(content, COLUMNS)
    thresholds = [_threshold(row) for row in rows]
    faults = [*one_of_each(rows, "reference", "user_id"), *_contradictions(thresholds)]
    if faults:
        raise refused(sorted(faults, key=lambda fault: fault.row))
    return ThresholdFile(cast(str, rows[0]["reference"]), cast(str, rows[0]["user_id"]), tuple(thresholds))


def _threshold(row: Row) -> Threshold:
    return Threshold(
        srv=cast(str, row["srv"]),
        window=timedelta(seconds=cast(int, row["window_seconds"])),
        warning=cast("int | None", row["warning"]),
        quarantine=cast(int, row["quarantine"]),
        valid_from=cast(datetime, row["valid_from"]),
        valid_to=cast("datetime | None", row["valid_to"]),
        note=cast(str, row["exception_note"]),
    )


def _contradictions(thresholds: Sequence[Threshold]) -> list[Fault]:
    faults: list[Fault] = []
    seen: set[tuple[str, datetime]] = set()
    for number, one in enumerate(thresholds, start=2):
        if one.warning is not None and one.warning > one.quarantine:
            faults.append(Fault(number, "warning", f"at most {one.quarantine}, the quarantine level", str(one.warning)))
        if one.valid_to is not None and one.valid_to <= one.valid_from:
            faults.append(Fault(number, "valid_to", "an instant after valid_from", instant_text(one.valid_to)))
        if (one.srv, one.valid_from) in seen:
            faults.append(Fault(number, "srv", "one row for a service and start", one.srv))
        seen.add((one.srv, one.valid_from))
    return faults


def write_thresholds(file: ThresholdFile) -> bytes:
    """Write a thresholds file."""
    return write_rows(
        COLUMNS,
        [
            (
                file.reference,
                file.user,
                one.srv,
                str(int(one.window.total_seconds())),
                "" if one.warning is None else str(one.warning),
                str(one.quarantine),
                instant_text(one.valid_from),
                instant_text(one.valid_to),
                one.note,
            )
            for one in file.rows
        ],
    )


def in_force(rows: Iterable[Threshold], at: datetime) -> Threshold | None:
    """The row that counts of those for one User ID and service: the one that began last, of two the later in order."""
    best: Threshold | None = None
    for row in rows:
        if row.is_in_force(at) and (best is None or row.valid_from >= best.valid_from):
            best = row
    return best
