"""The delivery client: kept raw connections, one httptools parser each, everything bounded and timed.

A delivery is one POST. General clients cost many times the cryptography of a request when hundreds are in flight; this
one does no more than the job: write the request, read the answer, keep the connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import httptools

from dccemu_protocol.errors import EmulatorError

from ..groupcommit import Overloaded
from .deadline import Deadline
from .posting import Target, request, target_of


class DeliveryFailed(EmulatorError):
    """The other side did not take it: refused, reset, too slow, or not HTTP. Try again later."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The header fields; names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.fields}


@dataclass(slots=True)
class _Host:
    """The connections to one address. ``idle`` holds (connection, loop time since when)."""

    idle: deque[tuple[_Connection, float]] = field(default_factory=deque)
    open: int = 0
    waiters: deque[asyncio.Future[None]] = field(default_factory=deque)


class _Connection(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._deadline = Deadline(asyncio.get_running_loop(), self._too_slow)
        self._fields: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._keep = False
        self.heard = False
        self.is_usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self.is_usable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_usable = False
        self._deadline.close()
        self._fail(f"the connection was closed before the answer ({exc or 'end of stream'})")

    def data_received(self, data: bytes) -> None:
        self.heard = True
        if self._answer is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is not HTTP: {error}")
            self.close()

    def eof_received(self) -> bool | None:
        return None

    # parser callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._max_body:
            self._fail(f"the answer is longer than {self._max_body} octets")
            self.close()

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            return
        self._keep = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, self._fields, bytes(self._body)))

    async def exchange(self, octets: bytes, until: float) -> Answer:
        """Send ``octets`` and return the answer; the connection may be used again when ``is_usable``.

        Raises
        ------
        TimeoutError
            The answer was not there ``until`` a time of the loop.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._fields, self._body, self.heard = [], bytearray(), False
        self._deadline.set_at(until)
        self._transport.write(octets)
        try:
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None
            self._deadline.lift()
        if not self._keep:
            self.close()
        return answer

    def close(self) -> None:
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort() if self._answer is not None else self._transport.close()

    def _too_slow(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TimeoutError())

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(DeliveryFailed(why))


class RawPool:
    """A pool of connections to many addresses.

    Parameters
    ----------
    per_host
        Connections to one address at most; further requests wait.
    queue
        Requests that may wait for one address; past it ``Overloaded``.
    connect_time, answer_time, idle_time
        Seconds for connecting with TLS, for the whole answer, and that an unused connection is kept.
    max_body
        Octets of an answer's body that are read.
    """

    def __init__(
        self,
        *,
        per_host: int = 64,
        queue: int = 4096,
        connect_time: float = 5.0,
        answer_time: float = 15.0,
        idle_time: float = 30.0,
        max_body: int = 64 * 1024,
    ) -> None:
        self._per_host = per_host
        self._queue = queue
        self._connect_time = connect_time
        self._answer_time = answer_time
        self._idle_time = idle_time
        self._max_body = max_body
        self._hosts: dict[tuple[str, str, int, int], _Host] = {}

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        content_type: str = "application/xml",
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        """POST ``body`` to ``url`` and return the answer, whatever its status.

        Raises
        ------
        DeliveryFailed
            No answer; the other side may have taken the body nevertheless.
        Overloaded
            Too many requests wait for this address.
        ValueError
            ``url`` is not an http or https address.
        """
        target = target_of(url)
        if target.scheme == "http":
            tls = None
        elif tls is None:
            tls = ssl.create_default_context()
        octets = request(target, body, content_type, headers)
        key = (target.scheme, target.name, target.port, id(tls))
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host()
        await self._enter(host, url)
        try:
            return await self._send(host, target, tls, octets)
        finally:
            self._leave(host)

    async def close(self) -> None:
        """Close all unused connections; those in use close when their answer is there."""
        for host in self._hosts.values():
            while host.idle:
                host.idle.popleft()[0].close()
        self._idle_time = -1.0

    async def _enter(self, host: _Host, url: str) -> None:
        if host.open < self._per_host:
            host.open += 1
            return
        if len(host.waiters) >= self._queue:
            raise Overloaded(f"{self._queue} deliveries wait for {url}")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        host.waiters.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._leave(host)
            else:
                with suppress(ValueError):
                    host.waiters.remove(turn)
            raise

    def _leave(self, host: _Host) -> None:
        while host.waiters:
            turn = host.waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        host.open -= 1

    async def _send(self, host: _Host, target: Target, tls: ssl.SSLContext | None, octets: bytes) -> Answer:
        until = asyncio.get_running_loop().time() + self._connect_time + self._answer_time
        try:
            while (kept := self._take_idle(host)) is not None:
                try:
                    return await self._exchange(host, kept, octets, until)
                except DeliveryFailed:
                    if kept.heard:
                        raise
                    # It had been closed by the other side while it was unused: take another.
            return await self._exchange(host, await self._connect(target.name, target.port, tls), octets, until)
        except TimeoutError as error:
            # The other side may be gone without a word: connections kept from before would each be waited for as long.
            while host.idle:
                host.idle.popleft()[0].close()
            raise DeliveryFailed(f"no answer from {target.name}:{target.port} in time") from error

    async def _exchange(self, host: _Host, connection: _Connection, octets: bytes, until: float) -> Answer:
        answer = await connection.exchange(octets, until)
        if connection.is_usable:
            if self._idle_time > 0:
                host.idle.append((connection, asyncio.get_running_loop().time()))
            else:
                connection.close()
        return answer

    def _take_idle(self, host: _Host) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while host.idle and now - host.idle[0][1] > self._idle_time:
            host.idle.popleft()[0].close()
        while host.idle:
            connection, _since = host.idle.pop()
            if connection.is_usable:
                return connection
        return None

    async def _connect(self, name: str, port: int, tls: ssl.SSLContext | None) -> _Connection:
        try:
            async with asyncio.timeout(self._connect_time):
                _transport, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._max_body), name, port, ssl=tls
                )
                return connection
        except (OSError, ssl.SSLError) as error:
            raise DeliveryFailed(f"cannot connect to {name}:{port}: {error}") from error
        except TimeoutError as error:
            raise DeliveryFailed(f"cannot connect to {name}:{port} in {self._connect_time} s") from error
