"""Bounds on a request's body, as a layer of ASGI: over the limit is 413, at once where the length is declared."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import problem

_DISCARD_SECONDS = 0.5
_DISCARD_LIMITS = 4


class _TooLarge(Exception):
    """The body went over the limit while it was read."""


class BodyLimit:
    """Refuse bodies of more than ``limit`` octets."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._limit:
                await self._refuse(scope, receive, send)
                return
        seen = 0
        started = False
        ended = False

        async def counted() -> Message:
            nonlocal seen, ended
            message = await receive()
            ended = not message.get("more_body", False)
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._limit:
                    raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            if seen > self._limit and not started:
                return  # what the application says of the exception is not the reason
            started = True
            await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, noted)
        if seen > self._limit and not started:
            await self._refuse(scope, receive, send, ended)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, ended: bool = False) -> None:
        if not ended:
            await self._discard(receive)
        answer = problem.response(
            413,
            f"the body is larger than {self._limit} octets",
            code="BODY_TOO_LARGE",
            headers={"Connection": "close"},
        )
        await answer(scope, receive, send)

    async def _discard(self, receive: Receive) -> None:
        """Read on for a moment: a connection closed on unread octets is reset, and the answer is lost with it."""
        discarded = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while discarded < _DISCARD_LIMITS * self._limit:
                    message = await receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    discarded += len(message.get("body", b""))
