"""DER structures: what a message code has to carry, and its comparison (gbcs.md section 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..der_types import DerValue
from .asked import REQUEST_ID, Asked
from .comparer import Comparer
from .meaning import Meaning, Plain, Said
from .result import Difference, Unlike

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Structure(Generic[S]):
    """One DER structure: its type, and the comparer of its values."""

    kind: type[S]
    comparer: Comparer[S]

    def check(self, asked: Asked, value: DerValue) -> None:
        """Compare a decoded structure."""
        name = self.kind.__name__
        if not isinstance(value, self.kind):
            raise Unlike(Difference(asked.place, "structure", name, type(value).__name__))
        self.comparer.check(asked, value, name)


def structure_of(kind: type[S], shape: Callable[[S], Plain], meaning: Callable[[Asked], Meaning]) -> Structure[S]:
    return Structure(kind, Comparer(shape, meaning))


def originator_counter(asked: Asked) -> Said:
    return Said(asked.accounts.request.request_id.counter, REQUEST_ID)
