"""What an outbox has put on the bus and its consumers have not confirmed, kept in memory by its only relay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

#: (position of the row, topic, partition, offset)
Put = tuple[int, str, int, int]


class Sent:
    """Rows by topic and partition, in the order of their offsets."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int], deque[tuple[int, int]]] = {}
        self.positions: set[int] = set()

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def topics(self) -> set[str]:
        """Topics with rows that wait."""
        return {topic for (topic, _), rows in self._parts.items() if rows}

    def note(self, rows: Iterable[Put]) -> None:
        """Rows were put on the bus; of one partition in the order of their offsets."""
        for position, topic, partition, offset in rows:
            self._parts.setdefault((topic, partition), deque()).append((offset, position))
            self.positions.add(position)

    def passed(self, topic: str, confirmed: Mapping[int, int]) -> list[int]:
        """The positions of what lies before the confirmed offset of each partition: known until ``forget``."""
        found: list[int] = []
        for partition, confirmed_offset in confirmed.items():
            rows = self._parts.get((topic, partition), deque())
            while rows and rows[0][0] < confirmed_offset:
                found.append(rows.popleft()[1])
        return found

    def forget(self, positions: Iterable[int]) -> None:
        """The rows that ``passed`` named are gone, or must be looked for in the table."""
        self.positions.difference_update(positions)

    def release(self) -> list[Put]:
        """Forget everything; what it was."""
        found = [
            (position, topic, partition, offset)
            for (topic, partition), rows in self._parts.items()
            for offset, position in rows
        ]
        self._parts.clear()
        self.positions.clear()
        return found
