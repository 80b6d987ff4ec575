"""Faults in force: what an operator wants to go wrong, matched by point and attributes.

A *point* is a named place in the code (``delivery``, ``device``, ``wan``). Code at a point asks ``faults.at(point,
device=..., user=...)`` and does what the answer says; attributes that a fault does not name match anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dccemu_contracts.controls import FaultControl

from .entropy import Entropy

Effect = Literal["drop", "delay", "duplicate", "corrupt", "refuse", "silent", "error"]


class Fault(BaseModel):
    """One fault.

    ``match`` names attributes that must be equal; ``chance`` is the share of matches that it hits; ``times`` how many
    hits it has left (absent: no end). ``effect`` and its ``parameters`` are for the point to carry out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=64)
    point: str = Field(min_length=1, max_length=64)
    effect: Effect
    match: dict[str, str] = Field(default_factory=dict)
    chance: float = Field(default=1.0, ge=0.0, le=1.0)
    times: int | None = Field(default=None, ge=1)
    until: datetime | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class Faults:
    """The list of faults of this process."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._faults: dict[str, Fault] = {}
        self._left: dict[str, int] = {}
        self._callbacks: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def all(self) -> list[Fault]:
        return list(self._faults.values())

    def put(self, fault: Fault) -> None:
        """Add a fault, or replace the one with its id."""
        self._faults[fault.id] = fault
        self._left.pop(fault.id, None)
        if fault.times is not None:
            self._left[fault.id] = fault.times
        self._changed()

    def remove(self, fault_id: str) -> bool:
        """End a fault; False when there is none with this id."""
        found = self._faults.pop(fault_id, None)
        self._left.pop(fault_id, None)
        if found is not None:
            self._changed()
        return found is not None

    def clear(self) -> None:
        self._faults.clear()
        self._left.clear()
        self._changed()

    def at(self, point: str, now: datetime | None = None, **attributes: str) -> Fault | None:
        """The first fault that hits here and now; counts the hit."""
        if not self._faults:
            return None
        for fault in list(self._faults.values()):
            if fault.point != point or any(attributes.get(name) != value for name, value in fault.match.items()):
                continue
            if fault.until is not None and now is not None and now >= fault.until:
                continue
            if fault.chance < 1.0 and self._entropy.number(1_000_000) >= fault.chance * 1_000_000:
                continue
            if fault.times is not None:
                self._left[fault.id] -= 1
                if self._left[fault.id] == 0:
                    self._faults.pop(fault.id)
                    self._left.pop(fault.id)
            return fault
        return None

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after an operator's change."""
        self._callbacks.append(callback)

    def control(self, message_id: str, at: datetime) -> FaultControl:
        """The list as a message for the other processes."""
        return FaultControl(
            id=message_id, at=at, faults=tuple(fault.model_dump(mode="json") for fault in self._faults.values())
        )

    def apply(self, control: FaultControl) -> None:
        """Take the list that another process announced."""
        faults = [Fault.model_validate(fault) for fault in control.faults]
        if {fault.id: fault for fault in faults} == self._faults:
            return
        self._faults = {fault.id: fault for fault in faults}
        self._left = {fault.id: fault.times for fault in faults if fault.times is not None}
        self._changed()

    def _changed(self) -> None:
        for callback in list(self._callbacks):
            callback()
