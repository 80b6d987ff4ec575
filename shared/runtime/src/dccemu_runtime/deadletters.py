"""Dead letters: messages that no retry can help, kept with the reason so that a person can look and re-send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from . import inbox
from .bus import Bus, Message
from .database import Database

#: Dead letters kept; the oldest go first.
CAPACITY = 10_000

_PARK = """
INSERT INTO dead_letters (consumer, topic, key, id, value, headers, reason, attempts)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)"""
_TRIM = "DELETE FROM dead_letters WHERE position <= (SELECT max(position) FROM dead_letters) - $1"
_LIST = """
SELECT position, consumer, topic, key, id, value, headers, reason, attempts, parked_at
FROM dead_letters ORDER BY position DESC LIMIT $1"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A parked message and why."""

    position: int
    consumer: str
    message: Message
    reason: str
    attempts: int
    parked_at: datetime


async def park(connection: PoolConnectionProxy, message: Message, consumer: str, reason: str, attempts: int) -> None:
    """Take the message out of circulation, in the transaction of ``connection``."""
    if await inbox.accept(connection, message.id, consumer):
        await connection.execute(
            _PARK,
            consumer,
            message.topic,
            message.key,
            message.id,
            message.value,
            json.dumps(dict(message.headers)),
            reason[:2000],
            attempts,
        )
        await connection.execute(_TRIM, CAPACITY)


async def newest(database: Database, limit: int = 100) -> list[DeadLetter]:
    """The newest dead letters first."""
    return [
        DeadLetter(row[0], row[1], Message(row[2], row[3], row[5], row[4], json.loads(row[6])), row[7], row[8], row[9])
        for row in await database.pool.fetch(_LIST, limit)
    ]


async def send_again(database: Database, bus: Bus, position: int) -> bool:
    """Put a dead letter back on the bus and forget that it was taken; False when there is none at ``position``."""
    async with database.transaction() as connection:
        row = await connection.fetchrow(
            "DELETE FROM dead_letters WHERE position = $1 RETURNING consumer, topic, key, id, value, headers", position
        )
        if row is None:
            return False
        await connection.execute("DELETE FROM inbox WHERE consumer = $1 AND id = $2", row[0], row[3])
        await bus.publish([Message(row[1], row[2], row[4], row[3], json.loads(row[5]))])
    return True
