"""What can go wrong with a commit, and whose fault it is."""

from __future__ import annotations

import asyncpg

from dccemu_protocol.errors import EmulatorError

from .operations import Claim

#: What asyncpg raises when the server is away, shutting down or out of resources: nobody's row is to blame.
CONNECTION_TROUBLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    OSError,
    TimeoutError,
)


class Overloaded(EmulatorError):
    """The queue is full: say 503 and let the sender come back."""


class StoreUnavailable(EmulatorError):
    """The database is away: nothing was acknowledged, say 503."""


class AlreadyClaimed(Exception):
    """Another unit holds the key already; the unit that raised this wrote nothing."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"{claim.op.name} {claim.key!r} is taken")
        self.claim = claim
