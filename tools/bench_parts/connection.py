"""A kept connection of the load's User: one request at a time."""

from __future__ import annotations

import asyncio
import re
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_OK = b"HTTP/1.1 200"


class Connection(asyncio.Protocol):
    """Posts documents and waits for each answer; ``host`` goes into the Host header."""

    def __init__(self, host: str) -> None:
        self._host = host.encode()
        self._heads: dict[str, bytes] = {}
        self._data = b""
        self._length = -1
        self._lost: Exception | None = None
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()

    async def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer.

        Raises
        ------
        ConnectionError
            When the connection was lost.
        RuntimeError
            When the answer is not 200.
        """
        if self._lost is not None:
            raise self._lost
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = (
                b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/xml\r\nContent-Length: "
            ) % (path.encode(), self._host)
        self._answer = self._loop.create_future()
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        if self._length < 0:
            end = self._data.find(_END_OF_HEAD)
            if end < 0:
                return
            found = _LENGTH.search(self._data, 0, end + 2)
            if found is None:
                self._fail(ConnectionError(f"an answer without Content-Length: {self._data[:200]!r}"))
                return
            self._length = end + len(_END_OF_HEAD) + int(found[1])
        if len(self._data) < self._length or self._answer is None:
            return
        whole, self._data = self._data[: self._length], self._data[self._length :]
        answer, self._answer, self._length = self._answer, None, -1
        if answer.done():
            return
        if whole.startswith(_OK):
            answer.set_result(whole[whole.find(_END_OF_HEAD) + len(_END_OF_HEAD) :])
        else:
            answer.set_exception(RuntimeError(whole[:400].decode(errors="replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionError(f"the connection was closed: {exc!r}"))

    def _fail(self, error: Exception) -> None:
        self._lost = error
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
