"""Units that one caller commits by one call: one future for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


class Together:
    """What became of some units; ``done`` has it when all are through: None for each that is durable, or the error."""

    __slots__ = ("_left", "_outcomes", "done")

    def __init__(self, count: int) -> None:
        self.done: asyncio.Future[Sequence[BaseException | None]] = asyncio.get_running_loop().create_future()
        self._outcomes: list[BaseException | None] = [None] * count
        self._left = count

    def is_through(self, place: int, outcome: BaseException | None) -> None:
        """One of the units is."""
        self._outcomes[place] = outcome
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(self._outcomes)


class Share:
    """Stands for the future of one of the units: the writer ends each of them once."""

    __slots__ = ("_is_through", "_place", "_together")

    def __init__(self, together: Together, place: int) -> None:
        self._together = together
        self._place = place
        self._is_through = False

    def done(self) -> bool:
        return self._is_through

    def set_result(self, _result: None) -> None:
        self._end(None)

    def set_exception(self, error: BaseException) -> None:
        self._end(error)

    def _end(self, outcome: BaseException | None) -> None:
        self._is_through = True
        self._together.is_through(self._place, outcome)
