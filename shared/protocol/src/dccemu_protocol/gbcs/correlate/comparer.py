"""A comparer: how to read one value of the Pre-Command, and what the request says it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import GbcsError
from .asked import Asked
from .meaning import Meaning, Plain, compare, show
from .result import Difference, Unlike, Unshaped

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Comparer(Generic[V]):
    """``shape`` reads the value (``Unshaped`` when it is of another kind), ``meaning`` reads the request."""

    shape: Callable[[V], Plain]
    meaning: Callable[[Asked], Meaning]

    def check(self, asked: Asked, value: V, item: str) -> None:
        """Compare one value of the Pre-Command.

        Raises
        ------
        Unlike
            When it differs.
        """
        meaning = self.meaning(asked)
        try:
            found = self.shape(value)
        except (Unshaped, GbcsError) as error:
            expected = error.expected if isinstance(error, Unshaped) else "a value that can be read"
            what = error.found if isinstance(error, Unshaped) else error.detail
            raise Unlike(Difference(meaning.place, item, expected, show(what))) from None
        compare(meaning, found, item)
