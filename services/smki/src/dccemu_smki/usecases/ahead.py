"""A stage of a pipeline that works one step ahead of the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

T = TypeVar("T")


async def ahead(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """What ``source`` gives, each next value made while the present one is used.

    At most one value waits. Closing it, or an error of the user, ends the source before it returns.
    """
    following = asyncio.create_task(_next(source))
    try:
        while found := await following:
            following = asyncio.create_task(_next(source))
            yield found[0]
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await source.aclose()


async def _next(source: AsyncGenerator[T, None]) -> tuple[T, ...]:
    async for value in source:
        return (value,)
    return ()
