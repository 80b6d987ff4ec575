"""Statuses and error codes of the Device CSR web services and the portal (smki.md sections 5.4 and 5.5).

The interface specification fixes the statuses, the prefix of each status's codes and a few example codes (FM:AA1 to
FM:AA3); the digits of the others are assignments of this project. A code matches ``[A-Z]{2}:[A-Za-z0-9]+`` and has at
most ten characters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import rules

from . import errors


class ItemStatus(StrEnum):
    """What became of one Device CSR. ``INELIGIBLE`` exists in batches only, ``UNKNOWN_DEVICE`` ad hoc only."""

    SUCCESS = "SUCCESS"
    UNKNOWN_DEVICE = "UNKNOWN_DEVICE"
    ISSUANCE_ANOMALY = "ISSUANCE_ANOMALY"
    INELIGIBLE = "INELIGIBLE"
    CSR_ERROR = "CSR_ERROR"
    CA_ERROR = "CA_ERROR"
    FORMAT_ERROR = "FORMAT_ERROR"
    WORKFLOW_ERROR = "WORKFLOW_ERROR"


class BatchStatus(StrEnum):
    """Where a batch is."""

    PENDING = "PENDING"
    REJECTED = "REJECTED"
    PARSING = "PARSING"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    TAMPERED = "TAMPERED"
    FORMAT_ERROR = "FORMAT_ERROR"
    WORKFLOW_ERROR = "WORKFLOW_ERROR"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A status with its error, if any."""

    status: ItemStatus
    code: str | None = None
    text: str | None = None


_S = ItemStatus
CODES: dict[str, tuple[ItemStatus, str]] = {
    "NOT_XML": (_S.FORMAT_ERROR, "FM:AA1"),
    "DOCUMENT_TOO_LARGE": (_S.FORMAT_ERROR, "FM:AA1"),
    "DOCUMENT_TOO_DEEP": (_S.FORMAT_ERROR, "FM:AA1"),
    "BAD_MESSAGE": (_S.FORMAT_ERROR, "FM:AA1"),
    "TOO_MANY_REQUESTS": (_S.FORMAT_ERROR, "FM:AA2"),
    errors.UNKNOWN_BATCH: (_S.FORMAT_ERROR, "FM:AA3"),
    "RESULTS_GONE": (_S.FORMAT_ERROR, "FM:AA4"),
    "POLLED_TOO_OFTEN": (_S.FORMAT_ERROR, "FM:AA5"),
    rules.CSR_UNREADABLE: (_S.CSR_ERROR, "CR:AA1"),
    rules.CSR_TOO_LONG: (_S.CSR_ERROR, "CR:AA2"),
    rules.CSR_KEY: (_S.CSR_ERROR, "CR:AA3"),
    rules.CSR_ALGORITHM: (_S.CSR_ERROR, "CR:AA4"),
    rules.CSR_SIGNATURE: (_S.CSR_ERROR, "CR:AA5"),
    rules.CSR_SUBJECT: (_S.CSR_ERROR, "CR:AA6"),
    rules.CSR_USAGE: (_S.CSR_ERROR, "CR:AA7"),
    rules.CSR_EXTENSION: (_S.CSR_ERROR, "CR:AA8"),
    errors.DUPLICATE_KEY: (_S.CSR_ERROR, "CR:AA9"),
    errors.UNKNOWN_DEVICE: (_S.UNKNOWN_DEVICE, "UD:AA1"),
    errors.TOO_MANY_CERTIFICATES: (_S.ISSUANCE_ANOMALY, "CA:AA1"),
    errors.NOT_ELIGIBLE: (_S.INELIGIBLE, "IN:AA1"),
    errors.NOT_SUBSCRIBER: (_S.INELIGIBLE, "IN:AA2"),
    errors.NOT_OFFICER: (_S.INELIGIBLE, "IN:AA3"),
    errors.NOT_TEST_PARTICIPANT: (_S.INELIGIBLE, "IN:AA4"),
    errors.RATE_EXCEEDED: (_S.CA_ERROR, "CA:AA8"),
    errors.NOT_ESTABLISHED: (_S.CA_ERROR, "CA:AA9"),
}
CA_FAILED = Outcome(ItemStatus.CA_ERROR, "CA:AA7", "the certificate authority failed; the request may be sent again")
WORKFLOW_FAILED = Outcome(ItemStatus.WORKFLOW_ERROR, "WF:AA1", "internal failure; do not send the request again")


# A batch as a whole knows FORMAT_ERROR and WORKFLOW_ERROR only, whose codes begin with WF.
_OF_A_WHOLE_BATCH = {"IN": "AB", "CA": "AC"}


def refusal_of_batch(error: ProtocolError) -> Outcome:
    """The status and code for a batch that is not taken at all."""
    outcome = outcome_of(error, ad_hoc=False)
    letters = _OF_A_WHOLE_BATCH.get((outcome.code or "")[:2])
    if letters is None:
        return outcome
    return replace(outcome, status=ItemStatus.WORKFLOW_ERROR, code=f"WF:{letters}{(outcome.code or '')[5:]}")


def outcome_of(error: ProtocolError, *, ad_hoc: bool) -> Outcome:
    """The status and code for a refusal.

    The ad hoc service has no ``INELIGIBLE``: what only the Registration Authority can decide is an anomaly there.
    """
    status, code = CODES.get(error.rule, (ItemStatus.WORKFLOW_ERROR, "WF:AA2"))
    if ad_hoc and status is ItemStatus.INELIGIBLE:
        status, code = ItemStatus.ISSUANCE_ANOMALY, "CA:" + code[3:].replace("AA", "AB")
    return Outcome(status, code, f"{error.rule}: {error.detail}"[:250].replace("\0", ""))
