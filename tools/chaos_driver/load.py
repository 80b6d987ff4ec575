"""How much load: so many requests a second, or as many as are answered, never more unanswered than a bound."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What the User asks of the system.

    Attributes
    ----------
    rate
        Requests a second over all lanes, at most; None: as fast as the answers come.
    in_flight
        Requests without a final answer, at most: with it a closed loop does what the machine can, and no more.
    """

    rate: float | None = None
    in_flight: int = 64


class Gate:
    """Lets a lane begin its next request when its turn has come and fewer than ``in_flight`` are unanswered."""

    def __init__(self, load: Load, lanes: int) -> None:
        self.load = load
        self._lanes = lanes
        self._open: set[str] = set()
        self._room = asyncio.Event()

    def interval(self) -> float:
        """Seconds between two requests of one lane; the rate may change while the load runs."""
        return 0.0 if self.load.rate is None else self._lanes / self.load.rate

    def begin(self, request_id: str) -> None:
        """A request is on its way."""
        self._open.add(request_id)

    def end(self, request_id: str) -> None:
        """It was answered, refused or given up."""
        self._open.discard(request_id)
        self._room.set()

    async def room(self, deadline: float) -> bool:
        """Wait until another request may begin; False when ``deadline`` came first."""
        while len(self._open) >= self.load.in_flight:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._room.clear()
            try:
                async with asyncio.timeout(left):
                    await self._room.wait()
            except TimeoutError:
                return False
        return True
