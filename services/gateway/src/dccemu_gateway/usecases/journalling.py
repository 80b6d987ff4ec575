"""What the journal tells of a request."""

from __future__ import annotations

import json
from functools import lru_cache

from dccemu_runtime.groupcommit import Write
from dccemu_runtime.journal import Entry

from ..adapters.record import checks_of
from ..domain.anomaly import Passage
from ..domain.examination import Examination
from ..domain.refusal import Verdict
from ..domain.rules import RULES
from .gateway import Gateway

_KEPT = 65_536
"""Octets of a document that the journal keeps: firmware images are cut."""


def accepted(gateway: Gateway, examination: Examination, passage: Passage | None) -> Write:
    """The entry of an accepted request: how many checks it passed, and which warning levels it exceeded."""
    passed = len(RULES) if passage is None else len(RULES) + 1
    if passage is not None and passage.warnings:
        entry = entry_of(gateway, examination, Verdict(passed), "accepted")
        entry.detail["warnings"] = [
            f"above {one.threshold.warning} of {one.watch.srv} in {one.threshold.window}, set by {one.watch.owner}"
            for one in passage.warnings
        ]
        return gateway.journal.write(entry)
    request = examination.submitted
    return gateway.journal.write_passed(
        gateway.new_id(),
        examination.at,
        "request",
        "accepted",
        examination.request_text,
        examination.user_text,
        examination.device_text,
        request.service_reference_variant,
        _detail_text(passed, examination.service, request.command_variant, examination.consent),
        examination.document[:_KEPT],
    )


def entry_of(gateway: Gateway, examination: Examination, verdict: Verdict, outcome: str) -> Entry:
    """The entry of a request, however far its checks came."""
    request = examination.submitted if examination.is_read else None
    request_id = None if request is not None else examination.request_id
    command_variant = None if request is None else request.command_variant
    detail = _detail(verdict.passed, examination.service, command_variant, examination.consent)
    if verdict.failure is not None:
        detail |= {"code": verdict.failure.code, "rule": verdict.failure.rule}
    return Entry(
        id=gateway.new_id(),
        at=examination.at,
        stage="request",
        outcome=outcome,
        request_id=examination.request_text or (None if request_id is None else str(request_id)),
        user=examination.user_text or (None if request_id is None else str(request_id.originator)),
        device=examination.device_text or (None if request_id is None else str(request_id.target)),
        srv=None if request is None else request.service_reference_variant,
        checks=checks_of(verdict),
        detail=detail,
        message=examination.document[:_KEPT],
    )


def _detail(passed: int, service: str, command_variant: int | None, consent: str | None) -> dict[str, object]:
    detail: dict[str, object] = {"passed": passed, "service": f"service{service}"}
    if command_variant is not None:
        detail["command_variant"] = command_variant
    if consent is not None:
        detail["consent"] = consent or "none recorded"
    return detail


@lru_cache(maxsize=1024)
def _detail_text(passed: int, service: str, command_variant: int, consent: str | None) -> str:
    return json.dumps(_detail(passed, service, command_variant, consent))
