"""Coroutines that mostly need not wait: their first step is made here and now, a task only where they do wait."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from types import coroutine
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


@contextmanager
def outside_of_a_task() -> Iterator[None]:
    """Steps made in this block are of no task.

    What is made for a task, as a time-out is, fails at once instead of taking this one for that of the coroutine.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        yield
        return
    _leave_task(loop, task)
    try:
        yield
    finally:
        _enter_task(loop, task)


def first_step(started: Coroutine[Any, Any, _T]) -> Awaitable[_T] | None:
    """Let a coroutine that was just made go as far as it gets: None when it is through, else what is left of it.

    What it raises is raised; what it returned is lost.
    """
    try:
        waits_for = started.send(None)
    except StopIteration:
        return None
    return cast("Awaitable[_T]", _going_on(started, waits_for))


@coroutine
def _going_on(started: Coroutine[Any, Any, _T], waits_for: Any) -> Generator[Any, Any, _T]:
    """The rest of a coroutine that waits for something."""
    while True:
        try:
            given = yield waits_for
        except BaseException as error:  # noqa: BLE001 - whatever ends the waiting is the coroutine's
            step = partial(started.throw, error)
        else:
            step = partial(started.send, given)
        try:
            waits_for = step()
        except StopIteration as through:
            return cast("_T", through.value)
