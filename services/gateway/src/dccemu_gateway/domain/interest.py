"""Which Responses and Alerts the DCC reads, because it must change its own records.

service-request-processing.md section 7, last paragraph; all other content passes unread.
"""

from __future__ import annotations

READ_SERVICES = frozenset(
    [
        "8.1.1",
        "8.7.1",
        "8.7.2",
        "8.8.1",
        "8.8.2",
        "8.11",
        "8.12.1",
        "8.12.2",
        "6.15.1",
        "6.15.2",
        "6.17",
        "6.21",
        "6.23",
        "11.2",
        "11.3",
    ]
)
"""Services whose Responses change inventory records."""

INSTRUCTIONS: dict[str, int] = {
    "ECS01a": 6,
    "ECS01b": 2,
    "ECS01c": 3,
    "ECS01d": 1,
    "ECS02": 1,
    "ECS03": 2,
    "ECS08": 9,
    "ECS08a": 9,
    "ECS28a": 4,
    "ECS46c": 2,
    "ECS46d": 2,
    "GCS01a": 5,
    "GCS01b": 2,
    "GCS02": 1,
    "GCS03": 1,
    "GCS05": 6,
    "CS02b": 1,
    "CS02g": 1,
    "CS06": 1,
}
"""Instructions of a future dated Command, one execution Alert each (gbcs.md section 11)."""


def instructions_of(use_case: str) -> int:
    """How many execution Alerts a future dated Command of a use case brings."""
    for length in range(len(use_case), 3, -1):
        found = INSTRUCTIONS.get(use_case[:length])
        if found is not None:
            return found
    return 1
