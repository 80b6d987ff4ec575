"""Controls of the emulator that must reach every process: clock, faults, reset; and requests to replay facts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from .envelope import Contract
from .topics import RUNTIME_CONTROLS, SNAPSHOT_REQUESTS, Topic


class ClockControl(Contract):
    """Set every process's Clock: frozen at ``instant``, or running with ``offset_seconds`` added to real time."""

    topic: ClassVar[Topic] = RUNTIME_CONTROLS

    kind: Literal["clock"] = "clock"
    frozen: bool
    instant: datetime | None = None
    offset_seconds: float = 0.0

    @property
    def key(self) -> str:
        return self.kind


class FaultControl(Contract):
    """The whole list of faults in force (replaces the former list)."""

    topic: ClassVar[Topic] = RUNTIME_CONTROLS

    kind: Literal["faults"] = "faults"
    faults: tuple[dict[str, Any], ...] = ()

    @property
    def key(self) -> str:
        return self.kind


class SnapshotRequest(Contract):
    """A service with an empty projection asks the owner of ``wanted`` to publish all its facts again."""

    topic: ClassVar[Topic] = SNAPSHOT_REQUESTS

    wanted: str
    requester: str

    @property
    def key(self) -> str:
        return self.wanted
