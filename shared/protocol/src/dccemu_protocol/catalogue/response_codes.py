"""Rules by name, and the response codes they raise.

Many numbers of the standard are not public and were assigned by this project. Code therefore raises a rule by its
*name*; this one table says which code a User sees, so that a number can be corrected without touching code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import EmulatorError
from . import _loading as load

SUCCESS = "I0"
ACKNOWLEDGEMENT = "I99"


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """A code of the schema's enumeration. ``emitted`` is false where nothing is known about its meaning."""

    code: str
    kind: str
    meaning: str | None
    when: str | None
    emitted: bool
    project_assignment: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by name. Either ``code`` (a Response is sent) or ``http_status`` (nobody to answer) is set."""

    name: str
    code: str | None
    http_status: int | None
    clause: str
    text: str


def _code(row: load.Row) -> ResponseCode:
    return ResponseCode(
        load.text(row, "code"),
        load.text(row, "class"),
        load.optional_text(row, "meaning"),
        load.optional_text(row, "when"),
        load.flag(row, "emitted"),
        load.flag(row, "project_assignment"),
    )


def _rule(row: load.Row, codes: Mapping[str, ResponseCode]) -> Rule:
    code, status = load.optional_text(row, "code"), row.get("http_status")
    name = load.text(row, "rule")
    if (code is None) == (status is None) or not (status is None or isinstance(status, int)):
        raise EmulatorError(f"rule {name} has not exactly one of code and http_status")
    if code is not None and (code not in codes or not codes[code].emitted):
        raise EmulatorError(f"rule {name} raises {code}, which may not be emitted")
    return Rule(name, code, status, load.text(row, "clause"), load.text(row, "text"))


def load_response_codes() -> tuple[Mapping[str, ResponseCode], Mapping[str, Rule]]:
    """Load and check both tables of the file."""
    codes = load.index(
        (_code(row) for row in load.table("response_codes.json", "codes")), lambda code: code.code, "response code"
    )
    rules = load.index(
        (_rule(row, codes) for row in load.table("response_codes.json", "rules")), lambda rule: rule.name, "rule"
    )
    return codes, rules
