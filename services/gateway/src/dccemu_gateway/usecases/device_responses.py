"""Responses of Devices on their way to Users: the payload unchanged, in the answer of its kind (duis.md section 5)."""

from __future__ import annotations

from datetime import datetime

from dccemu_protocol import catalogue
from dccemu_protocol.duis import AnsweredRequest, responses
from dccemu_protocol.identifiers import RequestId
from dccemu_runtime.groupcommit import Write

from ..domain.commands import Command
from .gateway import Gateway


def response_delivery(gateway: Gateway, command: Command, octets: bytes, at: datetime) -> Write:
    """The answer to the request of a Command: the Response, a CIN with it, or a run of a schedule."""
    answered = command.answered
    cin, schedule = command.extra.get("cin"), command.extra.get("schedule")
    if isinstance(schedule, int):
        return _scheduled(gateway, command, schedule, octets, at)
    if isinstance(cin, str):
        document = responses.cin_message(answered, octets, cin, at)
    else:
        document = responses.device_response(answered, catalogue.SUCCESS, at, octets)
    return gateway.delivery(
        user=command.user,
        device=command.device,
        kind="response",
        code=catalogue.SUCCESS,
        document=gateway.keys.signer.sign_canonical(document),
        request_id=command.request_id,
        response_id=answered.request_id.response_id,
    )


def _scheduled(gateway: Gateway, command: Command, schedule: int, octets: bytes, at: datetime) -> Write:
    """One run of a schedule: RequestID of the 5.1 request, ResponseID of the run (duis.md section 5)."""
    created_by = str(command.extra["created_by"])
    run = RequestId.parse(command.request_id)
    answered = AnsweredRequest(RequestId.parse(created_by), "5.1", "5.1", command.schema_version)
    response_id = RequestId(run.target, run.originator, run.counter)
    document = responses.scheduled_message(answered, octets, schedule, response_id, at)
    return gateway.delivery(
        user=command.user,
        device=command.device,
        kind="scheduled message",
        code=catalogue.SUCCESS,
        document=gateway.keys.signer.sign_canonical(document),
        request_id=created_by,
        response_id=str(response_id),
    )
