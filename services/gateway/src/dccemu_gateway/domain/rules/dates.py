"""Check 21: the future date (service-request-processing.md section 9)."""

from __future__ import annotations

from dccemu_protocol import catalogue

from ..examination import Examination
from ..refusal import Refusal

_PLACE = "/Request/Body/*/ExecutionDateTime"


def date_acceptable(examination: Examination) -> None:
    """21: a future date only where the service has one, not past, not more than 30 days ahead."""
    request, variant = examination.submitted, examination.service_request
    at = request.execution_date_time
    if at is None:
        return
    if variant.future_dating is None or variant.non_device:
        raise Refusal(
            "EXECUTION_DATE_NOT_ALLOWED",
            expected=f"no ExecutionDateTime for {variant.srv}",
            got=at.isoformat(),
            place=_PLACE,
        )
    if request.command_variant in catalogue.LOCAL_DELIVERY_VARIANTS:
        raise Refusal(
            "EXECUTION_DATE_NOT_ALLOWED",
            expected=f"on demand operation with Command Variant {request.command_variant}",
            got=at.isoformat(),
            place=_PLACE,
        )
    if request.is_cancellation:
        return
    earliest = examination.at - examination.policy.past_allowance
    latest = examination.at + examination.policy.furthest_future
    if not earliest <= at <= latest:
        raise Refusal(
            "EXECUTION_DATE",
            expected=f"an ExecutionDateTime from {earliest.isoformat()} to {latest.isoformat()}",
            got=at.isoformat(),
            place=_PLACE,
        )
