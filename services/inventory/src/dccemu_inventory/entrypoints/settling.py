"""Admin calls that change facts answer when the facts are on their way to everybody.

State travels as events: other services hear of a change a moment after it was committed. A test that puts a record and
at once sends a request about it would run into the old one. So a changing call waits until its facts have left the
outbox and a short grace in which followers take them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from dccemu_runtime.database import Database

_UNSENT = "SELECT EXISTS (SELECT 1 FROM outbox WHERE sent_in IS NULL)"
_POLL_SECONDS = 0.01


class Settling:
    """Waits for the outbox, at most ``limit`` seconds, then ``grace`` seconds."""

    def __init__(self, database: Database, grace: float, limit: float = 2.0) -> None:
        self._pool = database.pool
        self._grace = grace
        self._limit = limit

    async def wait(self) -> None:
        """Return when the facts are out, or the limit is reached (the bus is away: they will follow)."""
        deadline = asyncio.get_running_loop().time() + self._limit
        while await self._pool.fetchval(_UNSENT) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.sleep(self._grace)

    def route_class(self) -> type[APIRoute]:
        """Make the route class of routers whose changing calls settle."""
        settling = self

        class SettledRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def settled(request: Request) -> Response:
                    response = await handle(request)
                    if request.method != "GET":
                        await settling.wait()
                    return response

                return settled

        return SettledRoute
