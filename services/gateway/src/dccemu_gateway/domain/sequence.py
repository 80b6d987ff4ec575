"""Sequenced requests: what became of the predecessor decides (service-request-processing.md section 11)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .lifecycle import CommandState, RequestState


class Fate(StrEnum):
    """What is known of a preceding request."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    GOOD = "good"
    FAILED = "failed"


_REQUEST_FATES = {
    RequestState.QUARANTINED: Fate.PENDING,
    RequestState.HELD: Fate.PENDING,
    RequestState.WITH_COS: Fate.PENDING,
    RequestState.ANSWERED: Fate.GOOD,
    RequestState.FAILED: Fate.FAILED,
    RequestState.CANCELLED: Fate.FAILED,
    RequestState.DELETED: Fate.FAILED,
}
_COMMAND_FATES = {
    CommandState.SENT: Fate.PENDING,
    CommandState.LOCAL: Fate.PENDING,
    CommandState.TAKEN_UP: Fate.GOOD,
    CommandState.ANSWERED: Fate.GOOD,
    CommandState.UNDELIVERED: Fate.FAILED,
    CommandState.EXPIRED: Fate.FAILED,
}


def fate_of(rows: Iterable[tuple[str, str | None]]) -> Fate:
    """The fate of a request from its rows: state of the request, and of its Command where there is one."""
    for request_state, command_state in rows:
        if command_state is not None:
            return _COMMAND_FATES[CommandState(command_state)]
        return _REQUEST_FATES.get(RequestState(request_state), Fate.PENDING)
    return Fate.UNKNOWN
