"""Change of Supplier, 6.23: hand the User's signed request to the CoS Party, take its Command, add the MAC, send.

service-request-processing.md section 13.1 and cos-party.md section 3. The gateway neither builds nor signs this
Command: it checks that what comes back is the CoS Party's, for the Device and the request that it handed over, with
message code 0107.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.cos import CosDecision, CosRequest
from dccemu_contracts.wan import DeviceCommand
from dccemu_protocol import catalogue
from dccemu_protocol.duis import KNOWN_VERSIONS, AnsweredRequest, parse_document, read_request, responses, tree_of
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.crypto import verify_signature
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.pki import RemotePartyRole, Usage
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.journal import Check, Entry

from ..adapters.operations import claim_request, insert_command, move_request
from ..domain.commands import Command
from ..domain.examination import Examination
from ..domain.interest import instructions_of
from ..domain.lifecycle import REQUEST_LIFE, CommandState, Kind, RequestEvent, RequestState, advance
from ..domain.rules.table import code_of
from .answers import Reply, acknowledge
from .dcc_alerts import dcc_alert
from .gateway import Gateway, execute
from .hold import Hold

log = structlog.get_logger(__name__)

SRV = "6.23"
MESSAGE_CODE = 0x0107
USE_CASE = "CS02bSupplierByTransCoS"
_LOAD = """
SELECT request_id, user_, device, role, service_reference, schema_version, command_variant, execution_at, document
FROM requests WHERE request_id = $1 AND kind = 'request' AND state = 'with-cos' FOR UPDATE"""
_REFUSED_ALERT = "N26"


def _of_interface(decision: CosDecision) -> Mapping[str, Any]:
    """What stands for the request row of a Supplier that is not a User (Non-Gateway Interface, cos-party.md 6)."""
    return {
        "user_": str(RequestId.parse(decision.request_id).originator),
        "device": decision.device,
        "schema_version": KNOWN_VERSIONS[-1],
        "document": (decision.document or "").encode(),
    }


class ChangeOfSupplier:
    """The use cases of 6.23."""

    def __init__(self, gateway: Gateway, hold: Hold) -> None:
        self._gateway = gateway
        self._hold = hold

    async def __call__(self, examination: Examination, accepted: Write) -> Reply:
        """Hand the whole signed request over, unchanged."""
        gateway, request = self._gateway, examination.submitted
        if request.command_variant != 1:
            raise ProtocolError("CANNOT_TRANSFORM", "6.23 for local delivery is not carried out by this emulator yet")
        held = await self._hold.take(examination, accepted)
        if held is not None:
            return held
        handed = self._request(examination)
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.HAND_OVER)
        claim = claim_request(examination, Kind.REQUEST, state, examination.document)
        await gateway.commit(Unit((claim,), (gateway.outbox.write(handed), accepted)))
        gateway.history.note(examination.request_text, Kind.REQUEST)
        return acknowledge(AnsweredRequest.of(request), catalogue.ACKNOWLEDGEMENT, examination.at)

    async def hand_over(self, connection: PoolConnectionProxy, examination: Examination) -> None:
        """A request that was held is handed over some days before its date."""
        state = advance(REQUEST_LIFE, RequestState.HELD, RequestEvent.HAND_OVER)
        await execute(connection, move_request(examination.request_text, Kind.REQUEST, state))
        await self._gateway.outbox.add(connection, self._request(examination))

    def _request(self, examination: Examination) -> CosRequest:
        return CosRequest(
            id=self._gateway.new_id(),
            at=examination.at,
            request_id=examination.request_text,
            device=examination.device_text,
            document=examination.document.decode("utf-8-sig"),
        )

    async def decide(self, connection: PoolConnectionProxy, decision: CosDecision) -> None:
        """The CoS Party answered: send its Command, or tell the User that it refused."""
        found = await connection.fetchrow(_LOAD, decision.request_id)
        row: Mapping[str, Any] | None = None if found is None else dict(found)
        if row is None and decision.submitter == "ngi":
            row = _of_interface(decision)
        if row is None or row["device"] != decision.device:
            await self._journal(connection, decision, "ignored", "answers no request that was handed over")
            return
        if decision.outcome in ("held", "quarantined"):
            await self._journal(connection, decision, decision.outcome, decision.detail or "")
            return
        if decision.outcome == "refused" and decision.submitter == "ngi":
            await self._journal(connection, decision, "refused", decision.detail or decision.rule or "")
            return
        if decision.outcome == "refused":
            await self._refused(connection, decision, row["user_"], row["service_reference"], row["schema_version"])
            return
        try:
            message = self._check(decision)
        except ProtocolError as error:
            await self._journal(connection, decision, f"rejected {error.rule}", error.detail)
            return
        request = read_request(parse_document(row["document"], self._gateway.policy.limits))
        now = self._gateway.now()
        execution_at = decision.execution_at if decision.execution_at and decision.execution_at > now else None
        if request.is_cancellation:
            execution_at = None
        payload = self._gateway.transformer.command(message)
        facts: dict[str, object] = {"request": tree_of(request.body), "unanswered": decision.submitter == "ngi"}
        command = self._command(row["user_"], decision, row["schema_version"], message, now, execution_at, facts)
        device = self._gateway.directory.device(decision.device)
        outgoing = DeviceCommand(
            id=command.id,
            at=now,
            device=command.device,
            payload=payload.hex(),
            hub=None if device is None else device.hub,
            request_id=command.request_id,
            expires_at=command.expires_at,
        )
        moved = move_request(
            decision.request_id, "request", advance(REQUEST_LIFE, RequestState.WITH_COS, RequestEvent.SEND)
        )
        await execute(connection, insert_command(command, payload), moved)
        await self._gateway.outbox.add(connection, outgoing)
        await self._journal(connection, decision, "sent", f"Command of {message.originator}, counter {message.counter}")
        self._gateway.database.after_commit(connection, lambda: self._gateway.open_commands.put(command))

    def _command(
        self,
        user: str,
        decision: CosDecision,
        version: str,
        message: GbcsMessage,
        now: datetime,
        execution_at: datetime | None,
        facts: dict[str, object],
    ) -> Command:
        extra = {**facts, "instructions": instructions_of(USE_CASE)} if execution_at else facts
        return Command(
            id=self._gateway.new_id(),
            request_id=decision.request_id,
            kind=Kind.REQUEST.value,
            user=user,
            device=decision.device,
            srv=SRV,
            service_reference=SRV,
            schema_version=version,
            use_case=USE_CASE,
            originator=str(message.originator),
            counter=message.counter,
            message_code=message.message_code,
            state=CommandState.SENT,
            sent_at=now,
            expires_at=now + self._gateway.response_wait,
            execution_at=execution_at,
            extra=json.loads(json.dumps(extra)),
        )

    def _check(self, decision: CosDecision) -> GbcsMessage:
        """What the gateway checks of the CoS Party's Command (cos-party.md section 3, C).

        Raises
        ------
        ProtocolError
            When the Command is not the CoS Party's, for this Device, with code 0107.
        """
        gateway = self._gateway
        cos = Eui64.parse(gateway.settings.cos_party_eui)
        message = decode(bytes.fromhex(decision.payload or ""))
        if message.cra is not CRA.COMMAND or message.mac is not None or message.message_code != MESSAGE_CODE:
            raise ProtocolError("COS_COMMAND", f"not a Command 0107 without MAC: {message.message_code:04x}")
        if message.originator != cos or str(message.target) != decision.device:
            raise ProtocolError("COS_COMMAND", f"from {message.originator} to {message.target}")
        for certificate in gateway.directory.certificates(str(cos), Usage.DIGITAL_SIGNATURE.value):
            if certificate.role != RemotePartyRole.TRANSITIONAL_COS:
                continue
            try:
                verify_signature(message, certificate.public_key)
                gateway.directory.rely_on(certificate, gateway.now(), owner=cos)
            except ProtocolError:
                continue
            return message
        raise ProtocolError("COS_COMMAND", "the signature is not the CoS Party's")

    async def _refused(
        self, connection: PoolConnectionProxy, decision: CosDecision, user: str, reference: str, version: str
    ) -> None:
        """The final answer is E062304 or the rule's own code; the sender also gets a ChangeOfSupplier Alert."""
        gateway, now = self._gateway, self._gateway.now()
        code = code_of(decision.rule or "COS_PARTY_REFUSED", otherwise="COS_PARTY_REFUSED") or "E062304"
        answered = AnsweredRequest(RequestId.parse(decision.request_id), reference, SRV, version)
        document = responses.device_response(answered, code, now, None)
        delivery = gateway.delivery(
            user=user,
            device=decision.device,
            kind="response",
            code=code,
            document=gateway.keys.signer.sign_canonical(document),
            request_id=decision.request_id,
            response_id=answered.request_id.response_id,
        )
        content: dict[str, str] = {"ChangeOfSupplierServiceRequestID": decision.request_id}
        if decision.ecos_error_code:
            content["ECoSErrorCode"] = decision.ecos_error_code
        alert = dcc_alert(gateway, _REFUSED_ALERT, "ChangeOfSupplier", content, decision.device, user)
        moved = move_request(
            decision.request_id, "request", advance(REQUEST_LIFE, RequestState.WITH_COS, RequestEvent.FAIL)
        )
        await execute(connection, moved)
        await gateway.deliver_in(connection, delivery, alert)
        await self._journal(connection, decision, f"refused {code}", decision.detail or decision.rule or "")

    async def _journal(self, connection: PoolConnectionProxy, decision: CosDecision, outcome: str, note: str) -> None:
        gateway = self._gateway
        bad = outcome.startswith(("ignored", "rejected"))
        check = Check(
            "the CoS Party's Command", not bad, "signed by the CoS Party, 0107, for a request handed over", note
        )
        entry = Entry(
            id=gateway.new_id(),
            at=gateway.now(),
            stage="change of supplier",
            outcome=outcome,
            request_id=decision.request_id,
            device=decision.device,
            srv=SRV,
            checks=(check,),
            detail={"note": note},
            message=bytes.fromhex(decision.payload) if decision.payload else None,
        )
        await gateway.journal.add(connection, entry)
