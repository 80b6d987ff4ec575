"""The inbox: a message is taken once by each consumer, whatever the bus repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from .database import Database
from .groupcommit import CONNECTION_TROUBLE, Claim, claim

_CLAIM = claim("inbox", {"consumer": "text", "id": "text"}, ("consumer", "id"))
_ACCEPT = "INSERT INTO inbox (consumer, id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"
_TAKEN = "SELECT id FROM inbox WHERE consumer = $1 AND id = ANY($2::text[])"
_FORGET = "DELETE FROM inbox WHERE received_at < now() - $1::interval"

#: How long a message id is remembered, in real time: far longer than an outbox may hold a message back.
RETENTION = timedelta(hours=24)


def claim_message(message_id: str, consumer: str) -> Claim:
    """The claim of a message for a unit of the group commit: a repeat raises ``AlreadyClaimed``."""
    return Claim(_CLAIM, (consumer, message_id))


async def accept(connection: PoolConnectionProxy, message_id: str, consumer: str) -> bool:
    """Take the message in the transaction of ``connection``; False when it was taken before."""
    return await connection.fetchval(_ACCEPT, consumer, message_id) is not None


async def taken(database: Database, message_ids: Sequence[str], consumer: str) -> set[str]:
    """Which of these messages were taken before; none when the database does not say: their claims will tell."""
    try:
        return {row[0] for row in await database.pool.fetch(_TAKEN, consumer, message_ids)}
    except (asyncpg.PostgresError, *CONNECTION_TROUBLE):
        return set()


async def forget(database: Database, retention: timedelta = RETENTION) -> None:
    """Delete what is older than ``retention``."""
    await database.pool.execute(_FORGET, retention)
