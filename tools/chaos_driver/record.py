"""What the verifiable User wrote down: every request with every reply to it, every delivery with its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    """How a request ended at the front door."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Asked:
    """One request that a Device must answer: identified by its RequestID.

    ``sent`` counts transmissions, ``codes`` holds the response code of each reply in order. ``at`` is when the first
    transmission began and ``acknowledged_at`` when it was known to be accepted, by the monotonic clock.
    """

    request_id: str
    device: str
    counter: int
    critical: bool
    at: float
    sent: int = 0
    codes: list[str] = field(default_factory=list)
    fate: Fate = Fate.UNKNOWN
    acknowledged_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """One POST to the User's Receive Response Service."""

    at: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """A Command that a Device carried out, from its own journal, in its order."""

    device: str
    originator: str
    counter: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Landed:
    """A fault that happened: what, when, how many requests were under way, and when the part was back.

    ``rate`` is that of final answers before, a second; ``recovery`` the seconds until it was nearly that again.
    """

    what: str
    at: float
    under_way: int
    back_at: float
    rate: float = 0.0
    recovery: float | None = None


@dataclass(slots=True)
class Record:
    """Everything of one run. ``left`` counts rows that still wait in a table of a service after it settled;
    ``remembered`` is the last counter of a critical Command from this User in each Device's own memory.
    """

    asked: dict[str, Asked] = field(default_factory=dict)
    delivered: list[Delivered] = field(default_factory=list)
    faults: list[Landed] = field(default_factory=list)
    acknowledged: int = 0
    unavailable: int = 0
    broken: int = 0
    abandoned: int = 0
    repeats_sent: int = 0
    anomalies: list[str] = field(default_factory=list)
    longest_reply: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    answered: set[str] = field(default_factory=set)
    answer_times: list[float] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    remembered: dict[str, int] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        """Requests begun or acknowledged that have no final answer yet."""
        return sum(1 for one in self.asked.values() if one.fate is not Fate.REFUSED) - len(self.answered)
