"""What can go wrong for a User."""

from __future__ import annotations

from dccemu_protocol.duis import DuisResponse


class SdkError(Exception):
    """Something the SDK was asked for could not be done."""


class GatewayError(SdkError):
    """The gateway answered with an HTTP error: no Response document came (duis.md section 1)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status
        self.detail = detail


class NoAnswer(SdkError):
    """What was waited for did not come in time."""


class KeyMissing(SdkError):
    """The key store lacks a key that is needed."""


class AnswerLost(SdkError):
    """A request was taken, and the HTTP reply that held its result did not arrive.

    ``taken`` is the acknowledgement that a repeat of it amounts to.
    """

    def __init__(self, taken: DuisResponse) -> None:
        super().__init__(f"{taken.request_id} was taken, but its answer was lost")
        self.taken = taken


class NotCorrelated(SdkError):
    """The Pre-Command does not mean what was asked for, so it was not signed."""
