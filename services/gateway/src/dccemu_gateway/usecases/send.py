"""Send Command (CV 1, 3, 5, 7) and local Command (CV 2, 6): from an accepted request to a Command.

service-request-processing.md sections 7 and 8: transform or take the Signed Pre-Command, add the broker's MAC, then
one unit holds the request, the Command, its message to the SM WAN and the journal entry. The acknowledgement leaves
only when that unit is durable.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from dccemu_contracts.wan import DeviceCommand
from dccemu_protocol import catalogue
from dccemu_protocol.catalogue import FutureDating
from dccemu_protocol.duis import AnsweredRequest, responses, tree_of
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.envelope import GbcsMessage, encode
from dccemu_runtime.groupcommit import Unit, Write

from ..adapters.operations import claim_request, insert_command, put_pre_command
from ..domain.commands import Command, Facts, JsonValue
from ..domain.examination import Examination, PreCommand
from ..domain.interest import READ_SERVICES, instructions_of
from ..domain.lifecycle import REQUEST_LIFE, CommandState, Kind, RequestEvent, RequestState, advance
from .answers import Reply, acknowledge, result
from .gateway import Gateway
from .history import History
from .hold import Hold

CIN_SERVICE = "9.1"
GBCS_VERSION = "4.0"
"""Said of a Pre-Command where the inventory does not know the Device's GBCS version."""


class Prepared(NamedTuple):
    """A Command ready to go: its record and its octets."""

    command: Command
    payload: bytes


class Send:
    """The use cases Transform, Send Command and local Command."""

    def __init__(self, gateway: Gateway, history: History, hold: Hold) -> None:
        self._gateway = gateway
        self._history = history
        self._hold = hold

    async def pre_command(self, examination: Examination, accepted: Write) -> Reply:
        """CV 4: transform, keep the Pre-Command, give it to the User."""
        gateway, request, device = self._gateway, examination.submitted, examination.target
        made = gateway.transformer.transform(request, device, examination.role)
        payload = encode(made.message)
        kept = PreCommand(
            request_id=examination.request_text,
            device=examination.device_text,
            user=examination.user_text,
            srv=request.service_reference_variant,
            use_case=made.use_case,
            message_code=made.message_code,
            payload=payload,
            made_at=examination.at,
            execution_at=request.execution_date_time,
            facts=request_facts(examination),
        )
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.TRANSFORM)
        claim = claim_request(examination, Kind.TRANSFORM, state)
        kept_row = put_pre_command(kept, sha256(payload).hexdigest())
        await gateway.commit(Unit(claims=(claim,), writes=(kept_row, accepted)))
        self._history.note(kept.request_id, Kind.TRANSFORM)
        self._history.keep(kept)
        shown = payload + b"\0" if gateway.settings.precommand_empty_signature else payload
        document = responses.pre_command(
            AnsweredRequest.of(request), shown, device.gbcs_version or GBCS_VERSION, examination.at
        )
        return result(gateway.keys.signer.sign_canonical(document))

    async def __call__(self, examination: Examination, accepted: Write) -> Reply:
        """CV 1, 2, 3, 5, 6, 7: make the Command; send it, give it for local delivery, or both; or hold it."""
        held = await self._hold.take(examination, accepted)
        if held is not None:
            return held
        prepared = self.prepare(examination)
        if examination.submitted.command_variant in (2, 6):
            return await self._give(examination, prepared, accepted)
        return await self._send(examination, prepared, accepted)

    def prepare(self, examination: Examination) -> Prepared:
        """The Command of an accepted request.

        Raises
        ------
        ProtocolError
            What cannot be transformed for this Device.
        """
        if examination.submitted.is_signed_pre_command:
            return self._of_signed_pre_command(examination)
        gateway, request = self._gateway, examination.submitted
        cin = gateway.transformer.number() if request.service_reference_variant == CIN_SERVICE else ""
        made = gateway.transformer.transform(request, examination.target, examination.role, cin)
        if made.signer not in (None, "broker"):
            raise ProtocolError("CANNOT_TRANSFORM", f"{made.use_case} must be signed by the {made.signer}")
        payload = gateway.transformer.command(made.message, signed_by_broker=made.signer == "broker", mac=made.mac)
        extra: dict[str, JsonValue] = {"cin": cin} if cin else {}
        if request.service_reference_variant in READ_SERVICES:
            extra["request"] = tree_of(request.body)  # type: ignore[assignment]
        return self._prepared(examination, made.message, made.use_case, payload, extra)

    def _of_signed_pre_command(self, examination: Examination) -> Prepared:
        message, kept = examination.message, examination.pre_command
        assert message is not None
        assert kept is not None
        payload = self._gateway.transformer.command(message)
        return self._prepared(examination, message, kept.use_case, payload, dict(kept.facts))

    def _prepared(
        self, examination: Examination, message: GbcsMessage, use_case: str, payload: bytes, extra: Facts
    ) -> Prepared:
        request, gateway = examination.submitted, self._gateway
        is_local = request.command_variant in (2, 6)
        execution_at = execution_on_device(examination)
        command = Command(
            id=gateway.new_id(),
            request_id=examination.request_text,
            kind=examination.kind,
            user=examination.user_text,
            device=examination.device_text,
            srv=request.service_reference_variant,
            service_reference=request.service_reference,
            schema_version=request.schema_version,
            use_case=use_case,
            originator=str(message.originator),
            counter=message.counter,
            message_code=message.message_code,
            state=CommandState.LOCAL if is_local else CommandState.SENT,
            sent_at=examination.at,
            expires_at=examination.at + gateway.response_wait,
            execution_at=execution_at,
            extra={**extra, "instructions": instructions_of(use_case)} if execution_at else extra,
        )
        return Prepared(command, payload)

    async def _send(self, examination: Examination, prepared: Prepared, accepted: Write) -> Reply:
        gateway, request = self._gateway, examination.submitted
        answered = AnsweredRequest.of(request)
        kind = examination.kind
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.SEND)
        writes = [*self.rows(prepared, examination.target.hub), accepted]
        if request.command_variant in (3, 7):
            writes.append(self._pushed(answered, prepared, examination.at))
        await gateway.commit(Unit((claim_request(examination, kind, state),), writes))
        # Not before: another body under the same RequestID makes a Command of the same key, and only one is sent.
        gateway.open_commands.put(prepared.command)
        self._note(prepared.command, kind)
        return acknowledge(answered, catalogue.ACKNOWLEDGEMENT, examination.at)

    async def _give(self, examination: Examination, prepared: Prepared, accepted: Write) -> Reply:
        gateway, request = self._gateway, examination.submitted
        kind = examination.kind
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.GIVE_LOCALLY)
        claim = claim_request(examination, kind, state)
        await gateway.commit(Unit((claim,), (insert_command(prepared.command, prepared.payload), accepted)))
        self._note(prepared.command, kind)
        document = responses.local_command(AnsweredRequest.of(request), prepared.payload, examination.at)
        return result(gateway.keys.signer.sign_canonical(document))

    def rows(self, prepared: Prepared, hub: str | None) -> list[Write]:
        """A Command and its message to the SM WAN."""
        command = prepared.command
        message = DeviceCommand(
            id=command.id,
            at=command.sent_at,
            device=command.device,
            payload=prepared.payload.hex(),
            hub=hub,
            request_id=command.request_id,
            expires_at=command.expires_at,
        )
        return [insert_command(command, prepared.payload), self._gateway.outbox.write(message)]

    def released(self, examination: Examination, prepared: Prepared) -> tuple[RequestEvent, list[Write], list[Write]]:
        """What becomes of a request that waited: the event, the rows, and what its User gets."""
        request = examination.submitted
        local = request.command_variant in catalogue.LOCAL_DELIVERY_VARIANTS
        pushed = [self._pushed(AnsweredRequest.of(request), prepared, examination.at)] if local else []
        if request.command_variant in (2, 6):
            return RequestEvent.GIVE_LOCALLY, [insert_command(prepared.command, prepared.payload)], pushed
        return RequestEvent.SEND, self.rows(prepared, examination.target.hub), pushed

    def _pushed(self, answered: AnsweredRequest, prepared: Prepared, at: datetime) -> Write:
        """CV 3 and 7: the local Command goes to the User's Receive Response Service as well (duis.md section 5)."""
        document = responses.local_command(answered, prepared.payload, at, pushed=True)
        return self._gateway.delivery(
            user=prepared.command.user,
            device=prepared.command.device,
            kind="local command",
            code=catalogue.SUCCESS,
            document=self._gateway.keys.signer.sign_canonical(document),
            request_id=prepared.command.request_id,
            response_id=answered.request_id.response_id,
        )

    def _note(self, command: Command, kind: Kind) -> None:
        self._history.note(command.request_id, kind)
        if kind is Kind.SIGNED:
            self._history.drop(command.request_id)


def execution_on_device(examination: Examination) -> datetime | None:
    """When the Device will carry a Command out, if not at once: Device pattern, not a cancellation."""
    pattern, request = examination.service_request.future_dating, examination.submitted
    at = request.execution_date_time
    if at is None or request.is_cancellation or pattern in (None, FutureDating.DSP) or at <= examination.at:
        return None
    return at


def request_facts(examination: Examination) -> Facts:
    """What of a request must outlive it: its body, where the DCC will change records by the Response."""
    if examination.submitted.service_reference_variant not in READ_SERVICES:
        return {}
    return {"request": tree_of(examination.submitted.body)}  # type: ignore[dict-item]
