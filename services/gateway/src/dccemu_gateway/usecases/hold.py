"""Requests that wait: DSP pattern future dated requests until their date, sequenced ones for their predecessor.

service-request-processing.md sections 9 and 11. A held request is a row with its document; a timer carries its
date. When it comes due the access control of section 2 (last paragraph) runs again; what fails then is told by a
CommandFailure Alert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from asyncpg import Record as Row
from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol import catalogue
from dccemu_protocol.duis import AnsweredRequest, parse_document, read_request
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.journal import Entry
from dccemu_runtime.timers import Timer

from ..adapters.operations import claim_request, move_request
from ..adapters.record import checks_of
from ..domain.examination import Examination
from ..domain.lifecycle import REQUEST_LIFE, RequestEvent, RequestState, advance, kind_of
from ..domain.refusal import Refusal
from ..domain.rules import RECHECK, run
from ..domain.rules.table import code_of
from .alerts import command_failure
from .answers import Reply, acknowledge
from .gateway import Gateway, execute
from .history import History

if TYPE_CHECKING:
    from .send import Prepared

log = structlog.get_logger(__name__)

RELEASE = "release"
_HELD = """
SELECT request_id, kind FROM requests
WHERE user_ = $1 AND device = $2 AND srv = $3 AND state = 'held' ORDER BY received_at"""
_LOAD = "SELECT request_id, kind, role, state, document FROM requests WHERE request_id = $1 AND kind = $2 FOR UPDATE"


class Hold:
    """The use cases of waiting requests."""

    def __init__(self, gateway: Gateway, history: History) -> None:
        self._gateway = gateway
        self._history = history
        self._prepare: Callable[[Examination], Prepared] | None = None
        self._rows: Callable[[Prepared, str | None], list[Write]] | None = None

    def connect(
        self, prepare: Callable[[Examination], Prepared], rows: Callable[[Prepared, str | None], list[Write]]
    ) -> None:
        """Tell how a Command is made and sent when its time has come."""
        self._prepare, self._rows = prepare, rows
        self._gateway.timers.on(RELEASE, self.release)

    async def take(self, examination: Examination, accepted: Write) -> Reply:
        """Keep a request until its date, or give up those that a cancellation names."""
        request, gateway = examination.submitted, self._gateway
        if request.preceding is not None:
            raise ProtocolError("CANNOT_TRANSFORM", "sequenced requests are not carried out yet")
        if request.is_cancellation:
            return await self._cancel(examination, accepted)
        due = request.execution_date_time
        assert due is not None
        kind = kind_of(request.command_variant)
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.HOLD)
        claim = claim_request(examination, kind, state, examination.document)
        timer = gateway.timers.write_set(RELEASE, f"{request.request_id} {kind.value}", due)
        await gateway.commit(Unit((claim,), (timer, accepted)))
        self._history.note(examination.request_text, kind)
        return acknowledge(AnsweredRequest.of(request), catalogue.ACKNOWLEDGEMENT, examination.at)

    async def _cancel(self, examination: Examination, accepted: Write) -> Reply:
        request, gateway = examination.submitted, self._gateway
        held = await gateway.database.pool.fetch(
            _HELD, examination.user_text, examination.device_text, request.service_reference_variant
        )
        if not held:
            raise Refusal(
                "NOTHING_TO_CANCEL",
                expected=f"a held {request.service_reference_variant} of {request.user} for {request.device}",
                got="none",
            )
        kind = kind_of(request.command_variant)
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.ANSWER_DIRECTLY)
        cancelled = advance(REQUEST_LIFE, RequestState.HELD, RequestEvent.CANCEL)
        writes = [accepted]
        for row in held:
            writes.append(move_request(row["request_id"], row["kind"], cancelled))
            writes.append(gateway.timers.write_cancel(RELEASE, f"{row['request_id']} {row['kind']}"))
        claim = claim_request(examination, kind, state)
        await gateway.commit(Unit((claim,), writes))
        self._history.note(examination.request_text, kind)
        return acknowledge(AnsweredRequest.of(request), catalogue.ACKNOWLEDGEMENT, examination.at)

    async def release(self, connection: PoolConnectionProxy, timer: Timer) -> None:
        """A held request comes due: check again, then send."""
        request_id, _, kind = timer.key.partition(" ")
        row = await connection.fetchrow(_LOAD, request_id, kind)
        if row is None or row["state"] != RequestState.HELD.value:
            return
        examination = self._examine_again(row)
        verdict = run(examination, RECHECK)
        failed = verdict.failure.rule if verdict.failure else None
        prepared: Prepared | None = None
        if failed is None:
            assert self._prepare is not None
            try:
                prepared = self._prepare(examination)
            except ProtocolError as error:
                failed = error.rule
        journal = self._gateway.journal
        entry = Entry(
            id=self._gateway.new_id(),
            at=examination.at,
            stage="release",
            outcome="sent" if prepared else f"failed {code_of(failed or '', otherwise='CANNOT_TRANSFORM')}",
            request_id=request_id,
            user=examination.user_text,
            device=examination.device_text,
            srv=examination.submitted.service_reference_variant,
            checks=checks_of(verdict),
        )
        await journal.add(connection, entry)
        if prepared is None:
            await self._fail(connection, examination, request_id, kind)
            return
        assert self._rows is not None
        hub = examination.target.hub
        moved = move_request(request_id, kind, advance(REQUEST_LIFE, RequestState.HELD, RequestEvent.SEND))
        await execute(connection, *self._rows(prepared, hub), moved)
        command = prepared.command
        gateway = self._gateway
        gateway.database.after_commit(connection, gateway.outbox.wake)
        gateway.database.after_commit(connection, lambda: gateway.open_commands.put(command))

    def _examine_again(self, row: Row) -> Examination:
        gateway = self._gateway
        examination = Examination(
            document=row["document"],
            service="S",
            peer=None,
            at=gateway.now(),
            directory=gateway.directory,
            policy=gateway.policy,
            validate=gateway.validate,
        )
        # The signature was verified on arrival; what was accepted is what is carried out.
        examination.root = parse_document(row["document"], gateway.policy.limits)
        examination.read(read_request(examination.root))
        examination.role = row["role"]
        return examination

    async def _fail(
        self, connection: PoolConnectionProxy, examination: Examination, request_id: str, kind: str
    ) -> None:
        state = advance(REQUEST_LIFE, RequestState.HELD, RequestEvent.FAIL)
        await execute(connection, move_request(request_id, kind, state))
        device, user = examination.device_text, examination.user_text
        alert = command_failure(self._gateway, "N7", request_id, device, user)
        await self._gateway.deliver_in(connection, alert)
