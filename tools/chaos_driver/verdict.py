"""What a run showed: counts, broken promises, and the lines that are printed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """What the run showed. Everything in ``wrong`` breaks a promise; an empty ``wrong`` passes."""

    requests: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    applied: int = 0
    delivered: int = 0
    answers: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    repeats: int = 0
    timed_out: int = 0
    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        shown = [
            f"requests {self.requests}  acknowledged {self.acknowledged}  refused {self.refused}"
            f"  unknown {self.unknown}",
            f"applied {self.applied}  delivered {self.delivered} ({self.answers} different, {self.repeats} repeats)",
            f"lost {len(self.lost)}  duplicated {len(self.duplicated)}  changed {len(self.changed)}"
            f"  out-of-order {len(self.out_of_order)}  invented {len(self.invented)}  timed out {self.timed_out}",
            *self.lines,
        ]
        return "\n".join([*shown, *(f"WRONG: {line}" for line in self.wrong), "passed" if self.passed else "FAILED"])
