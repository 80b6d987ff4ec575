"""One connection of a listener: uvicorn's httptools protocol, bounded, with the client's certificate in the scope."""

from __future__ import annotations

import asyncio
import hashlib
import urllib.parse
from collections import Counter
from functools import lru_cache
from itertools import chain

import httptools
from typing_extensions import override
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from . import problem
from .bounds import Bounds
from .cycle import Cycle
from .deadline import Deadline

_LINGER_SECONDS = 0.25


class _Refused(Exception):
    """Ends the parsing of a request that has been answered already."""


class Connection(HttpToolsProtocol):
    """One connection."""

    cycle: Cycle

    def __init__(self, config: Config, state: ServerState, bounds: Bounds, certificates: Counter[bytes]) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._bounds = bounds
        self._certificates = certificates
        self._certificate_id: bytes | None = None
        self._deadline = Deadline(self.loop, self._too_slow)
        self._head: int | None = 0  # octets of the present request's head, None while its body is read
        self._piece = 0  # octets that the parser has before it
        self._is_idle = False
        self._is_refused = False

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(binary_form=True)
        self.app_state = {"peer_certificate": certificate}
        if certificate is not None:
            self._certificate_id = hashlib.sha256(certificate).digest()
            self._certificates[self._certificate_id] += 1
            if self._certificates[self._certificate_id] > self._bounds.connections_per_certificate:
                self._refuse(503, "too many connections with this client certificate")
                return
        if len(self.connections) > self._bounds.connections:
            self._refuse(503, f"more than {self._bounds.connections} connections")
            return
        self._deadline.set(self._bounds.header_time)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.close()
        if self._certificate_id is not None:
            self._certificates[self._certificate_id] -= 1
            if self._certificates[self._certificate_id] <= 0:
                del self._certificates[self._certificate_id]
            self._certificate_id = None
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_refused or self.transport.is_closing():
            return
        self._piece = len(data)
        if self._head is not None:
            self._head += self._piece
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if self._head is not None and self._head > self._bounds.header_bytes and not self._is_refused:
            self._refuse(431, f"the head of the request is longer than {self._bounds.header_bytes} octets")

    @override
    def send_400_response(self, msg: str) -> None:
        if not self._is_refused:
            super().send_400_response(msg)

    @override
    def on_message_begin(self) -> None:
        if self._is_idle or not self._deadline.is_set:
            self._is_idle = False
            self._deadline.set(self._bounds.header_time)
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        if len(self.headers) > self._bounds.headers or self._is_head_long():
            self._refuse(431, "the request has too many or too long headers")
            raise _Refused
        self._head = None
        self._deadline.set(self._bounds.body_time)
        scope, parser = self.scope, self.parser
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = parser.get_http_version()
        scope["path"], scope["raw_path"], scope["query_string"] = _address(self.url)
        before = self.cycle
        self.cycle = Cycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            False,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            scope["http_version"] != "1.0" and parser.should_keep_alive(),
            self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _is_head_long(self) -> bool:
        most = self._bounds.header_bytes
        if (self._head or 0) + self._piece <= most:
            return False
        return len(self.url) + sum(map(len, chain.from_iterable(self.headers))) > most

    @override
    def on_message_complete(self) -> None:
        self._deadline.lift()
        self._head = 0
        super().on_message_complete()
        if self.cycle.response_complete and not self.pipeline:
            self._rest()

    @override
    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._deadline.is_set:
            self._rest()

    def _rest(self) -> None:
        """Wait for the next request."""
        self._is_idle = True
        self._deadline.set(self._bounds.idle_time)

    def _too_slow(self) -> None:
        if self._is_refused or self._is_idle:
            self.transport.close()
            return
        answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answered and not self.transport.is_closing():
            self._refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        self._is_refused = True
        self._is_idle = False
        if self.cycle is not None and not self.cycle.response_complete:
            # The application hears that the client is gone and says nothing more on this connection.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        content = problem.body(status, detail)
        head = (
            f"HTTP/1.1 {status} refused\r\ncontent-type: {problem.MEDIA_TYPE}\r\n"
            f"content-length: {len(content)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # A connection that is closed on unread octets is reset, and the answer is lost with it: read on for a moment.
        self._deadline.set(_LINGER_SECONDS)


@lru_cache(maxsize=1024)
def _address(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it was sent, and query of a request's address."""
    parsed = httptools.parse_url(url)
    raw: bytes = parsed.path
    path = raw.decode("ascii")
    return urllib.parse.unquote(path) if "%" in path else path, raw, parsed.query or b""
