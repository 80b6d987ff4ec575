"""What a listener lets its clients take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a listener; times in seconds."""

    header_time: float = 10.0
    body_time: float = 30.0
    idle_time: float = 75.0
    handshake_time: float = 10.0
    header_bytes: int = 64 * 1024
    headers: int = 200
    connections: int = 2000
    connections_per_certificate: int = 1000
    grace: float = 3.0
