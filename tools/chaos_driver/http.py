"""A small HTTP client: kept connections, no retry of its own, so that the User knows what it sent how often."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


class Wire:
    """Kept connections to one address; a failed exchange raises ``OSError``."""

    def __init__(self, url: str, *, patience: float = 15.0) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._address = (parts.hostname, parts.port)
        self._patience = patience
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """POST a document; status and body of the answer."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._exchange(path, body)
        except (asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            raise ConnectionError(f"no answer: {error!r}") from error

    async def _exchange(self, path: str, body: bytes) -> tuple[int, bytes]:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(*self._address)
        try:
            head = (
                f"POST {path} HTTP/1.1\r\nhost: {self._address[0]}\r\ncontent-type: application/xml\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
            if headers.get("connection", "").lower() == "close":
                writer.close()
            else:
                self._idle.append((reader, writer))
            return int(lines[0].split(" ", 2)[1]), answer
        except BaseException:
            writer.transport.abort()
            self._forget()  # the others were to the same process
            raise

    def _forget(self) -> None:
        while self._idle:
            self._idle.pop()[1].transport.abort()

    async def close(self) -> None:
        """Let the kept connections go."""
        for _reader, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()
