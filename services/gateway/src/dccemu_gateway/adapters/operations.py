"""The gateway's statements over many rows, for units of the group commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from dccemu_runtime.groupcommit import Claim, Row, Write, claim, insert, update, upsert

from ..domain.commands import Command, Facts
from ..domain.examination import Examination, PreCommand
from ..domain.lifecycle import CommandState, DeliveryState, Kind, RequestState

_CLAIM_REQUEST = claim(
    "requests",
    {
        "request_id": "text",
        "kind": "text",
        "user_": "text",
        "device": "text",
        "srv": "text",
        "service_reference": "text",
        "schema_version": "text",
        "command_variant": "smallint",
        "role": "text",
        "state": "text",
        "received_at": "timestamptz",
        "execution_at": "timestamptz",
        "document": "bytea",
    },
    ("request_id", "kind"),
)
_MOVE_REQUEST = update("requests", {"request_id": "text", "kind": "text"}, {"state": "text"})
_COMMAND_COLUMNS = {
    "id": "text",
    "request_id": "text",
    "kind": "text",
    "user_": "text",
    "device": "text",
    "srv": "text",
    "service_reference": "text",
    "schema_version": "text",
    "use_case": "text",
    "originator": "text",
    "counter": "numeric",
    "message_code": "int",
    "state": "text",
    "sent_at": "timestamptz",
    "expires_at": "timestamptz",
    "execution_at": "timestamptz",
    "payload": "bytea",
    "extra": "text",
}
_INSERT_COMMAND = insert("commands", _COMMAND_COLUMNS)
_MOVE_COMMAND = update("commands", {"id": "text"}, {"state": "text", "expires_at": "timestamptz", "extra": "text"})
_CLAIM_ANSWER = claim("answers", {"command_id": "text"}, ("command_id",))
_PUT_PRE_COMMAND = upsert(
    "pre_commands",
    {
        "request_id": "text",
        "device": "text",
        "user_": "text",
        "srv": "text",
        "use_case": "text",
        "message_code": "int",
        "payload": "bytea",
        "digest": "text",
        "made_at": "timestamptz",
        "execution_at": "timestamptz",
        "facts": "text",
    },
    ("request_id",),
)
_DELIVERY_COLUMNS = {
    "id": "text",
    "user_": "text",
    "device": "text",
    "kind": "text",
    "request_id": "text",
    "response_id": "text",
    "code": "text",
    "document": "bytea",
    "created_at": "timestamptz",
    "due_at": "timestamptz",
    "state": "text",
}
_DELIVERED = update("deliveries", {"id": "text"}, {"state": "text", "attempts": "int", "delivered_at": "timestamptz"})
_NOT_TAKEN = update("deliveries", {"id": "text"}, {"attempts": "int", "due_at": "timestamptz", "last_error": "text"})

COMMAND_NAMES = ", ".join(_COMMAND_COLUMNS)
DELIVERY_NAMES = ", ".join(_DELIVERY_COLUMNS)


def claim_request(examination: Examination, kind: Kind, state: RequestState, document: bytes | None = None) -> Claim:
    """The row of an accepted request: its key makes a second message of the same kind a duplicate."""
    request = examination.submitted
    return Claim(
        _CLAIM_REQUEST,
        (
            examination.request_text,
            kind,
            examination.user_text,
            examination.device_text,
            request.service_reference_variant,
            request.service_reference,
            request.schema_version,
            request.command_variant,
            examination.role,
            state,
            examination.at,
            request.execution_date_time,
            document,
        ),
    )


def move_request(request_id: str, kind: str, state: RequestState) -> Write:
    """A new state of a request that waited."""
    return Write(_MOVE_REQUEST, (request_id, kind, state))


def insert_command(command: Command, payload: bytes) -> Write:
    """The row of a Command."""
    return Write(
        _INSERT_COMMAND,
        (
            command.id,
            command.request_id,
            command.kind,
            command.user,
            command.device,
            command.srv,
            command.service_reference,
            command.schema_version,
            command.use_case,
            command.originator,
            command.counter,
            command.message_code,
            command.state,
            command.sent_at,
            command.expires_at,
            command.execution_at,
            payload,
            _text(command.extra),
        ),
    )


def move_command(command: Command, state: CommandState, extra: Facts) -> Write:
    """The new state of a Command, and what its answer needs from now on."""
    return Write(_MOVE_COMMAND, (command.id, state, command.expires_at, _text(extra)))


def claim_answer(command_id: str) -> Claim:
    """The right to make the one final answer of a Command."""
    return Claim(_CLAIM_ANSWER, (command_id,))


def put_pre_command(kept: PreCommand, digest: str) -> Write:
    """The row of a Pre-Command."""
    return Write(
        _PUT_PRE_COMMAND,
        (
            kept.request_id,
            kept.device,
            kept.user,
            kept.srv,
            kept.use_case,
            kept.message_code,
            kept.payload,
            digest,
            kept.made_at,
            kept.execution_at,
            _text(kept.facts),
        ),
    )


def _text(facts: Facts) -> str:
    return json.dumps(facts) if facts else "{}"


def read_command(row: asyncpg.Record) -> Command:
    """A Command from its row."""
    return Command(
        id=row["id"],
        request_id=row["request_id"],
        kind=row["kind"],
        user=row["user_"],
        device=row["device"],
        srv=row["srv"],
        service_reference=row["service_reference"],
        schema_version=row["schema_version"],
        use_case=row["use_case"],
        originator=row["originator"],
        counter=int(row["counter"]),
        message_code=row["message_code"],
        state=CommandState(row["state"]),
        sent_at=row["sent_at"],
        expires_at=row["expires_at"],
        execution_at=row["execution_at"],
        extra=json.loads(row["extra"]),
    )


@dataclass(slots=True)
class Delivery:
    """An answer or Alert on its way to a User. ``document`` is absent where it must be fetched from its row."""

    id: str
    user: str
    device: str
    kind: str
    request_id: str | None
    response_id: str | None
    code: str
    document: bytes | None
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    state: DeliveryState = DeliveryState.PENDING


class DeliveryRows:
    """Rows of deliveries; ``committed`` hears of each new one in the order of commitment."""

    def __init__(self, committed: Callable[[Delivery], None]) -> None:
        self._hear = committed
        self._insert = insert("deliveries", _DELIVERY_COLUMNS, committed=self._committed)

    def write(
        self,
        identity: str,
        user: str,
        device: str,
        kind: str,
        request_id: str | None,
        response_id: str | None,
        code: str,
        document: bytes,
        at: datetime,
    ) -> Write:
        """The row of a new delivery, due at once."""
        return Write(
            self._insert,
            (identity, user, device, kind, request_id, response_id, code, document, at, at, DeliveryState.PENDING),
        )

    def _committed(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._hear(Delivery(*row[:10]))


def delivery_id(write: Write) -> str:
    """The id of a delivery from its row."""
    return str(write.row[0])


def delivered(delivery: Delivery, at: datetime) -> Write:
    """The delivery was taken."""
    return Write(_DELIVERED, (delivery.id, DeliveryState.DELIVERED, delivery.attempts, at))


def not_taken(delivery: Delivery, error: str) -> Write:
    """The delivery was not taken and has a new due time."""
    return Write(_NOT_TAKEN, (delivery.id, delivery.attempts, delivery.due_at, error[:500]))
