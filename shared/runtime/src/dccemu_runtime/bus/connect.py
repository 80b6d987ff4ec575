"""The bus that a setting names."""

from __future__ import annotations

from . import Bus
from .memory import MemoryBus


def connect(address: str, client: str, *, fetch_max_wait_ms: int = 500, partitions: int = 8) -> Bus:
    """``memory`` or ``HOST:PORT[,HOST:PORT]`` of a Kafka-protocol broker; ``client`` names the process to the broker."""
    if address == "memory":
        return MemoryBus(partitions=partitions)
    from .kafka import KafkaBus

    return KafkaBus(address, client, fetch_max_wait_ms=fetch_max_wait_ms, partitions=partitions)
