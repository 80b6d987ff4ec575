"""The inbox: a message is taken once by each consumer, whatever the bus repeats."""

from __future__ import annotations

from datetime import timedelta

from asyncpg.pool import PoolConnectionProxy

from .database import Database
from .groupcommit import Claim, claim

_CLAIM = claim("inbox", {"consumer": "text", "id": "text"}, ("consumer", "id"))
_ACCEPT = "INSERT INTO inbox (consumer, id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"
_FORGET = "DELETE FROM inbox WHERE received_at < now() - $1::interval"

#: How long a message id is remembered, in real time: far longer than an outbox may hold a message back.
RETENTION = timedelta(hours=24)


def claim_message(message_id: str, consumer: str) -> Claim:
    """The claim of a message for a unit of the group commit: a repeat raises ``AlreadyClaimed``."""
    return Claim(_CLAIM, (consumer, message_id))


async def accept(connection: PoolConnectionProxy, message_id: str, consumer: str) -> bool:
    """Take the message in the transaction of ``connection``; False when it was taken before."""
    return await connection.fetchval(_ACCEPT, consumer, message_id) is not None


async def forget(database: Database, retention: timedelta = RETENTION) -> None:
    """Delete what is older than ``retention``."""
    await database.pool.execute(_FORGET, retention)
