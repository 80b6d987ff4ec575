"""The HTTP server: uvicorn's httptools protocol on the running loop, with what uvicorn leaves out.

No server release hands the client certificate to the application, so a subclass of the protocol puts its DER form into
``scope["state"]["peer_certificate"]``. The same subclass bounds a connection: time to send headers, time to send a
body, connections at once and connections per client certificate. A test fails when upstream changes what this relies
on.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from itertools import chain
from typing import Any

import structlog
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from . import problem
from .deadline import Deadline

log = structlog.get_logger(__name__)
_LINGER_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a listener; times in seconds."""

    header_time: float = 10.0
    body_time: float = 30.0
    idle_time: float = 75.0
    handshake_time: float = 10.0
    header_bytes: int = 64 * 1024
    headers: int = 200
    connections: int = 2000
    connections_per_certificate: int = 1000
    grace: float = 3.0


class _Refused(Exception):
    """Ends the parsing of a request that has been answered already."""


class _Together:
    """Writes the head of an answer together with the first part of its body: one record and one packet, not two.

    A body that does not follow at once does not hold the head back.
    """

    __slots__ = ("_head", "_is_open", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._is_open = True

    def write(self, data: bytes) -> None:
        if self._is_open:
            self._is_open = False
            self._head = data
            self._loop.call_soon(self._flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)


class _BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, config: Config, state: ServerState, bounds: Bounds, certificates: Counter[bytes]) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._bounds = bounds
        self._certificates = certificates
        self._certificate_id: bytes | None = None
        self._deadline = Deadline(self.loop, self._too_slow)
        self._head: int | None = 0  # octets of the present request's head, None while its body is read
        self._is_refused = False

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

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.close()
        if self._certificate_id is not None:
            self._certificates[self._certificate_id] -= 1
            if self._certificates[self._certificate_id] <= 0:
                del self._certificates[self._certificate_id]
            self._certificate_id = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self.transport.is_closing():
            return
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > self._bounds.header_bytes and not self._is_refused:
            self._refuse(431, f"the head of the request is longer than {self._bounds.header_bytes} octets")

    def send_400_response(self, msg: str) -> None:
        if not self._is_refused:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        if not self._deadline.is_set:
            self._deadline.set(self._bounds.header_time)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(map(len, chain.from_iterable(self.headers)))
        if len(self.headers) > self._bounds.headers or size > self._bounds.header_bytes:
            self._refuse(431, "the request has too many or too long headers")
            raise _Refused
        self._head = None
        self._deadline.set(self._bounds.body_time)
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = _Together(self.transport, self.loop)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        self._deadline.lift()
        self._head = 0
        super().on_message_complete()

    def _too_slow(self) -> None:
        if self._is_refused:
            self.transport.close()
            return
        answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answered and not self.transport.is_closing():
            self._refuse(408, "the request did not arrive in time")
        else:
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        self._is_refused = True
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


class Server:
    """One listener of an ASGI application in the running loop.

    Parameters
    ----------
    port
        0 takes a free one; ``port`` tells which after ``start``.
    tls
        A server-side context; with ``verify_mode = CERT_REQUIRED`` or ``CERT_OPTIONAL`` clients present certificates.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self._bounds = bounds or Bounds()
        self._config = Config(
            app,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(self._bounds.idle_time),
        )
        self._state = ServerState()
        self._certificates: Counter[bytes] = Counter()
        self._listener: asyncio.Server | None = None
        self._dating: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address, with the real port once started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._listener is not None

    @property
    def connections(self) -> int:
        return len(self._state.connections)

    async def start(self) -> None:
        """Listen."""
        self._config.load()
        loop = asyncio.get_running_loop()
        extra: dict[str, Any] = {} if self.tls is None else {"ssl_handshake_timeout": self._bounds.handshake_time}
        self._listener = await loop.create_server(
            lambda: _BoundedProtocol(self._config, self._state, self._bounds, self._certificates),
            self.host,
            self.port,
            ssl=self.tls,
            backlog=2048,
            **extra,
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        self._dating = asyncio.create_task(self._date(), name=f"date header {self.port}")

    async def stop(self) -> None:
        """Take no more connections, let requests in hand finish within the grace, cut the rest."""
        if self._listener is None:
            return
        self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _done, late = await asyncio.wait(list(self._state.tasks), timeout=self._bounds.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in list(self._state.connections):
            with suppress(AttributeError):
                connection.transport.abort()
        if self._dating is not None:
            self._dating.cancel()
            await asyncio.gather(self._dating, return_exceptions=True)
        self._listener = None

    async def _date(self) -> None:
        while True:
            self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
            await asyncio.sleep(1)
