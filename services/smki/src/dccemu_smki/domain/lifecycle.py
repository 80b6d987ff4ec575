"""The life of a certificate: one table of statuses and events (smki.md section 6)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Kind

from .errors import BAD_STATUS

_SOURCE = "smki.md section 6"


class Status(StrEnum):
    """The five statuses as the repository writes them."""

    PENDING = "P"
    IN_USE = "I"
    NOT_IN_USE = "N"
    EXPIRED = "E"
    REVOKED = "R"


class Event(StrEnum):
    """What happens to a certificate."""

    ACCEPTED = "accepted"  # the acceptance window ended without a rejection
    REJECTED = "rejected"  # the Subscriber says the content is not what its CSR said
    REPLACED = "replaced"  # its successor is on the Device, or the Subscriber set it aside
    REUSED = "reused"  # a Device Certificate is put to use again
    EXPIRED = "expired"
    REVOKED = "revoked"


_P, _I, _N, _E, _R = Status.PENDING, Status.IN_USE, Status.NOT_IN_USE, Status.EXPIRED, Status.REVOKED

# Rejection of a Device Certificate leaves it out of use (smki.md section 5.6); that of any other revokes it.
ORGANISATION: dict[tuple[Status, Event], Status] = {
    (_P, Event.ACCEPTED): _I,
    (_P, Event.REJECTED): _R,
    (_P, Event.REVOKED): _R,
    (_I, Event.REJECTED): _R,
    (_I, Event.REPLACED): _N,
    (_I, Event.EXPIRED): _E,
    (_I, Event.REVOKED): _R,
    (_N, Event.EXPIRED): _E,
    (_N, Event.REVOKED): _R,
}
DEVICE: dict[tuple[Status, Event], Status] = {
    (_P, Event.ACCEPTED): _I,
    (_P, Event.REJECTED): _N,
    (_I, Event.REJECTED): _N,
    (_I, Event.REPLACED): _N,
    (_N, Event.REUSED): _I,
}


def next_status(kind: Kind, status: Status, event: Event) -> Status:
    """The status after an event.

    Raises
    ------
    ProtocolError
        ``BAD_STATUS`` where the table has no such transition: E and R are final, Devices are never revoked.
    """
    table = DEVICE if kind is Kind.DEVICE else ORGANISATION
    try:
        return table[status, event]
    except KeyError:
        raise ProtocolError(
            BAD_STATUS, f"a {kind} certificate in status {status.value} cannot be {event.value}", source=_SOURCE
        ) from None


def status_at(kind: Kind, status: Status, not_after: datetime, at: datetime) -> Status:
    """The status as of an instant: what has run out is expired, whether or not the sweep has been."""
    if kind is not Kind.DEVICE and status in (_I, _N) and at > not_after:
        return _E
    return status
