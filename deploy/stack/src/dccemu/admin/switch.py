"""An application that can be exchanged while its port stays open (admin reset)."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from dccemu_runtime.http import problem


class Switch:
    """Passes everything to ``target``; 503 while there is none."""

    def __init__(self) -> None:
        self.target: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.target is not None:
            await self.target(scope, receive, send)
        elif scope["type"] == "http":
            await problem.response(503, "the suite is starting")(scope, receive, send)
