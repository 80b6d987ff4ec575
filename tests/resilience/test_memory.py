"""Memory is bounded whatever is sent (I5, fault F13): past the bound the answer is a clear refusal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack

METER = "00-DB-12-34-56-78-90-A0"
REQUEST = (
    '<?xml version="1.0" encoding="UTF-8"?><sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" '
    'schemaVersion="5.4"><sr:Header><sr:RequestID>{}:{}:1</sr:RequestID><sr:CommandVariant>1</sr:CommandVariant>'
    "<sr:ServiceReference>4.1</sr:ServiceReference><sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant>"
    "</sr:Header><sr:Body><sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"
)
SIZE = 1 << 20
MANY = 1000
GROWTH_MIB = 512


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A suite of the one-process topology."""
    made = Stack(timeout=120)
    try:
        yield made
    finally:
        made.close()


def _resident(pid: int) -> float:
    """Resident memory in MiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def _pour(url: str) -> str:
    """Send a body of a mebibyte; the status of the answer."""
    address = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(
                b"POST /api/v1/serviceS HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/xml\r\n"
                b"Content-Length: %d\r\n\r\n" % SIZE + b"<a>" + b"x" * (SIZE - 3)
            )
            await writer.drain()
            return (await reader.readline()).split(b" ")[1].decode()
        finally:
            writer.close()
    except (ConnectionError, IndexError):
        return "reset"


@pytest.mark.nightly
@pytest.mark.timeout(240)
def test_a_thousand_bodies_of_a_mebibyte_at_once_do_not_fill_the_memory(stack: Stack) -> None:
    with Dcc(stack.start()) as dcc:
        pid, user = dcc.state.pid, dcc.user()
        before = highest = _resident(pid)

        async def flood() -> Counter[str]:
            nonlocal highest
            pouring = [asyncio.create_task(_pour(dcc.state.duis)) for _ in range(MANY)]
            while any(not task.done() for task in pouring):
                await asyncio.wait(pouring, timeout=0.1)
                highest = max(highest, _resident(pid))
            return Counter(task.result() for task in pouring)

        answers = asyncio.run(flood())

        # 400: no Request; 408: it did not arrive in time; a client that was refused while it sent may miss the answer.
        assert set(answers) <= {"400", "408", "413", "503", "reset"}, answers
        assert highest - before <= GROWTH_MIB, f"{before:.0f} to {highest:.0f} MiB, {answers}"
        outcome = user.send(REQUEST.format(user.identity.eui, METER).encode())
        assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
