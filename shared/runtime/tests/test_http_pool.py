"""The delivery client: connections are kept, bounded and timed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
import trustme

from dccemu_runtime.groupcommit import Overloaded
from dccemu_runtime.http.pool import DeliveryFailed, RawPool

pytestmark = pytest.mark.asyncio
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Kind: test\r\n\r\nok"


class Endpoint:
    """A User's endpoint: plain asyncio, so that it can misbehave."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.close_after_answer = False
        self.pause: asyncio.Event | None = None
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self.drop()

    async def drop(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                if self.pause is not None:
                    await self.pause.wait()
                writer.write(self.answer)
                await writer.drain()
                if self.close_after_answer:
                    writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    await made.start()
    yield made
    await made.stop()


async def test_a_delivery_is_a_post_and_the_answer_comes_back(endpoint: Endpoint) -> None:
    pool = RawPool()

    answer = await pool.post(
        f"http://127.0.0.1:{endpoint.port}/receive?x=1", b"<xml/>", headers={"traceparent": "00-1"}
    )

    assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"ok", "test")
    [request] = endpoint.requests
    assert request.startswith(b"POST /receive?x=1 HTTP/1.1\r\n")
    assert b"content-type: application/xml\r\n" in request
    assert b"traceparent: 00-1\r\n" in request
    assert request.endswith(b"\r\n\r\n<xml/>")
    await pool.close()


async def test_connections_are_kept(endpoint: Endpoint) -> None:
    pool = RawPool()

    for _ in range(10):
        await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")

    assert endpoint.connections == 1
    await pool.close()


async def test_as_many_connections_as_allowed_carry_many_deliveries(endpoint: Endpoint) -> None:
    pool = RawPool(per_host=4)

    answers = await asyncio.gather(*(pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x") for _ in range(100)))

    assert {answer.status for answer in answers} == {200}
    assert endpoint.connections <= 4
    assert len(endpoint.requests) == 100
    await pool.close()


async def test_a_connection_closed_while_it_rested_is_replaced(endpoint: Endpoint) -> None:
    pool = RawPool()
    await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")
    await endpoint.drop()

    assert (await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"y")).status == 200
    await pool.close()


async def test_an_endpoint_that_closes_after_each_answer_is_served(endpoint: Endpoint) -> None:
    endpoint.close_after_answer = True
    endpoint.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    pool = RawPool()

    assert [(await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")).status for _ in range(3)] == [200] * 3
    assert endpoint.connections == 3
    await pool.close()


async def test_chunked_answers_are_read(endpoint: Endpoint) -> None:
    endpoint.answer = b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    pool = RawPool()

    answer = await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")

    assert (answer.status, answer.body) == (503, b"abcde")
    await pool.close()


async def test_an_endpoint_that_does_not_answer_in_time_has_failed(endpoint: Endpoint) -> None:
    endpoint.pause = asyncio.Event()
    pool = RawPool(connect_time=0.1, answer_time=0.1)

    with pytest.raises(DeliveryFailed, match="in time"):
        await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")
    endpoint.pause.set()
    await pool.close()


async def test_an_endpoint_that_went_away_without_a_word_is_connected_to_anew(endpoint: Endpoint) -> None:
    """Half-open: connections from before it went away are never answered, and are not tried one by one."""
    pool = RawPool(per_host=4, answer_time=1.0)
    url = f"http://127.0.0.1:{endpoint.port}/"
    endpoint.pause = asyncio.Event()
    first = [asyncio.create_task(pool.post(url, b"<a/>")) for _ in range(4)]
    while len(endpoint.requests) < 4:  # noqa: ASYNC110 - the endpoint's own list has no event
        await asyncio.sleep(0)
    endpoint.pause.set()
    await asyncio.gather(*first)

    endpoint.pause = asyncio.Event()
    with pytest.raises(DeliveryFailed):
        await pool.post(url, b"<b/>")
    endpoint.pause = None

    assert (await pool.post(url, b"<c/>")).status == 200
    assert endpoint.connections == 5
    await pool.close()


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"])
async def test_an_answer_that_is_not_http_has_failed(endpoint: Endpoint, answer: bytes) -> None:
    endpoint.answer = answer
    pool = RawPool()

    with pytest.raises(DeliveryFailed, match="not HTTP"):
        await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")
    await pool.close()


async def test_an_endless_answer_is_cut(endpoint: Endpoint) -> None:
    endpoint.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    pool = RawPool(max_body=1000)

    with pytest.raises(DeliveryFailed, match="longer than 1000"):
        await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")
    await pool.close()


async def test_a_port_nobody_listens_on_has_failed(endpoint: Endpoint) -> None:
    pool = RawPool()
    await endpoint.stop()

    with pytest.raises(DeliveryFailed, match="cannot connect"):
        await pool.post(f"http://127.0.0.1:{endpoint.port}/", b"x")


async def test_too_many_waiting_deliveries_are_refused_at_once(endpoint: Endpoint) -> None:
    endpoint.pause = asyncio.Event()
    pool = RawPool(per_host=1, queue=1)
    url = f"http://127.0.0.1:{endpoint.port}/"
    busy = [asyncio.create_task(pool.post(url, b"x")) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded):
        await pool.post(url, b"x")

    endpoint.pause.set()
    assert [answer.status for answer in await asyncio.gather(*busy)] == [200, 200]
    await pool.close()


async def test_a_cancelled_delivery_gives_its_place_back(endpoint: Endpoint) -> None:
    endpoint.pause = asyncio.Event()
    pool = RawPool(per_host=1)
    url = f"http://127.0.0.1:{endpoint.port}/"
    first, second = asyncio.create_task(pool.post(url, b"1")), asyncio.create_task(pool.post(url, b"2"))
    await asyncio.sleep(0.01)

    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    endpoint.pause.set()

    assert (await pool.post(url, b"3")).status == 200
    await pool.close()


async def test_deliveries_over_tls_with_a_client_certificate() -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context()
    authority.configure_trust(client)
    authority.issue_cert("dcc@example.org").configure_cert(client)
    endpoint = Endpoint()
    await endpoint.start(server)
    pool = RawPool()

    answers = [await pool.post(f"https://127.0.0.1:{endpoint.port}/", b"x", tls=client) for _ in range(3)]

    assert [answer.status for answer in answers] == [200] * 3
    assert endpoint.connections == 1
    await pool.close()
    await endpoint.stop()


@pytest.mark.parametrize("url", ["ftp://example.org/", "/receive", "http:///x"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        await RawPool().post(url, b"x")


async def test_a_header_cannot_smuggle_another(endpoint: Endpoint) -> None:
    with pytest.raises(ValueError, match="line break"):
        await RawPool().post(f"http://127.0.0.1:{endpoint.port}/", b"x", headers={"a": "b\r\nc: d"})
