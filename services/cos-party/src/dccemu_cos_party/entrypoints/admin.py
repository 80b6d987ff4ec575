"""Admin routes of the CoS Party under ``/admin/cos-party``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from dccemu_runtime.database import Database
from dccemu_runtime.http.problem import Problem

from ..adapters.book import ANYBODY, Book
from ..adapters.signing_key import SigningKey
from ..domain.checks import RULES
from ..usecases.decide import Decisions

Json = dict[str, Any]


def admin_routes(database: Database, book: Book, decisions: Decisions, key: SigningKey) -> APIRouter:
    """Routes: requests and decisions, quarantine, thresholds, the table of checks."""
    router = APIRouter(prefix="/admin/cos-party", tags=["CoS Party"])

    @router.get("/requests", summary="Requests handed over and what was decided, newest first")
    async def list_requests(
        state: str | None = None,
        user: str | None = None,
        device: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[Json]:
        return [
            *await book.list(state=state, user=user and user.upper(), device=device and device.upper(), limit=limit)
        ]

    @router.get("/requests/{request_id}", summary="One request with its document and the Command signed for it")
    async def get_request(request_id: str) -> Json:
        found = await book.find(request_id)
        if found is None:
            raise Problem(404, f"{request_id} was never handed over", code="UNKNOWN_REQUEST")
        return found

    @router.post("/requests/{request_id}/release", summary="Let a quarantined request go on")
    async def release(request_id: str) -> Json:
        async with database.transaction() as connection:
            row = await decisions.release(connection, request_id)
        if row is None:
            raise Problem(409, f"{request_id} is not quarantined", code="NOT_QUARANTINED")
        return {"request_id": request_id, "state": row.state, "rule": row.rule}

    @router.post("/requests/{request_id}/delete", summary="End a quarantined request")
    async def delete(request_id: str) -> Json:
        async with database.transaction() as connection:
            row = await decisions.delete(connection, request_id)
        if row is None:
            raise Problem(409, f"{request_id} is not quarantined", code="NOT_QUARANTINED")
        return {"request_id": request_id, "state": row.state, "rule": row.rule}

    @router.get("/thresholds", summary="Anomaly thresholds of 6.23")
    async def thresholds() -> list[Json]:
        return await book.thresholds()

    @router.put("/thresholds/{user}", summary="Set the threshold of a User ID, or of all Users with *", status_code=204)
    async def put_threshold(user: str, values: Annotated[Json, Body()]) -> None:
        maximum = values.get("maximum")
        if not isinstance(maximum, int) or maximum < 0:
            raise Problem(422, "maximum must be a whole number, 0 or more", code="INVALID_CALL")
        window, warning = values.get("window_seconds"), values.get("warning")
        who = user if user == ANYBODY else user.upper()
        await book.set_threshold(who, maximum, window, warning, "DCC" if who == ANYBODY else "operator")

    @router.get("/checks", summary="The checks made on every request, in order")
    async def checks() -> list[Json]:
        return [{"number": rule.number, "title": rule.title, "ecos_code": rule.ecos_code} for rule in RULES]

    @router.get("/certificate", summary="The CoS Party's certificate")
    async def certificate() -> Json:
        found = key.certificate()
        if found is None:
            raise Problem(503, "no certificate yet", code="NOT_READY")
        return {"eui": str(found.eui), "serial": found.serial_hex, "pem": found.pem}

    @router.post(
        "/reset", summary="Forget every request, threshold and enrolment; the counter goes on", status_code=204
    )
    async def reset() -> None:
        from ..adapters.tables import TABLES  # SQLAlchemy takes long to import: only a reset needs the names

        async with database.transaction() as connection:
            for table in TABLES:
                if table != "counter":
                    await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - own names
            await connection.execute("DELETE FROM timers")

    return router
