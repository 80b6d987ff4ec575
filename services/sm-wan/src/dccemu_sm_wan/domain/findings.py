"""What a Device found out about a Command, check by check."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """How a Command ended at the Device."""

    ANSWERED = "answered"
    DISCARDED = "discarded"
    UNSUPPORTED = "unsupported"


class Finding(NamedTuple):
    """One check: its rule, whether it passed, what was expected and found, and the clause."""

    rule: str
    passed: bool
    expected: str = ""
    got: str = ""
    source: str = "gbcs.md section 12"


class Refused(Exception):
    """A check failed: the Command goes no further."""

    def __init__(self, finding: Finding, *, alert: int | None = None) -> None:
        super().__init__(f"{finding.rule}: expected {finding.expected}, got {finding.got}")
        self.finding = finding
        self.alert = alert
