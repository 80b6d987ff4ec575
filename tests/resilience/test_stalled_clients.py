"""Clients that stall are refused in time, and good Users do not notice them (I5, fault F12 in its short form)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from dccemu_sdk.session import Dcc, running
from dccemu_sdk.user import User

METER = "00-DB-12-34-56-78-90-A0"
HEADERS_WITHIN, BODY_WITHIN = 10.0, 30.0
SLACK = 5.0
"""Seconds that a busy machine may add to a time-out."""
STALLED = 100
HEAD = b"POST /api/v1/serviceS HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/xml\r\n"
REQUEST = (
    '<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" '
    'schemaVersion="5.4"><sr:Header><sr:RequestID>{}:{}:1</sr:RequestID><sr:CommandVariant>1</sr:CommandVariant>'
    "<sr:ServiceReference>4.1</sr:ServiceReference><sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant>"
    "</sr:Header><sr:Body><sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"
)


@pytest.fixture(scope="module")
def dcc() -> Iterator[Dcc]:
    """A suite of the one-process topology."""
    with running() as suite:
        yield suite


async def _stall(dcc: Dcc, at_once: bytes) -> tuple[float, bytes]:
    """Send the beginning, then an octet a second, until the gateway has had enough; seconds and its answer."""
    address = urlsplit(dcc.state.duis)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    began = time.monotonic()

    async def drip() -> None:
        writer.write(at_once)
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(1)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(120):
            answer = await reader.read()
    except ConnectionError:
        answer = b""
    finally:
        took = time.monotonic() - began
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        writer.close()
    return took, answer


async def _beside(dcc: Dcc, user: User, at_once: bytes, enough: float) -> tuple[list[tuple[float, bytes]], list[float]]:
    """Many that stall, and a good User meanwhile: what the first were told, and how long each good request took."""
    stalled = [asyncio.create_task(_stall(dcc, at_once)) for _ in range(STALLED)]
    waits: list[float] = []
    until = time.monotonic() + enough
    document = REQUEST.format(user.identity.eui, METER).encode()
    while time.monotonic() < until:
        began = time.monotonic()
        outcome = await asyncio.to_thread(user.send, document)
        assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
        waits.append(time.monotonic() - began)
    return await asyncio.gather(*stalled), waits


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("at_once", "within"),
    [
        pytest.param(HEAD + b"X-Slow: ", HEADERS_WITHIN, id="in the headers"),
        pytest.param(HEAD + b"Content-Length: 400\r\n\r\n", BODY_WITHIN, id="in the body", marks=pytest.mark.nightly),
    ],
)
def test_stalling_clients_are_refused_and_good_users_are_served(dcc: Dcc, at_once: bytes, within: float) -> None:
    user = dcc.user()

    stalled, waits = asyncio.run(_beside(dcc, user, at_once, enough=within))

    assert len(stalled) == STALLED
    for took, answer in stalled:
        assert took <= within + SLACK
        assert answer.startswith(b"HTTP/1.1 408"), answer
    assert len(waits) >= 5
    assert sorted(waits)[len(waits) // 2] < 2.0


@pytest.mark.timeout(120)
def test_a_body_over_the_limit_is_refused_at_once(dcc: Dcc) -> None:
    async def announce() -> tuple[float, bytes]:
        address = urlsplit(dcc.state.duis)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        began = time.monotonic()
        writer.write(HEAD + b"Content-Length: 1000000000\r\n\r\n<a")
        async with asyncio.timeout(60):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return time.monotonic() - began, answer

    took, answer = asyncio.run(announce())

    assert answer.startswith(b"HTTP/1.1 413")
    assert took < SLACK


@pytest.mark.timeout(120)
def test_an_endless_body_is_cut_off(dcc: Dcc) -> None:
    async def pour() -> bytes:
        address = urlsplit(dcc.state.duis)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % (1 << 20) + b"a" * (1 << 20) + b"\r\n"
        answering = asyncio.create_task(reader.read(65536))
        try:
            async with asyncio.timeout(60):
                while not answering.done():
                    writer.write(chunk)
                    await writer.drain()
        except ConnectionError:
            pass
        try:
            return await answering
        except ConnectionError:
            return b""
        finally:
            writer.close()

    answer = asyncio.run(pour())

    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
