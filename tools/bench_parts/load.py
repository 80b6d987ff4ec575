"""A User that sends as fast as it is let: requests signed beforehand, kept TLS connections, its own endpoint.

It runs in a process of its own and says what it saw as one JSON line. Usage::

    python -m bench_parts.load '{"url": ..., "tls": ..., "keystore": ..., "flow": "critical", "count": 2000, ...}'
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httptools
import uvloop

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import keystore
from dccemu_sdk.identity import Identity

from .connection import Connection
from .user import Plan, Prepared, prepared, signed_answer


@dataclass
class Seen:
    """When each request was sent and its final answer arrived."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)


class Endpoint(asyncio.Protocol):
    """The Receive Response Service: notes the RequestID and answers 204."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        begin = body.find(b"RequestID>") + 10
        request_id = body[begin : body.find(b"<", begin)].decode()
        self._seen.answered.setdefault(request_id, time.perf_counter())
        self._seen.arrival.set()
        self._transport.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")  # type: ignore[attr-defined]


class Load:
    """The run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seen = Seen()
        store = keystore.load(Path(plan.keystore))
        self.identity = Identity(store, Eui64.parse(plan.user))
        self._folder = Path(plan.tls)

    async def open(self) -> list[Connection]:
        """Connections opened and endpoint listening before the clock starts."""
        address_ = urlsplit(self.plan.url)
        context = ssl.create_default_context(cafile=str(self._folder / "ca.pem"))
        chain = self._folder / f"{self.plan.party}.pem", self._folder / f"{self.plan.party}.key.pem"
        context.load_cert_chain(*chain)
        loop = asyncio.get_running_loop()
        connections = []
        for _ in range(self.plan.connections):
            kept = partial(Connection, f"{address_.hostname}:{address_.port}")
            _, made = await loop.create_connection(kept, address_.hostname, address_.port, ssl=context)
            connections.append(made)
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(*chain)
        server_side.verify_mode = ssl.CERT_REQUIRED
        server_side.load_verify_locations(str(self._folder / "ca.pem"))
        await loop.create_server(lambda: Endpoint(self.seen), "127.0.0.1", self.plan.receive_port, ssl=server_side)
        return connections

    async def run(self) -> dict[str, object]:
        requests = prepared(self.plan, self.identity)
        connections = await self.open()
        queue: asyncio.Queue[Prepared] = asyncio.Queue()
        send = self._send_critical if self.plan.flow == "critical" else self._send
        began, used = time.perf_counter(), time.process_time()
        workers = [asyncio.create_task(self._work(one, queue, send)) for one in connections]
        feeding = asyncio.create_task(self._feed(requests, queue, began))
        # A worker has no end: one that ends has lost its connection, and what it sent may never be answered.
        ended_first, _ = await asyncio.wait([feeding, *workers], return_when=asyncio.FIRST_COMPLETED)
        for task in ended_first:
            task.result()
        deadline = time.perf_counter() + 60
        while len(self.seen.answered) + len(self.seen.refused) < len(requests) and time.perf_counter() < deadline:
            self.seen.arrival.clear()
            try:
                await asyncio.wait_for(self.seen.arrival.wait(), 1)
            except TimeoutError:
                continue
        for worker in workers:
            if worker.done():
                worker.result()
            worker.cancel()
        ended = max(self.seen.answered.values(), default=began)
        times = sorted(self.seen.answered[one] - self.seen.sent[one] for one in self.seen.answered)
        return {
            "sent": len(requests),
            "answered": len(times),
            "refused": dict(list(self.seen.refused.items())[:3]),
            "seconds": ended - began,
            "own_us": 1e6 * (time.process_time() - used) / len(requests),
            "rate": len(times) / (ended - began) if times else 0.0,
            "p50_ms": 1000 * times[len(times) // 2] if times else None,
            "p99_ms": 1000 * times[min(len(times) - 1, int(len(times) * 0.99))] if times else None,
        }

    async def _feed(
        self,
        requests: list[Prepared],
        queue: asyncio.Queue[Prepared],
        began: float,
    ) -> None:
        """Let a bounded number be in flight, or send at a given rate."""
        for number, one in enumerate(requests):
            if self.plan.rate is not None:
                due = began + number / self.plan.rate
                pause = due - time.perf_counter()
                if pause > 0.001:
                    await asyncio.sleep(pause)
            else:
                while number - len(self.seen.answered) - len(self.seen.refused) >= self.plan.in_flight:
                    self.seen.arrival.clear()
                    await self.seen.arrival.wait()
            queue.put_nowait(one)

    async def _work(
        self,
        connection: Connection,
        queue: asyncio.Queue[Prepared],
        send: Callable[[Connection, Prepared], Awaitable[None]],
    ) -> None:
        while True:
            one = await queue.get()
            self.seen.sent[one.request_id] = time.perf_counter()
            try:
                await send(connection, one)
            except RuntimeError as error:
                self.seen.refused[one.request_id] = str(error)
                self.seen.arrival.set()

    async def _send(self, connection: Connection, one: Prepared) -> None:
        await self._command(connection, one.document)

    async def _send_critical(self, connection: Connection, one: Prepared) -> None:
        answer = await connection.post("/api/v1/serviceT", one.document)
        await self._command(connection, signed_answer(self.identity, one, answer))

    async def _command(self, connection: Connection, document: bytes) -> None:
        answer = await connection.post("/api/v1/serviceS", document)
        if b">I99<" not in answer:
            raise RuntimeError(answer[-400:].decode())


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Load(Plan(**json.loads(sys.argv[1]))).run())))
