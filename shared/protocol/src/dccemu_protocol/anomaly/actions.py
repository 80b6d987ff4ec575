"""The quarantine report that the DCC gives, and the action file with which the User answers: release or delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar, cast

from ..identifiers import RequestId
from .layout import (
    Column,
    Fault,
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
from .thresholds import REFERENCE, USER

ALL = "*"
_LARGEST = 10**20 - 1


class QuarantineAction(StrEnum):
    """What the User wants done with quarantined communications."""

    RELEASE = "RELEASE"
    DELETE = "DELETE"


def _event(text: str) -> int | None:
    return None if text == ALL else whole(1, _LARGEST)(text)


def _request_id(text: str) -> str:
    return str(RequestId.parse(text))


ACTION_COLUMNS = (
    REFERENCE,
    USER,
    Column("quarantine_event_ref", "the reference of an event, or * for all", _event),
    Column("request_id", "a RequestID of the event, or empty for all", optional(_request_id)),
    Column("action", "RELEASE or DELETE", QuarantineAction),
)
REPORT_COLUMNS = (
    REFERENCE,
    USER,
    Column("quarantine_event_ref", "the reference of an event", whole(1, _LARGEST)),
    Column("request_id", "a RequestID", _request_id),
    Column("srv", "a Service Reference Variant", text_of(10)),
    Column("received_at", "an instant", instant),
    Column("breach_type", "the element of the QuarantinedRequest Alert", text_of(40)),
)


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One instruction. ``event`` None: every event of the User; ``request_id`` None: every request of the event."""

    event: int | None
    request_id: str | None
    action: QuarantineAction


@dataclass(frozen=True, slots=True)
class ActionFile:
    """The instructions of a User under one reference number."""

    reference: str
    user: str
    rows: tuple[ActionRow, ...]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A quarantined communication."""

    event: int
    request_id: str
    srv: str
    received_at: datetime
    breach_type: str


class InQuarantine(Protocol):
    """What an action file names: a communication in quarantine, with the reference of its event."""

    @property
    def event(self) -> int: ...

    @property
    def request_id(self) -> str: ...


_Named = TypeVar("_Named", bound=InQuarantine)


def choose(file: ActionFile, found: Sequence[_Named]) -> list[tuple[_Named, QuarantineAction]]:
    """What is to be done with which of the User's communications in quarantine.

    A row that names a request comes before one that names its event, that before one that names all.

    Raises
    ------
    FileRefused
        With every row that names nothing in quarantine.
    """
    chosen: dict[int, tuple[_Named, QuarantineAction]] = {}
    faults: list[Fault] = []
    ordered = sorted(enumerate(file.rows, start=2), key=lambda one: (one[1].request_id is None, one[1].event is None))
    for number, row in ordered:
        named = [
            place
            for place, one in enumerate(found)
            if row.event in (None, one.event) and row.request_id in (None, one.request_id)
        ]
        if not named:
            got = f"{row.event or ALL} {row.request_id or ''}".strip()
            faults.append(Fault(number, "quarantine_event_ref", f"something of {file.user} in quarantine", got))
        for place in named:
            chosen.setdefault(place, (found[place], row.action))
    if faults:
        raise refused(sorted(faults, key=lambda fault: fault.row))
    return list(chosen.values())


def read_actions(content: bytes) -> ActionFile:
    """Read an action file.

    Raises
    ------
    FileRefused
        With every bad row; also where two rows name the same communications.
    """
    rows = read_rows(content, ACTION_COLUMNS)
    faults = one_of_each(rows, "reference", "user_id")
    seen: set[tuple[object, object]] = set()
    for number, row in enumerate(rows, start=2):
        named = (row["quarantine_event_ref"], row["request_id"])
        if named in seen:
            faults.append(Fault(number, "quarantine_event_ref", "an event or request not named before", str(named)))
        seen.add(named)
    if faults:
        raise refused(sorted(faults, key=lambda fault: fault.row))
    wanted = tuple(
        ActionRow(
            cast("int | None", row["quarantine_event_ref"]),
            cast("str | None", row["request_id"]),
            cast(QuarantineAction, row["action"]),
        )
        for row in rows
    )
    return ActionFile(cast(str, rows[0]["reference"]), cast(str, rows[0]["user_id"]), wanted)


def write_actions(file: ActionFile) -> bytes:
    """Write an action file."""
    return write_rows(
        ACTION_COLUMNS,
        [
            (
                file.reference,
                file.user,
                ALL if row.event is None else str(row.event),
                row.request_id or "",
                row.action.value,
            )
            for row in file.rows
        ],
    )


def write_report(reference: str, user: str, rows: Sequence[ReportRow]) -> bytes:
    """Write a quarantine report: what of a User is quarantined, oldest first."""
    return write_rows(
        REPORT_COLUMNS,
        [
            (reference, user, str(r.event), r.request_id, r.srv, instant_text(r.received_at), r.breach_type)
            for r in rows
        ],
    )
