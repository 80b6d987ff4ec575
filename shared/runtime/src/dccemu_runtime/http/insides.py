"""What is hidden inside a service, over its admin routes: outbox, timers, dead letters.

Mounted under ``/admin/<service>`` for every service that has an outbox.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from .. import deadletters
from ..outbox import Outbox
from ..timers import pending
from .problem import Problem

Limit = Annotated[int, Query(ge=1, le=1000)]


def inside_routes(service: str, outbox: Outbox) -> APIRouter:
    """The routes of one service."""
    router = APIRouter(prefix=f"/admin/{service}", tags=[f"{service}: inside"])
    database, bus = outbox.database, outbox.bus

    @router.get("/outbox", summary="Messages that wait for the bus or for their consumers")
    async def read_outbox(limit: Limit = 100) -> dict[str, Any]:
        return {**await outbox.counts(), "incarnation": bus.incarnation, "messages": await outbox.waiting(limit)}

    @router.get("/timers", summary="Timers that are set, soonest first")
    async def read_timers(limit: Limit = 100) -> dict[str, Any]:
        found = await pending(database, limit)
        return {
            "timers": [
                {"kind": timer.kind, "key": timer.key, "due_at": timer.due_at, "payload": timer.payload}
                for timer in found
            ]
        }

    @router.get("/dead-letters", summary="Messages that could not be handled, newest first, and why")
    async def read_dead_letters(limit: Limit = 100) -> dict[str, Any]:
        return {"dead_letters": [_letter(letter) for letter in await deadletters.newest(database, limit)]}

    @router.post("/dead-letters/{position}/send", status_code=202, summary="Hand a dead letter over again")
    async def send_again(position: int) -> dict[str, int]:
        if not await deadletters.send_again(database, bus, position):
            raise Problem(404, f"no dead letter is at {position}; GET /admin/{service}/dead-letters lists them")
        return {"sent": position}

    return router


def _letter(letter: deadletters.DeadLetter) -> dict[str, Any]:
    message = letter.message
    return {
        "position": letter.position,
        "topic": message.topic,
        "key": message.key,
        "id": message.id,
        "value": message.value.decode(errors="replace"),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "parked_at": letter.parked_at,
    }
