"""A shelf of facts: the newest of each key, kept as octets and read when they are asked for.

A record as an object takes about seven times the memory of its text. So a shelf keeps the text (cut into parts, of
which records with the same cells share one) and has only the facts asked for of late at hand as objects.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Generic, TypeVar

from typing_extensions import override

from .envelope import Contract, Parts

_FactT = TypeVar("_FactT", bound=Contract)


class Shelf(MutableMapping[str, _FactT], Generic[_FactT]):
    """Facts by key.

    Parameters
    ----------
    model
        The contract.
    at_hand
        Between this many and twice as many facts are kept as objects.
    """

    def __init__(self, model: type[_FactT], *, at_hand: int = 2048) -> None:
        self._model = model
        self._kept: dict[str, Parts] = {}
        self._at_hand = at_hand
        # Asked for since the last turn, and in the turn before: what nobody asked for during a whole turn is dropped.
        self._recent: dict[str, _FactT] = {}
        self._former: dict[str, _FactT] = {}

    def holds(self, key: str, data: bytes) -> bool:
        """Whether these octets are the fact of ``key``."""
        kept = self._kept.get(key)
        return kept is not None and kept == self._model.parts(data)

    def put(self, fact: _FactT, parts: Parts) -> None:
        """Keep a fact that was read with these parts."""
        key = fact.key
        self._kept[key] = parts
        self._former.pop(key, None)
        self._remember(key, fact)

    def find(self, key: str) -> _FactT | None:
        """The fact of ``key``, if there is one."""
        fact = self._recent.get(key)
        if fact is None:
            parts = self._kept.get(key)
            if parts is None:
                return None
            fact = self._former.pop(key, None) or self._model.from_parts(parts)
            self._remember(key, fact)
        return fact

    def _remember(self, key: str, fact: _FactT) -> None:
        if len(self._recent) >= self._at_hand:
            self._former, self._recent = self._recent, {}
        self._recent[key] = fact

    @override
    def __getitem__(self, key: str) -> _FactT:
        fact = self.find(key)
        if fact is None:
            raise KeyError(key)
        return fact

    @override
    def __setitem__(self, key: str, fact: _FactT) -> None:
        if key != fact.key:
            raise ValueError(f"the fact of {fact.key} cannot be kept under {key}")
        self.put(fact, self._model.parts(fact.to_bytes()))

    @override
    def __delitem__(self, key: str) -> None:
        del self._kept[key]
        self._recent.pop(key, None)
        self._former.pop(key, None)

    @override
    def __contains__(self, key: object) -> bool:
        return key in self._kept

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    @override
    def __len__(self) -> int:
        return len(self._kept)
