"""The sample of Other Users' requests for the privacy audit: which had the Energy Consumer's consent.

An auditor looks at requests for consumption data and for Type 2 Devices, drawn by chance, and asks for the consent to
each (checklist G5, G6). The draw follows from a seed, so that it can be made again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from asyncpg import Record as Row
from fastapi import APIRouter, Query

from dccemu_contracts.consent import SERVICE_CLASSES

from ..usecases.gateway import Gateway

_SAMPLE = """
SELECT request_id, user_, device, srv, received_at, execution_at FROM requests
WHERE role = 'OU' AND srv = ANY($1::text[]) AND ($2::text IS NULL OR user_ = $2)
  AND ($3::timestamptz IS NULL OR received_at >= $3)
ORDER BY md5(request_id || $4), request_id LIMIT $5"""
_COUNT = """
SELECT count(*) FROM requests WHERE role = 'OU' AND srv = ANY($1::text[]) AND ($2::text IS NULL OR user_ = $2)
  AND ($3::timestamptz IS NULL OR received_at >= $3)"""


def admin_consent_routes(gateway: Gateway) -> APIRouter:
    """The report."""
    router = APIRouter(prefix="/gateway")
    services = list(SERVICE_CLASSES)

    @router.get("/consent-sample", summary="A random sample of Other Users' requests, and those without consent")
    async def sample(
        user: str | None = None,
        since: datetime | None = None,
        size: Annotated[int, Query(ge=1, le=1000)] = 20,
        seed: Annotated[str, Query(max_length=64)] = "",
    ) -> dict[str, Any]:
        pool, who = gateway.database.pool, user and user.upper()
        rows = await pool.fetch(_SAMPLE, services, who, since, seed, size)
        shown = [_shown(gateway, row) for row in rows]
        return {
            "population": await pool.fetchval(_COUNT, services, who, since),
            "sample": shown,
            "without_consent": [one["request_id"] for one in shown if one["consent"] is None],
        }

    return router


def _shown(gateway: Gateway, row: Row) -> dict[str, Any]:
    """A request with the consent that covered it at the time that mattered, by what is recorded now."""
    fact = gateway.directory.device(row["device"])
    at: datetime = row["received_at"]
    moment = at if row["execution_at"] is None else max(at, row["execution_at"])
    consent = None if fact is None else gateway.directory.consent(row["user_"], row["srv"], fact, moment)
    return {
        "request_id": row["request_id"],
        "user": row["user_"],
        "device": row["device"],
        "srv": row["srv"],
        "class": SERVICE_CLASSES[row["srv"]],
        "received_at": at.isoformat(),
        "consent": consent,
    }
