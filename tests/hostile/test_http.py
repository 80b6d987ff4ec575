"""Hostile HTTP (reliability corpus, group 8): a clear 4xx or a closed connection, never a 5xx, never a hang."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from dccemu_sdk.session import Dcc

SERVICE = "/api/v1/serviceS"
HEAD = "POST /api/v1/serviceS HTTP/1.1\r\nHost: dcc\r\n"
XML = "Content-Type: application/xml\r\n"
SECONDS = 20.0
CLOSED = 0


@pytest.fixture(scope="module")
def client(dcc: Dcc) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=dcc.state.duis, trust_env=False, timeout=SECONDS) as opened:
        yield opened


@pytest.fixture
def raw(dcc: Dcc) -> Callable[..., int]:
    """Send octets and give the status of the reply, ``CLOSED`` when the connection was closed without one."""
    address = urlsplit(dcc.state.duis)

    def send(*parts: bytes) -> int:
        assert address.hostname is not None
        with socket.create_connection((address.hostname, address.port or 80), timeout=SECONDS) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                reply = connection.recv(4096)
            except (ConnectionResetError, BrokenPipeError):
                return CLOSED
        return int(reply.split(b" ", 2)[1]) if reply.startswith(b"HTTP/1.1 ") else CLOSED

    return send


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", SERVICE, {}, b"", 405),
        ("PUT", SERVICE, {"Content-Type": "application/xml"}, b"<a/>", 405),
        ("DELETE", SERVICE, {}, b"", 405),
        ("POST", "/api/v1/serviceX", {"Content-Type": "application/xml"}, b"<a/>", 404),
        ("POST", "/api/v1/../v1/serviceS%00", {"Content-Type": "application/xml"}, b"<a/>", 404),
        ("POST", SERVICE, {"Content-Type": "application/json"}, b"{}", 415),
        ("POST", SERVICE, {"Content-Type": "text/plain"}, b"<a/>", 415),
        ("POST", SERVICE, {}, b"<a/>", 415),
        ("POST", SERVICE, {"Content-Type": "application/xml"}, b"", 400),
        ("POST", SERVICE, {"Content-Type": "application/xml; charset=utf-8"}, b"<a/>", 400),
        (
            "POST",
            SERVICE,
            {"Content-Type": "application/xml", "Content-Encoding": "gzip"},
            gzip.compress(b"\0" * 10_000_000),
            415,
        ),
    ],
)
def test_what_is_not_a_post_of_xml_has_its_status(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert client.request(method, path, content=body, headers=headers).status_code == status


def test_too_large_a_body_is_refused_by_its_announced_length(raw: Callable[..., int]) -> None:
    head = HEAD + XML + f"Content-Length: {10**9}\r\n\r\n"

    assert raw(head.encode()) in {413, CLOSED}


def test_an_endless_chunked_body_is_cut_off(raw: Callable[..., int]) -> None:
    head = (HEAD + XML + "Transfer-Encoding: chunked\r\n\r\n").encode()
    chunk = b"%x\r\n" % (1 << 20) + b"a" * (1 << 20) + b"\r\n"

    assert raw(head, *[chunk] * 64) in {413, CLOSED}


@pytest.mark.parametrize(
    "message",
    [
        HEAD + XML + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n<a/>",
        HEAD + XML + "Content-Length: -1\r\n\r\n<a/>",
        HEAD + XML + "Content-Length: four\r\n\r\n<a/>",
        HEAD + XML + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "NONSENSE\r\n\r\n",
        "POST  HTTP/1.1\r\n\r\n",
        "\x00\x01\x02\x03\r\n\r\n",
        HEAD + "".join(f"X-{n}: {n}\r\n" for n in range(10_000)) + "\r\n",
        HEAD + f"X: {'x' * 200_000}\r\n\r\n",
    ],
    ids=[
        "two lengths",
        "negative",
        "not a number",
        "bad chunk",
        "nonsense",
        "no path",
        "octets",
        "10^4 headers",
        "long header",
    ],
)
def test_malformed_http_is_refused(raw: Callable[..., int], message: str) -> None:
    status = raw(message.encode("latin-1"))

    assert status == CLOSED or 400 <= status < 500


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(HEAD, id="in the headers"),
        pytest.param(HEAD + XML + "Content-Length: 100\r\n\r\n<a", id="in the body", marks=pytest.mark.nightly),
    ],
)
def test_a_client_that_stalls_is_not_waited_for_for_ever(dcc: Dcc, start: str) -> None:
    address = urlsplit(dcc.state.duis)
    assert address.hostname is not None
    began = time.monotonic()
    with socket.create_connection((address.hostname, address.port or 80), timeout=45.0) as connection:
        connection.sendall(start.encode())
        reply = connection.recv(4096)

    assert time.monotonic() - began < 40
    assert reply == b"" or reply.split(b" ", 2)[1] in {b"400", b"408"}


def test_the_gateway_still_answers(client: httpx.Client) -> None:
    assert client.post(SERVICE, content=b"<a/>", headers={"Content-Type": "application/xml"}).status_code == 400
