"""The HTTP server: client certificates reach the application, and nobody can hold a connection for nothing."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
import trustme
from cryptography import x509
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from dccemu_runtime.clock import Clock
from dccemu_runtime.http import app as applications
from dccemu_runtime.http.controls import clock_routes
from dccemu_runtime.http.problem import Problem
from dccemu_runtime.http.server import Bounds, Server
from dccemu_runtime.http.starting import Starting

pytestmark = pytest.mark.asyncio
CYCLE = ["self", "scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers"]
CYCLE += ["message_event", "expect_100_continue", "keep_alive", "on_response"]
"""What uvicorn makes a request and its answer of."""
START = datetime(2020, 1, 1, tzinfo=UTC)
Serve = Callable[..., Awaitable[Server]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """``await serve(app, ...)``: a started server on a free port."""
    servers: list[Server] = []

    async def start(app: ASGIApp, **options: object) -> Server:
        server = Server(app, **options)  # type: ignore[arg-type]
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


async def common_name(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the common name in the client's certificate."""
    der = scope["state"]["peer_certificate"]
    name = "nobody" if der is None else x509.load_der_x509_certificate(der).subject.rfc4514_string()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(name))]})
    await send({"type": "http.response.body", "body": name.encode()})


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer with its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, mode: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = mode
    return context


def client_context(authority: trustme.CA, name: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if name is not None:
        authority.issue_cert(f"{name}@example.org", common_name=name).configure_cert(context)
    return context


async def test_the_client_certificate_reaches_the_application(serve: Serve, authority: trustme.CA) -> None:
    server = await serve(common_name, tls=server_context(authority, ssl.CERT_REQUIRED))

    async with httpx.AsyncClient(verify=client_context(authority, "Party One")) as client:
        answers = [await client.get(server.url) for _ in range(3)]

    assert all("Party One" in answer.text for answer in answers)


async def test_each_connection_has_its_own_certificate(serve: Serve, authority: trustme.CA) -> None:
    server = await serve(common_name, tls=server_context(authority, ssl.CERT_OPTIONAL))

    async def ask(name: str | None) -> str:
        async with httpx.AsyncClient(verify=client_context(authority, name)) as client:
            return (await client.get(server.url)).text

    one, two, none = await asyncio.gather(ask("Party One"), ask("Party Two"), ask(None))

    assert "Party One" in one
    assert "Party Two" in two
    assert none == "nobody"


async def test_a_resumed_session_still_tells_whose_it_is(serve: Serve, authority: trustme.CA) -> None:
    server = await serve(common_name, tls=server_context(authority, ssl.CERT_REQUIRED))
    context = client_context(authority, "Party One")

    def exchange(session: ssl.SSLSession | None) -> tuple[str, bool, ssl.SSLSession | None]:
        with (
            socket.create_connection(("127.0.0.1", server.port), 5) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as tls,
        ):
            tls.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            data = b""
            while chunk := tls.recv(4096):
                data += chunk
            return data.decode(), bool(tls.session_reused), tls.session

    _, _, session = await asyncio.to_thread(exchange, None)
    text, _reused, _ = await asyncio.to_thread(exchange, session)

    assert "Party One" in text


async def test_a_client_without_a_certificate_is_not_let_in(serve: Serve, authority: trustme.CA) -> None:
    server = await serve(common_name, tls=server_context(authority, ssl.CERT_REQUIRED))

    async with httpx.AsyncClient(verify=client_context(authority, None)) as client:
        with pytest.raises(httpx.HTTPError):
            await client.get(server.url)


async def test_plain_http_has_no_certificate(serve: Serve) -> None:
    server = await serve(common_name)

    async with httpx.AsyncClient() as client:
        assert (await client.get(server.url)).text == "nobody"


async def raw(port: int, *parts: bytes, close: bool = False) -> bytes:
    """Send ``parts`` and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(10):
        data = await reader.read()
    writer.close()
    return data


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc"],
    ids=["nothing", "half of the headers", "half of the body"],
)
async def test_a_client_that_stalls_is_answered_408_and_let_go(serve: Serve, sent: bytes) -> None:
    server = await serve(echo_length, bounds=Bounds(header_time=0.2, body_time=0.2))

    answer = await raw(server.port, sent)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"status": 408' in answer


async def test_a_client_that_sends_an_octet_now_and_then_gains_nothing(serve: Serve) -> None:
    server = await serve(echo_length, bounds=Bounds(header_time=0.3))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answered = asyncio.create_task(reader.read())

    for octet in b"POST / HTTP/1.1\r\nx-padding: " + b"a" * 1000:
        if answered.done():
            break
        writer.write(bytes([octet]))
        await asyncio.wait([answered], timeout=0.02)

    assert (await answered).startswith(b"HTTP/1.1 408")
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"x-%d: y\r\n" % number for number in range(10_000)) + b"\r\n",
        b"x-long: " + b"y" * 200_000,
        b"x-long: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=["10,000 headers", "a header without an end", "a long header"],
)
async def test_an_endless_head_is_431(serve: Serve, head: bytes) -> None:
    server = await serve(echo_length)

    assert (await raw(server.port, b"GET / HTTP/1.1\r\nhost: x\r\n" + head)).startswith(b"HTTP/1.1 431")


async def test_bodies_do_not_count_as_heads(serve: Serve) -> None:
    server = await serve(echo_length)

    async with httpx.AsyncClient() as client:
        answers = [await client.post(server.url, content=b"x" * 300_000) for _ in range(2)]

    assert [answer.text for answer in answers] == ["300000"] * 2


async def test_a_kept_connection_may_rest_longer_than_headers_may_take(serve: Serve, eventually: object) -> None:
    server = await serve(echo_length, bounds=Bounds(header_time=0.5, idle_time=30))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    writer.write(request)
    first = await reader.readuntil(b"\r\n\r\n3")
    rest = asyncio.create_task(reader.readuntil(b"\r\n\r\n3"))
    await asyncio.wait([rest], timeout=0.7)

    writer.write(request)

    async with asyncio.timeout(5):
        assert (await rest).startswith(b"HTTP/1.1 200")
    assert first.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_more_connections_than_allowed_are_refused_at_once(serve: Serve) -> None:
    server = await serve(echo_length, bounds=Bounds(connections=2))
    kept = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
    for _reader, writer in kept:
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
    for reader, _writer in kept:
        await reader.readuntil(b"\r\n\r\n1")

    answer = await raw(server.port)

    assert answer.startswith(b"HTTP/1.1 503")
    for _reader, writer in kept:
        writer.close()


async def test_connections_of_one_certificate_are_counted(serve: Serve, authority: trustme.CA) -> None:
    server = await serve(
        common_name,
        tls=server_context(authority, ssl.CERT_REQUIRED),
        bounds=Bounds(connections_per_certificate=1),
    )
    greedy, modest = client_context(authority, "Greedy"), client_context(authority, "Modest")

    async with (
        httpx.AsyncClient(verify=greedy) as first,
        httpx.AsyncClient(verify=greedy) as second,
        httpx.AsyncClient(verify=modest) as other,
    ):
        assert (await first.get(server.url)).status_code == 200
        refused = await second.get(server.url)
        assert refused.status_code == 503
        assert (await other.get(server.url)).status_code == 200


async def test_a_body_over_the_limit_is_413(serve: Serve) -> None:
    app = applications.create("test", max_body_bytes=2048)

    @app.post("/take")
    async def take(body: dict[str, str]) -> str:
        return "taken"

    server = await serve(app)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    async with httpx.AsyncClient() as client:
        declared = await client.post(server.url + "/take", content=b"x" * 4096)
        streamed = await client.post(server.url + "/take", content=chunks())

    assert [declared.status_code, streamed.status_code] == [413, 413]
    assert declared.json()["code"] == streamed.json()["code"] == "BODY_TOO_LARGE"


async def test_requests_in_hand_are_finished_at_stop() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await leave.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = Server(slow)
    await server.start()
    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.get(server.url))
        await entered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        leave.set()

        assert (await asking).status_code == 204
        await stopping


def answering(*messages: dict[str, object], status: int = 200, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    """An application that sends these parts of a body."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for message in messages:
            await send({"type": "http.response.body", **message})

    return app


LENGTH_3 = [(b"Content-Length", b"3"), (b"x-kind", b"test")]


@pytest.mark.parametrize(
    ("app", "ends"),
    [
        (answering({"body": b"abc"}, headers=LENGTH_3), b"\r\n\r\nabc"),
        (answering({"body": b"a", "more_body": True}, {"body": b"bc"}, headers=LENGTH_3), b"\r\n\r\nabc"),
        (answering({"body": b"abc"}, headers=[(b"x-kind", b"test")]), b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ],
    ids=["whole", "in parts", "of no declared length"],
)
async def test_an_answer_is_written_as_it_comes(serve: Serve, app: ASGIApp, ends: bytes) -> None:
    server = await serve(app)

    head = b"GET / HTTP/1.1\r\nhost: x\r\n"
    answers = await raw(server.port, head + b"\r\n" + head + b"connection: close\r\n\r\n")

    first, second = answers.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.endswith(ends)
    assert b"x-kind: test\r\n" in first
    assert b"date: " in first
    assert b"connection: close" not in first
    assert b"connection: close" in second


async def test_an_answer_to_head_has_a_length_and_no_body(serve: Serve) -> None:
    server = await serve(answering({"body": b"abc"}, headers=LENGTH_3))

    answer = await raw(server.port, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    assert b"content-length: 3" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "headers",
    [[(b"content-length", b"3"), (b"x-kind", b"a\r\nset-cookie: b")], [(b"content-length", b"4")]],
    ids=["a line break in a header", "a body that is too short"],
)
async def test_an_answer_that_is_no_http_is_not_sent(serve: Serve, headers: list[tuple[bytes, bytes]]) -> None:
    server = await serve(answering({"body": b"abc"}, headers=headers))

    answer = await raw(server.port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")

    assert b"set-cookie" not in answer
    assert not answer.endswith(b"abc") or b"content-length: 4" in answer


async def test_a_connection_that_rests_too_long_is_closed_without_a_word(serve: Serve) -> None:
    server = await serve(echo_length, bounds=Bounds(idle_time=0.2))

    answer = await raw(server.port, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n3")


async def test_garbage_is_400(serve: Serve) -> None:
    server = await serve(echo_length)

    assert (await raw(server.port, b"\x16\x03\x01 not HTTP\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_probes_tell_what_is_missing(serve: Serve) -> None:
    unmet = ["certificates are missing"]
    server = await serve(applications.create("test", unready=lambda: list(unmet)))

    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/livez")).status_code == 200
        before = await client.get("/readyz")
        unmet.clear()
        after = await client.get("/readyz")

    assert (before.status_code, after.status_code) == (503, 200)
    assert before.json()["unmet"] == ["certificates are missing"]
    assert before.headers["content-type"] == "application/problem+json"


async def test_before_its_start_a_service_says_so_instead_of_not_knowing_its_routes(serve: Serve) -> None:
    app, started = applications.create("test", unready=lambda: ["starting"]), False
    server = await serve(Starting(app, lambda: started, name="inventory"))

    async with httpx.AsyncClient(base_url=server.url) as client:
        probed, early = await client.get("/livez"), await client.get("/admin/inventory/devices")
        started = True
        late = await client.get("/admin/inventory/devices")

    assert (probed.status_code, early.status_code, late.status_code) == (200, 503, 404)
    assert early.json()["detail"] == "inventory is starting"


async def test_errors_are_problem_documents(serve: Serve) -> None:
    app = applications.create("test")

    @app.get("/refuse/{number}")
    async def refuse(number: int) -> None:
        raise Problem(409, "there is one already", code="TWICE")

    server = await serve(app)
    async with httpx.AsyncClient(base_url=server.url) as client:
        answers = [await client.get(path) for path in ("/refuse/1", "/refuse/x", "/nothing")]

    assert [answer.status_code for answer in answers] == [409, 422, 404]
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers)
    assert answers[0].json()["code"] == "TWICE"
    assert answers[1].json()["errors"][0]["place"] == "path/number"


async def test_a_route_or_method_that_is_not_there_is_named(serve: Serve) -> None:
    server = await serve(applications.create("test", unready=list))

    async with httpx.AsyncClient(base_url=server.url) as client:
        missing, wrong = await client.get("/nothing"), await client.post("/livez")

    assert missing.json()["detail"] == "GET /nothing: not found; GET /docs lists the routes of this port"
    assert wrong.json()["detail"] == "POST /livez: method not allowed; allowed is GET"
    assert wrong.headers["allow"] == "GET"


async def test_an_admin_route_refuses_parameters_it_does_not_have(serve: Serve) -> None:
    app = applications.create("test")
    ended: list[str] = []

    @app.delete("/admin/things")
    async def end(kind: str = "all") -> None:
        ended.append(kind)

    @app.get("/elsewhere")
    async def elsewhere() -> None: ...

    server = await serve(app)
    async with httpx.AsyncClient(base_url=server.url) as client:
        refused = await client.delete("/admin/things?id=7&kind=x")
        done = await client.delete("/admin/things?kind=x")
        free = await client.get("/elsewhere?apikey=1")

    assert (refused.status_code, done.status_code, free.status_code) == (422, 200, 200)
    assert refused.json()["errors"] == [{"place": "query/id", "detail": "is no parameter of this route"}]
    assert "known are kind" in refused.json()["detail"]
    assert ended == ["x"]


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ({}, "body"),
        ({"now": "2020"}, "body/now"),
        ({"now": 2020}, "body/now"),
        ({"now": "2020-01-01T00:00:00"}, "body/now"),
        ({"at": "2020-01-01T00:00:00Z"}, "body/at"),
        ({"now": "1969-12-31T23:59:59Z"}, "body/now"),
        ({"now": "3000-12-31T00:00:00Z"}, "body/now"),
        ({"frozen": None}, "body"),
    ],
)
async def test_the_clock_takes_only_what_says_when(serve: Serve, call: dict[str, object], place: str) -> None:
    app, clock = applications.create("test"), Clock(START)

    async def announce() -> None: ...

    app.include_router(clock_routes(clock, announce))
    server = await serve(app)

    async with httpx.AsyncClient(base_url=server.url) as client:
        refused = await client.put("/admin/clock", json=call)
        was = clock.now()
        moved = await client.put("/admin/clock", json={"now": "2021-01-01T00:00:00Z", "frozen": True})
        clock.set(datetime(2950, 1, 1, tzinfo=UTC))
        beyond = await client.post("/admin/clock/advance", json={"seconds": 60 * 366 * 86400})
        clock.set(datetime(2021, 1, 1, tzinfo=UTC))

    assert (refused.status_code, moved.status_code, beyond.status_code) == (422, 200, 422)
    assert refused.json()["errors"][0]["place"] == place
    assert beyond.json()["errors"][0]["place"] == "body/seconds"
    assert was == START
    assert clock.now() == datetime(2021, 1, 1, tzinfo=UTC)


async def test_the_docs_page_works_offline(serve: Serve) -> None:
    server = await serve(applications.create("test"))

    async with httpx.AsyncClient(base_url=server.url) as client:
        page = await client.get("/docs")
        document = await client.get("/openapi.json")

    assert "TEST ONLY" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert document.json()["info"]["title"] == "test"


async def test_upstream_still_has_what_the_protocol_relies_on() -> None:
    source = inspect.getsource(HttpToolsProtocol)

    assert '"state": self.app_state.copy()' in source
    assert list(inspect.signature(RequestResponseCycle.__init__).parameters) == CYCLE
    for name in ("on_message_begin", "on_headers_complete", "on_message_complete", "connection_made", "shutdown"):
        assert callable(getattr(HttpToolsProtocol, name))
