"""One request and its answer: uvicorn's cycle, with a short way for what is there as a whole.

Most requests have arrived with their body before the application asks for it, and most answers are one body of a
declared length. Those are read without waiting and written as one piece; everything else is left to uvicorn.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

#: Fields that say more about an answer than its length.
_TELLING = frozenset((b"connection", b"transfer-encoding"))


class Cycle(RequestResponseCycle):
    """A request and its answer.

    An answer of declared length is held back until the first part of its body is there: one record and one packet,
    not two (ASGI, *Response Start*). One without goes part by part.
    """

    _is_read = False
    _start: Any = None

    @override
    async def receive(self) -> Any:
        if self._is_read or self.more_body or self.waiting_for_100_continue or self.disconnected:
            return await super().receive()
        self._is_read = True
        self.flow.resume_reading()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    @override
    async def send(self, message: Any) -> None:
        start = self._start
        if start is None:
            if self.response_started or not _is_declared(message):
                await super().send(message)
            elif not self.disconnected:
                self.response_started, self._start = True, message
            return
        self._start = None
        answer = self._whole(start, message)
        if answer is None or self.disconnected or self.flow.write_paused:
            self.response_started = False
            await super().send(start)
            await super().send(message)
            return
        self.waiting_for_100_continue = False
        self.transport.write(answer)
        self.response_complete = True
        self.message_event.set()
        self.on_response()

    def _whole(self, start: Any, message: Any) -> bytes | None:
        """The octets of an answer that is complete; None where uvicorn has to write it, or to complain."""
        if message["type"] != "http.response.body" or message.get("more_body") or not self.keep_alive:
            return None
        body: bytes = message.get("body", b"")
        head = _head(self.default_headers, start)
        if head is None or head[1] != len(body) or self.scope["method"] == "HEAD":
            return None
        return head[0] + body


def _is_declared(message: Any) -> bool:
    """Whether this begins an answer that tells its length."""
    fields = message.get("headers")
    if message["type"] != "http.response.start" or not isinstance(fields, list):
        return False
    for name, _ in fields:  # noqa: SIM110 - a loop costs less than a generator
        if name == b"content-length":
            return True
    return False


def _head(default: Iterable[tuple[bytes, bytes]], start: Any) -> tuple[bytes, int] | None:
    """The head of an answer and the length that it declares; None where there is more to it."""
    parts, length = [STATUS_LINE[start["status"]]], None
    for name, value in (*default, *start["headers"]):
        if name == b"content-length" and length is None and value.isdigit():
            length = int(value)
        line = _line(name, value)
        if line is None:
            return None
        parts.append(line)
    parts.append(b"\r\n")
    return None if length is None else (b"".join(parts), length)


@lru_cache(maxsize=4096)
def _line(name: bytes, value: bytes) -> bytes | None:
    """A header field; None where uvicorn has to look at it."""
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value) or name.lower() in _TELLING:
        return None
    return b"%b: %b\r\n" % (name.lower(), value)
