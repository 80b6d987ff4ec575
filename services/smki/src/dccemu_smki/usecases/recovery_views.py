"""What is shown of recoveries, and whether one is open."""

from __future__ import annotations

import json

import asyncpg

from .context import Smki


async def has_open_recovery(smki: Smki) -> bool:
    """Whether Devices still have to answer."""
    return bool(await smki.database.pool.fetchval("SELECT EXISTS (SELECT 1 FROM recoveries WHERE status = 'open')"))


async def recoveries(smki: Smki) -> list[dict[str, object]]:
    """All recoveries with the state of each Device."""
    rows = await smki.database.pool.fetch("SELECT * FROM recoveries ORDER BY id DESC LIMIT 100")
    shown = []
    for row in rows:
        commands: list[asyncpg.Record] = await smki.database.pool.fetch(
            "SELECT device, counter, status, payload FROM recovery_commands WHERE recovery = $1 ORDER BY device",
            row["id"],
        )
        shown.append(
            {
                **{
                    name: row[name]
                    for name in ("id", "way", "party", "notified_by", "status", "opened_at", "closed_at")
                },
                **json.loads(row["detail"]),
                "commands": [{**dict(one), "payload": one["payload"].hex().upper()} for one in commands],
            }
        )
    return shown
