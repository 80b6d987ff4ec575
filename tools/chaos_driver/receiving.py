"""The verifiable User's Receive Response Service: keeps every delivery with its time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from dccemu_runtime.http.server import Server

from .record import Delivered, Record

_REQUEST_ID = re.compile(rb"<(?:\w+:)?RequestID>([^<]+)<")


class Receiving:
    """Takes whatever is delivered; ``on_answer`` hears the RequestID of each first answer."""

    def __init__(self, record: Record, on_answer: Callable[[str], None]) -> None:
        self._record = record
        self._on_answer = on_answer
        self._server = Server(self._application())
        self.news = asyncio.Event()

    async def start(self) -> str:
        """Open the port; the address for the gateway."""
        await self._server.start()
        return f"{self._server.url}/smartdcc/duis"

    async def stop(self) -> None:
        await self._server.stop()

    def _application(self) -> ASGIApp:
        async def take(scope: Scope, receive: Receive, send: Send) -> None:
            await self._take(receive, send)

        return take

    async def _take(self, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        now = time.monotonic()
        self._record.delivered.append(Delivered(now, body))
        found = _REQUEST_ID.search(body)
        if found is not None:
            request_id = found.group(1).decode()
            if request_id not in self._record.answered:
                self._record.answered.add(request_id)
                self._record.answer_times.append(now)
                self._on_answer(request_id)
        self.news.set()
        self.news = asyncio.Event()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
