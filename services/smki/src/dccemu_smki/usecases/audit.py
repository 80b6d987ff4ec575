"""The audit of every request to the SMKI (issue of trust: who asked for what, when, with which outcome)."""

from __future__ import annotations

import json

from asyncpg.pool import PoolConnectionProxy

from .context import Smki

_NOTE = """
INSERT INTO audit (at, action, party, officer, outcome, detail) VALUES ($1, $2, $3, $4, $5, $6::jsonb) RETURNING id"""


async def note(
    smki: Smki,
    connection: PoolConnectionProxy,
    action: str,
    outcome: str,
    *,
    party: str | None = None,
    officer: str | None = None,
    **detail: object,
) -> int:
    """Write one entry in the transaction of the use case; gives its number."""
    text = json.dumps(detail, default=str)
    number: int = await connection.fetchval(_NOTE, smki.now(), action, party, officer, outcome, text)
    return number
