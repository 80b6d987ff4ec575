"""The HTTP server: uvicorn's httptools protocol on the running loop, with what uvicorn leaves out.

No server release hands the client certificate to the application, so a subclass of the protocol (``connection``) puts
its DER form into ``scope["state"]["peer_certificate"]``. The same subclass bounds a connection: time to send headers,
time to send a body, connections at once and connections per client certificate. A test fails when upstream changes
what this relies on.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from contextlib import suppress
from email.utils import formatdate
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .bounds import Bounds
from .connection import Connection

__all__ = ["Bounds", "Server"]


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
            lambda: Connection(self._config, self._state, self._bounds, self._certificates),
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
