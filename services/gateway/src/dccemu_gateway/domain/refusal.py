"""A check that failed, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dccemu_protocol.errors import ProtocolError


class Refusal(ProtocolError):
    """A rule of the access control refuses a request.

    Parameters
    ----------
    rule
        Name of the rule in the catalogue, which knows the response code.
    expected, got
        The two sides that do not agree, in words: what the journal explains.
    place
        Element path or header in which the value was found.
    """

    def __init__(self, rule: str, *, expected: str, got: str, place: str = "", source: str = "") -> None:
        super().__init__(rule, f"expected {expected}, got {got}", place=place, source=source)
        self.expected = expected
        self.got = got


@dataclass(frozen=True, slots=True)
class Failure:
    """The first check that failed: which of the table, what it wanted, what it found, and the code the User gets."""

    number: str
    check: str
    rule: str
    clause: str
    expected: str
    got: str
    place: str
    code: str


class Verdict(NamedTuple):
    """How far a document came through the table: the checks passed, in order, and the failure that ended it."""

    passed: int
    failure: Failure | None = None
