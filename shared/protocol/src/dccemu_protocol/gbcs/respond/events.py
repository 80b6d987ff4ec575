"""Logs of events: what a Device notes with its time and code (gbcs.md section 6.4).

They are written far more often than read, so a log is kept as one text: entries ``seconds/code/octets``, the octets in
hexadecimal, the oldest first, parted by blanks. A log may also be a list of such entries: so a new Device has it.
"""

from __future__ import annotations

from datetime import datetime

from .. import times
from .state import Draft, Value

LOG_DEPTH = 100


def noted(state: Draft, log: str) -> list[Value]:
    """The entries of a log: seconds since 2000, code, further octets in hexadecimal; the oldest first."""
    kept = state.get(f"log/{log}")
    return [_entry(text) for text in kept.split()] if isinstance(kept, str) else state.entries(f"log/{log}")


def note(state: Draft, log: str, at: datetime, code: int, extra: str = "") -> None:
    """Write an entry (seconds, code, further octets in hexadecimal) into a log, the oldest dropped beyond its depth."""
    name = f"log/{log}"
    kept = state.get(name)
    text = kept if isinstance(kept, str) else _text(state.entries(name)[-LOG_DEPTH:])
    if text.count(" ") >= LOG_DEPTH - 1:
        text = text.partition(" ")[2]
    entry = f"{times.seconds_since_2000(at)}/{code}/{extra}"
    state.put(name, f"{text} {entry}" if text else entry)


def _entry(text: str) -> list[Value]:
    seconds, code, *extra = text.split("/")
    return [int(seconds), int(code), *extra]


def _text(entries: list[Value]) -> str:
    return " ".join(["/".join(map(str, entry)) for entry in entries if isinstance(entry, list)])
