"""Threshold anomaly detection of the CoS Party's own (cos-party.md section 3, check 8)."""

from __future__ import annotations

from dataclasses import dataclass

from dccemu_protocol.errors import ProtocolError

QUARANTINE_USER = "QUARANTINE_USER_THRESHOLD"
QUARANTINE_DCC = "QUARANTINE_DCC_THRESHOLD"
QUARANTINES = frozenset({QUARANTINE_USER, QUARANTINE_DCC})


@dataclass(frozen=True, slots=True)
class Counts:
    """6.23 already taken in the windows, without the one under examination."""

    of_user: int = 0
    of_all: int = 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Most 6.23 that may be taken in a window; above ``warning`` of a User there is a notice."""

    of_user: int
    of_all: int
    warning: int | None = None


def check_thresholds(user: str, counts: Counts, thresholds: Thresholds) -> None:
    """One more request must stay within both thresholds.

    Raises
    ------
    ProtocolError
        ``QUARANTINE_USER_THRESHOLD`` or ``QUARANTINE_DCC_THRESHOLD``: not refused, quarantined.
    """
    if counts.of_user + 1 > thresholds.of_user:
        detail = f"{user} sent {counts.of_user + 1} requests, its threshold is {thresholds.of_user}"
        raise ProtocolError(QUARANTINE_USER, detail, source="cos-party.md 3 B 8")
    if counts.of_all + 1 > thresholds.of_all:
        detail = f"{counts.of_all + 1} requests of all Users, the CoS Party's threshold is {thresholds.of_all}"
        raise ProtocolError(QUARANTINE_DCC, detail, source="cos-party.md 3 B 8")
