"""Clients of aiokafka that leave nothing open, wherever they are cut off.

Left to themselves they do: a ``start`` that is cancelled while it asks for the first time drops that connection, and
a ``stop`` that waits for its group in vain never comes to its connections. Either is found much later, by the
collector of garbage, and blamed on whoever runs then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

#: Seconds that a broker gets to hear that a client leaves.
FAREWELL = 2.0


class Part(Protocol):
    """A client: it warns when it is dropped without ``stop``, also when its ``start`` failed."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


_Whole = TypeVar("_Whole")


def whole(part: _Whole, client: Any) -> _Whole:
    """Let the first connection of ``client``, the inner one of ``part``, be made to its end; gives ``part`` back.

    Nobody waits longer than for the time-outs of its requests.
    """
    bootstrap: Callable[[], Awaitable[None]] = client.bootstrap

    async def to_its_end() -> None:
        making = asyncio.ensure_future(bootstrap())
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait({making})
            if not making.cancelled():
                making.exception()
            raise

    client.bootstrap = to_its_end
    return part


async def start_or_stop(part: Part) -> None:
    """Start a client; when that fails or is cancelled, let go of what it holds."""
    try:
        await part.start()
    except BaseException:
        await stop_quietly(part)
        raise


async def stop_quietly(part: Part) -> None:
    """Stop a client, whatever state the broker is in."""
    # Tasks of a client that was started this moment have not begun, and one that is cancelled before it began
    # cancels who waits for it: aiokafka's ``stop`` would end here, with its connections open, and its caller too.
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(part.stop())
    try:
        await _in_time(stopping)
    finally:
        if isinstance(part, AIOKafkaConsumer) and (stopping.cancelled() or stopping.exception() is not None):
            await _let_go(part)
    with suppress(KafkaError, OSError, asyncio.CancelledError):
        stopping.result()


async def _in_time(ending: asyncio.Future[None]) -> None:
    """Wait for the end of a task as long as is right, then make it end; how it ended it tells itself."""
    try:
        await asyncio.wait({ending}, timeout=FAREWELL)
    finally:
        while not ending.done():
            ending.cancel()
            await asyncio.sleep(0)


async def _let_go(consumer: Any) -> None:
    """End the tasks of a consumer, then its connections: a task that lives on would open another one."""
    inner = (consumer._coordinator, consumer._fetcher, consumer._client)
    names = ("_stop_heartbeat_task", "_stop_commit_offsets_refresh_task"), ("close",), ("close",)
    for owner, ends in zip(inner, names, strict=True):
        for end in (getattr(owner, name, None) for name in ends):
            if end is not None:
                ending = asyncio.ensure_future(end())
                await _in_time(ending)
                if not ending.cancelled():
                    ending.exception()
