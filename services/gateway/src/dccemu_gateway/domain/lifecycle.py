"""Lives of a Service Request, a Command and a delivery, as tables of (state, event) -> state.

One table each, read by the code, by the tests (every cell) and by the docs. An event that a table does not name for a
state is impossible there: `advance` says so.

A *Service Request* that needs the User's signature lives twice under one RequestID (duis.md section 3): once as the
request that was transformed, once as the Signed Pre-Command. Each is a request of its own kind here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from dccemu_protocol.errors import EmulatorError


class Kind(StrEnum):
    """Kind of message: duplicate detection is by (RequestID, kind) (duis.md section 3, counters 2)."""

    REQUEST = "request"
    TRANSFORM = "transform"
    SIGNED = "signed"


def kind_of(command_variant: int) -> Kind:
    """The kind of message that a Command Variant makes (duis.md section 4)."""
    if command_variant == 4:
        return Kind.TRANSFORM
    return Kind.SIGNED if command_variant in (5, 6, 7) else Kind.REQUEST


class RequestState(StrEnum):
    """Where an accepted Service Request stands."""

    NEW = "new"
    TRANSFORMED = "transformed"
    QUARANTINED = "quarantined"
    HELD = "held"
    WITH_COS = "with-cos"
    SENT = "sent"
    LOCAL = "local"
    TAKEN_UP = "taken-up"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"


class RequestEvent(StrEnum):
    """What can happen to an accepted Service Request."""

    TRANSFORM = "transform"
    HOLD = "hold"
    QUARANTINE = "quarantine"
    RELEASE = "release from quarantine"
    DELETE = "delete from quarantine"
    HAND_OVER = "hand over to the CoS Party"
    SEND = "send"
    GIVE_LOCALLY = "give for local delivery"
    RESPOND = "respond"
    TAKE_UP = "take up for later execution"
    EXECUTE = "execute the last instruction"
    FAIL = "fail"
    CANCEL = "cancel"
    ANSWER_DIRECTLY = "answer in the HTTP reply"


class CommandState(StrEnum):
    """Where a Command to a Device stands."""

    SENT = "sent"
    TAKEN_UP = "taken-up"
    ANSWERED = "answered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    LOCAL = "local"


class CommandEvent(StrEnum):
    """What can happen to a Command."""

    RESPOND = "respond"
    TAKE_UP = "take up for later execution"
    EXECUTE = "execute the last instruction"
    NOT_DELIVER = "report that the Device cannot be reached"
    TIME_OUT = "time out"


class DeliveryState(StrEnum):
    """Where an answer to a User stands."""

    PENDING = "pending"
    DELIVERED = "delivered"


class DeliveryEvent(StrEnum):
    """What can happen to an answer: taken with 2xx, or not taken, then it waits for its next due time."""

    TAKE = "take"
    NOT_TAKE = "not take"


S, E = RequestState, RequestEvent
REQUEST_LIFE: dict[tuple[RequestState, RequestEvent], RequestState] = {
    (S.NEW, E.TRANSFORM): S.TRANSFORMED,
    (S.NEW, E.ANSWER_DIRECTLY): S.ANSWERED,
    (S.NEW, E.HOLD): S.HELD,
    (S.NEW, E.QUARANTINE): S.QUARANTINED,
    (S.NEW, E.HAND_OVER): S.WITH_COS,
    (S.NEW, E.SEND): S.SENT,
    (S.NEW, E.GIVE_LOCALLY): S.LOCAL,
    (S.QUARANTINED, E.RELEASE): S.HELD,
    (S.QUARANTINED, E.DELETE): S.DELETED,
    (S.HELD, E.SEND): S.SENT,
    (S.HELD, E.GIVE_LOCALLY): S.LOCAL,
    (S.HELD, E.HAND_OVER): S.WITH_COS,
    (S.HELD, E.FAIL): S.FAILED,
    (S.HELD, E.CANCEL): S.CANCELLED,
    (S.WITH_COS, E.SEND): S.SENT,
    (S.WITH_COS, E.FAIL): S.FAILED,
    (S.WITH_COS, E.HOLD): S.HELD,
    (S.SENT, E.RESPOND): S.ANSWERED,
    (S.SENT, E.TAKE_UP): S.TAKEN_UP,
    (S.SENT, E.FAIL): S.FAILED,
    (S.LOCAL, E.RESPOND): S.ANSWERED,
    (S.TAKEN_UP, E.EXECUTE): S.ANSWERED,
    (S.TAKEN_UP, E.FAIL): S.FAILED,
    (S.TAKEN_UP, E.CANCEL): S.CANCELLED,
}

C, V = CommandState, CommandEvent
COMMAND_LIFE: dict[tuple[CommandState, CommandEvent], CommandState] = {
    (C.SENT, V.RESPOND): C.ANSWERED,
    (C.SENT, V.TAKE_UP): C.TAKEN_UP,
    (C.SENT, V.NOT_DELIVER): C.UNDELIVERED,
    (C.SENT, V.TIME_OUT): C.EXPIRED,
    (C.TAKEN_UP, V.EXECUTE): C.ANSWERED,
    (C.TAKEN_UP, V.TIME_OUT): C.EXPIRED,
    (C.LOCAL, V.RESPOND): C.ANSWERED,
}

D, W = DeliveryState, DeliveryEvent
DELIVERY_LIFE: dict[tuple[DeliveryState, DeliveryEvent], DeliveryState] = {
    (D.PENDING, W.TAKE): D.DELIVERED,
    (D.PENDING, W.NOT_TAKE): D.PENDING,
}

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class ImpossibleEvent(EmulatorError):
    """An event arrived in a state whose table has no row for it: a fault of ours, never of a counterparty."""


def advance(table: dict[tuple[State, Event], State], state: State, event: Event) -> State:
    """The state after the event.

    Raises
    ------
    ImpossibleEvent
        When the table has no such row.
    """
    try:
        return table[state, event]
    except KeyError:
        raise ImpossibleEvent(f"{event.value!r} cannot happen while {state.value!r}") from None
