"""The JSON-able tree that reading a message gives, and the leaves that every protocol shares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

from . import times
from .errors import GbcsError
from .names import alert_codes

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def coded(code: int, texts: Mapping[int, str]) -> Json:
    """A number and what it means."""
    return {"code": code, "text": texts.get(code)}


def alert_code(code: int) -> Json:
    """An alert code with its name; the range alone says whether an unlisted one is critical."""
    entry = alert_codes().get(code)
    return {
        "code": f"{code:04X}",
        "name": entry.name if entry else None,
        "critical": entry.critical if entry else code >> 8 == 0x8F,
    }


def instant(at: datetime) -> str:
    """ISO 8601 in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def seconds(value: int) -> Json:
    """Seconds since 2000, with the values that are no time (gbcs.md section 7)."""
    if value == 0:
        text = "now"
    elif value >= times.SECONDS_NEVER - 1:
        text = "never"
    else:
        text = instant(times.from_seconds(value))
    return {"value": value, "time": text}


@lru_cache(maxsize=4096)
def cosem_date_time(octets: bytes) -> str | None:
    """Twelve octets as text, ``None`` when they are no date-time."""
    if octets == times.NOW:
        return "now"
    if octets == times.NEVER:
        return "never"
    try:
        return str(times.decode_date_time(octets))
    except GbcsError:
        return None


def printable(octets: bytes) -> str | None:
    """The text octets hold, when every one of them is a printable ASCII character."""
    return octets.decode("ascii") if octets and all(0x20 <= octet < 0x7F for octet in octets) else None


@lru_cache(maxsize=4096)
def cosem_date_or_time(octets: bytes) -> str | None:
    """Five octets as a date or four as a time of day, ``None`` when they are neither."""
    try:
        return str(times.decode_date(octets) if len(octets) == 5 else times.decode_time(octets))
    except GbcsError:
        return None
