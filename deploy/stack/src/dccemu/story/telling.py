"""How a story is told while it is played: lines for a person, or one JSON object a step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .paths import Json

Echo = Callable[[str], None]
_SHOWN = 64
"""Longer texts (certificates, payloads) are cut for people."""


@dataclass(slots=True)
class Told:
    """What a step did: lines for a person, the same whole for a machine, and why it failed if it did."""

    lines: list[str] = field(default_factory=list)
    whole: dict[str, Json] = field(default_factory=dict)
    failure: str | None = None

    def fail(self, reason: str) -> Told:
        """Say that the step did not come out as it should."""
        self.failure = reason
        return self


@dataclass(frozen=True, slots=True)
class Summary:
    """How long the story took, and each chapter of it."""

    steps: int
    seconds: float
    chapters: Mapping[str, float]


class Teller(Protocol):
    """Hears of every step."""

    def begin(self, number: int, chapter: str, say: str) -> None: ...

    def end(self, number: int, told: Told, seconds: float) -> None: ...

    def close(self, summary: Summary) -> None: ...


class Prose:
    """For a person."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._chapter = ""

    def begin(self, number: int, chapter: str, say: str) -> None:
        if chapter != self._chapter:
            self._chapter = chapter
            self._echo(f"\n{chapter}\n")
        if say:
            self._echo(f"{number:3d}  {say}")

    def end(self, number: int, told: Told, seconds: float) -> None:
        for line in told.lines:
            self._echo(f"     {line}")

    def close(self, summary: Summary) -> None:
        self._echo("")
        for chapter, seconds in summary.chapters.items():
            self._echo(f"{seconds:6.2f} s  {chapter or 'without a chapter'}")
        self._echo(f"{summary.seconds:6.2f} s  in all, {summary.steps} steps")


class Lines:
    """For a machine: one JSON object a step, and one for the whole."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._heading: dict[str, Json] = {}

    def begin(self, number: int, chapter: str, say: str) -> None:
        self._heading = {"step": number, "chapter": chapter, "say": say}

    def end(self, number: int, told: Told, seconds: float) -> None:
        outcome: dict[str, Json] = {"seconds": round(seconds, 4), "failure": told.failure}
        self._echo(json.dumps({**self._heading, **told.whole, **outcome}, ensure_ascii=False, default=str))

    def close(self, summary: Summary) -> None:
        chapters = {name: round(seconds, 4) for name, seconds in summary.chapters.items()}
        self._echo(json.dumps({"steps": summary.steps, "seconds": round(summary.seconds, 4), "chapters": chapters}))


class Silent:
    """For tests that only want to know how it ends."""

    def begin(self, number: int, chapter: str, say: str) -> None:
        """Keep silent."""

    def end(self, number: int, told: Told, seconds: float) -> None:
        """Keep silent."""

    def close(self, summary: Summary) -> None:
        """Keep silent."""


def short(value: Json) -> str:
    """JSON on one line, with long texts cut."""
    return json.dumps(_cut(value), ensure_ascii=False)


def _cut(value: Json) -> Json:
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else f"{value[:16]}... ({len(value)} characters)"
    if isinstance(value, list):
        return [_cut(one) for one in value]
    if isinstance(value, dict):
        return {name: _cut(one) for name, one in value.items()}
    return value


def answer_line(answer: Mapping[str, Json]) -> str:
    """One answer of the gateway: code, kind, and the Device's part of it where there is one."""
    refused = str(answer["code"]).startswith("E")
    line = f"< {answer['code']!s:<8}{'refused' if refused else answer['kind']}"
    gbcs = answer.get("gbcs")
    if isinstance(gbcs, dict):
        checked = [f"{name} {gbcs[name]}" for name in ("mac", "signature") if gbcs[name] in ("valid", "invalid")]
        return f"{line}: {', '.join([str(gbcs['title']), *checked])}"
    if answer.get("content"):
        text = short(answer["content"])
        return f"{line}: {text if len(text) <= 3 * _SHOWN else text[: 3 * _SHOWN] + '...'}"
    return line


def refusal_line(checks: Sequence[Mapping[str, Json]]) -> str | None:
    """Why a request was refused, in the words of the journal."""
    for check in checks:
        if not check.get("passed"):
            clause = f" ({check['source']})" if check.get("source") else ""
            expected = f"expected {check['expected']}, " if check.get("expected") else ""
            return f"{check.get('rule')}: {expected}got {check.get('got')}{clause}"
    return None
