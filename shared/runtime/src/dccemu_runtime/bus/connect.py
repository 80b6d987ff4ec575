"""The bus that a setting names."""

from __future__ import annotations

from . import PARTITIONS, Bus
from .kafka import KafkaBus
from .memory import MemoryBus


def connect(
    address: str, client: str, *, fetch_max_wait_ms: int = 500, partitions: int = PARTITIONS, share: str = "group"
) -> Bus:
    """``memory`` or ``HOST:PORT`` of a Kafka-protocol broker; ``client`` names the process to the broker."""
    if address == "memory":
        return MemoryBus(partitions=partitions)
    return KafkaBus(address, client, fetch_max_wait_ms=fetch_max_wait_ms, partitions=partitions, share=share)
