"""What a back office and an operator do when an answer was lost: ask again, or be content that the first was taken."""

from __future__ import annotations

import time

from dccemu_contracts.story import AdminStep, SendStep
from dccemu_sdk.admin import AdminClient
from dccemu_sdk.errors import AnswerLost, GatewayError
from dccemu_sdk.user import Outcome, User

from .paths import Json
from .waiting import POLL_SECONDS

RECORD_CHANGES = frozenset({"5.1", "5.3", "8.3", "8.4", "8.13", "8.14.1", "8.14.2", "8.14.3", "8.14.4", "12.2"})
"""Non-Device services whose effect counts, not their answer."""

_ANSWER_SECONDS = 30.0
_UNAVAILABLE = 503
_REFUSED = range(400, 500)


def outcome_of(user: User, step: SendStep, document: bytes) -> Outcome:
    """Send; where the reply was lost that held the result, ask again under a new RequestID.

    What changed records is not asked for again when it should have succeeded: it was taken.
    """
    while True:
        try:
            return user.send(document, local=step.signed_variant == 6, timeout=_ANSWER_SECONDS)
        except AnswerLost as lost:
            if step.srv in RECORD_CHANGES and not step.expect.startswith("E") and lost.taken.request_id is not None:
                return Outcome(lost.taken.request_id, [lost.taken])


def admin_answer(admin: AdminClient, step: AdminStep, path: str, body: Json, patience: float) -> tuple[Json, int, bool]:
    """Call the admin port, again while the service is away: answer, status, and whether to believe an earlier call.

    A POST whose answer was lost and whose repeat is refused had been carried out.
    """
    deadline, lost = time.monotonic() + patience, False
    while True:
        try:
            return admin.call(step.method, path, body), 200, False
        except GatewayError as error:
            if error.status != _UNAVAILABLE or time.monotonic() > deadline:
                is_done = lost and step.method == "POST" and error.status in _REFUSED
                return error.detail, error.status, is_done
        lost = True
        time.sleep(POLL_SECONDS)
