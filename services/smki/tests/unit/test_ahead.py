"""A stage that works ahead gives the same values in order, one ahead at most, and ends when its user ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from dccemu_smki.usecases.ahead import ahead

pytestmark = pytest.mark.asyncio


class Source:
    """Counts, and knows how far it came and whether it was ended."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.reached = 0
        self.is_over = False

    async def values(self) -> AsyncGenerator[int, None]:
        try:
            while self.reached < self.end:
                self.reached += 1
                yield self.reached
        finally:
            self.is_over = True


async def turns(count: int) -> None:
    """Let every other task run some steps."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_every_value_comes_in_order() -> None:
    found = [value async for value in ahead(ahead(Source(5).values()))]

    assert found == [1, 2, 3, 4, 5]


async def test_the_next_value_is_made_while_one_is_used_and_no_more() -> None:
    source = Source(9)
    async with aclosing(ahead(source.values())) as values:
        first = await anext(values)
        await turns(20)

        assert (first, source.reached) == (1, 2)


async def test_a_user_that_stops_ends_the_source() -> None:
    source = Source(9)
    async with aclosing(ahead(ahead(source.values()))) as values:
        await anext(values)

    assert source.is_over


async def test_a_source_that_waits_is_ended_too() -> None:
    ended = asyncio.Event()

    async def stuck() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.Event().wait()
            yield 2
        finally:
            ended.set()

    async with aclosing(ahead(stuck())) as values:
        await anext(values)
        await turns(5)

    assert ended.is_set()


async def test_an_error_of_the_source_is_the_users() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("two")

    async with aclosing(ahead(ahead(failing()))) as values:
        first = await anext(values)
        with pytest.raises(ValueError, match="two"):
            await anext(values)

    assert first == 1
