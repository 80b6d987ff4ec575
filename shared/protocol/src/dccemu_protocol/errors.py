"""The error family for what the other party sent wrong.

Every rule is raised by its *name*; the number a User sees is looked up in one table
(``catalogue/response_codes.json``), because many numbers are assignments of this project that may
have to be corrected without touching code.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """Something a counterparty sent breaks a rule.

    Parameters
    ----------
    rule
        Stable symbolic name of the rule, upper case with underscores (``UNKNOWN_DEVICE``). The catalogue maps it
        to the response code of the standard.
    detail
        One sentence that names the offending value.
    place
        Where it was found: an element path, an octet offset, a header. Empty when the whole message is meant.
    source
        Document and section that demands the rule.
    """

    def __init__(self, rule: str, detail: str, *, place: str = "", source: str = "") -> None:
        super().__init__(f"{rule}: {detail}" + (f" (at {place})" if place else ""))
        self.rule = rule
        self.detail = detail
        self.place = place
        self.source = source


class EmulatorError(Exception):
    """We are wrong or not ready: becomes 500 or 503, a logged stack and a counter."""
