"""Requests that wait: DSP pattern future dated requests until their date, sequenced ones for their predecessor.

service-request-processing.md sections 9 and 11. A held request is a row with its document, and a timer. When due, the
access control of section 2 (last paragraph) runs again; what fails then is told by a CommandFailure Alert. A sequenced
request whose predecessor failed, stayed unknown or did not finish ends with E41, E40 or E31.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from asyncpg import Record as Row
from asyncpg.pool import Pool, PoolConnectionProxy

from dccemu_protocol import catalogue
from dccemu_protocol.catalogue import FutureDating
from dccemu_protocol.duis import AnsweredRequest, parse_document, read_request, responses
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.envelope import decode
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.journal import Entry
from dccemu_runtime.timers import Timer

from ..adapters.operations import claim_request, move_request
from ..adapters.record import checks_of
from ..domain.examination import Examination
from ..domain.lifecycle import REQUEST_LIFE, Kind, RequestEvent, RequestState, advance
from ..domain.refusal import Refusal
from ..domain.rules import RECHECK, RELEASED, run
from ..domain.rules.table import code_of
from ..domain.sequence import Fate, fate_of
from .alerts import command_failure
from .answers import Reply, acknowledge
from .followers import SEQUENCE
from .gateway import Gateway, execute

if TYPE_CHECKING:
    from .send import Prepared

RELEASE = "release"
_ENTITLEMENT_LOST = "N7"
_HELD = """
SELECT request_id, kind FROM requests
WHERE user_ = $1 AND device = $2 AND srv = $3 AND state = 'held' ORDER BY received_at"""
_LOAD = """
SELECT request_id, kind, role, state, received_at, document FROM requests
WHERE request_id = $1 AND kind = $2 FOR UPDATE"""
_FATE = """
SELECT r.state, c.state FROM requests r LEFT JOIN commands c ON c.request_id = r.request_id AND c.kind = r.kind
WHERE r.request_id = $1 AND r.kind IN ('request', 'signed') ORDER BY c.sent_at DESC"""
_SEQUENCED = frozenset({1, 5})
_KEPT_HERE = frozenset({FutureDating.DSP, FutureDating.DSP_AND_DEVICE})
_CHANGE_OF_SUPPLIER = "6.23"
Released: TypeAlias = "Callable[[Examination, Prepared], tuple[RequestEvent, list[Write], list[Write]]]"
HandOver: TypeAlias = Callable[[PoolConnectionProxy, Examination], Awaitable[None]]
_ENDS: dict[Fate, tuple[str, str]] = {
    Fate.FAILED: ("SEQUENCE_FAILED", "N14"),
    Fate.PENDING: ("SEQUENCE_TIMED_OUT", "N15"),
    Fate.UNKNOWN: ("SEQUENCE_UNKNOWN", "N14"),
}
"""How a request ends that waited in vain: rule and CommandFailure Alert."""


def held_until(examination: Examination, cos_ahead: timedelta) -> datetime | None:
    """Until when the DCC keeps a future dated request itself; None: not at all (section 9).

    DSP pattern: until its date. DSP and Device (6.23): the DCC keeps it until some days before the date, then the
    Device does (section 13.1).
    """
    pattern, at = examination.service_request.future_dating, examination.submitted.execution_date_time
    if at is None or examination.submitted.is_cancellation:
        return None
    if pattern is FutureDating.DSP_AND_DEVICE:
        at -= cos_ahead
    elif pattern is not FutureDating.DSP:
        return None
    return at if at > examination.at else None


async def _fate(source: Pool | PoolConnectionProxy, preceding: str) -> Fate:
    return fate_of([(row[0], row[1]) for row in await source.fetch(_FATE, preceding)])


class Hold:
    """The use cases of waiting requests."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._prepare: Callable[[Examination], Prepared] | None = None
        self._released: Released | None = None
        self._hand_over: HandOver | None = None

    def connect(
        self,
        prepare: Callable[[Examination], Prepared],
        released: Released,
        hand_over: HandOver,
    ) -> None:
        """Tell how a Command is made and sent, or a request handed to the CoS Party, when its time has come."""
        self._prepare, self._released, self._hand_over = prepare, released, hand_over
        self._gateway.timers.on(RELEASE, self.release)
        self._gateway.timers.on(SEQUENCE, self.predecessor_settled)

    async def take(self, examination: Examination, accepted: Write) -> Reply | None:
        """Keep a request that must wait, or give up those that a cancellation names; None: it need not wait."""
        request = examination.submitted
        if request.preceding is not None:
            reply = await self._follow(examination, accepted)
            if reply is not None:
                return reply
        if request.is_cancellation and examination.service_request.future_dating in _KEPT_HERE:
            return await self._cancel(examination, accepted)
        due = self._due(examination)
        if due is None:
            return None
        kind = examination.kind
        timer = self._gateway.timers.write_set(RELEASE, f"{examination.request_text} {kind.value}", due)
        return await self._keep(examination, kind, timer, accepted)

    def _due(self, examination: Examination) -> datetime | None:
        if examination.submitted.execution_date_time is None:
            return None
        return held_until(examination, timedelta(days=self._gateway.settings.cos_ahead_days))

    async def _keep(self, examination: Examination, kind: Kind, timer: Write, accepted: Write) -> Reply:
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.HOLD)
        claim = claim_request(examination, kind, state, examination.document)
        await self._gateway.commit(Unit((claim,), (timer, accepted)))
        self._gateway.history.note(examination.request_text, kind)
        answered = AnsweredRequest.of(examination.submitted)
        return acknowledge(answered, catalogue.ACKNOWLEDGEMENT, examination.at)

    async def _cancel(self, examination: Examination, accepted: Write) -> Reply | None:
        """Give up what is held; what a Device may hold already it must be told itself (None)."""
        request, gateway = examination.submitted, self._gateway
        srv = request.service_reference_variant
        held = await gateway.database.pool.fetch(_HELD, examination.user_text, examination.device_text, srv)
        if not held and examination.service_request.future_dating is FutureDating.DSP_AND_DEVICE:
            return None
        if not held:
            raise Refusal(
                "NOTHING_TO_CANCEL",
                expected=f"a held {srv} of {examination.user_text} for {examination.device_text}",
                got="none",
            )
        kind = examination.kind
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.ANSWER_DIRECTLY)
        cancelled = advance(REQUEST_LIFE, RequestState.HELD, RequestEvent.CANCEL)
        writes = [accepted]
        for row in held:
            writes.append(move_request(row["request_id"], row["kind"], cancelled))
            writes.append(gateway.timers.write_cancel(RELEASE, f"{row['request_id']} {row['kind']}"))
            writes += gateway.followers.wake(row["request_id"], examination.at)
        claim = claim_request(examination, kind, state)
        await gateway.commit(Unit((claim,), writes))
        gateway.history.note(examination.request_text, kind)
        return acknowledge(AnsweredRequest.of(request), catalogue.ACKNOWLEDGEMENT, examination.at)

    # -- sequences -----------------------------------------------------------------------------------------------------

    async def _follow(self, examination: Examination, accepted: Write) -> Reply | None:
        """Check 22: a request waits until its predecessor has a good Response; None when it has one."""
        gateway, request = self._gateway, examination.submitted
        preceding = str(request.preceding)
        if request.command_variant not in _SEQUENCED:
            raise Refusal("SEQUENCE_UNKNOWN", expected="Command Variant 1 or 5", got=str(request.command_variant))
        fate = await _fate(gateway.database.pool, preceding)
        if fate is Fate.GOOD:
            return None
        if fate is Fate.FAILED:
            raise Refusal("SEQUENCE_FAILED", expected=f"a good Response to {preceding}", got="it failed")
        kind = examination.kind
        key = f"{examination.request_text} {kind.value}"
        due = self._deadline(fate, examination.at)
        gateway.followers.add(preceding, key)
        timer = gateway.timers.write_set(SEQUENCE, key, due, {"preceding": preceding})
        reply = await self._keep(examination, kind, timer, accepted)
        if await _fate(gateway.database.pool, preceding) is not fate:
            # It settled while this request was being kept: nobody will wake us.
            await gateway.commit(Unit(writes=gateway.followers.wake(preceding, gateway.now())))
        return reply

    def _deadline(self, fate: Fate, since: datetime) -> datetime:
        if fate is Fate.UNKNOWN:
            return since + timedelta(seconds=self._gateway.settings.sequence_wait_seconds)
        return since + self._gateway.response_wait

    async def predecessor_settled(self, connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        """The predecessor of a held request has its answer, or the wait for it is over."""
        request_id, _, kind = timer.key.partition(" ")
        row = await connection.fetchrow(_LOAD, request_id, kind)
        if row is None or row["state"] != RequestState.HELD.value:
            return None
        preceding = timer.payload["preceding"]
        fate = await _fate(connection, preceding)
        examination = await self._examine_again(row)
        if fate is Fate.GOOD:
            due = self._due(examination)
            if due is not None:
                await self._gateway.timers.set(connection, RELEASE, timer.key, due)
                return None
            await self._go(connection, examination, request_id, kind)
            return None
        until = self._deadline(fate, row["received_at"])
        if fate is not Fate.FAILED and examination.at < until:
            self._gateway.followers.add(preceding, timer.key)
            return until
        rule, alert = _ENDS[fate]
        await self._give_up(connection, examination, request_id, kind, rule, alert)
        return None

    async def _give_up(
        self,
        connection: PoolConnectionProxy,
        examination: Examination,
        request_id: str,
        kind: str,
        rule: str,
        alert: str,
    ) -> None:
        """The final answer of a request that waited in vain."""
        gateway, code = self._gateway, catalogue.response_code(rule)
        answered = AnsweredRequest.of(examination.submitted)
        document = responses.device_response(answered, code, examination.at, None)
        delivery = gateway.delivery(
            user=examination.user_text,
            device=examination.device_text,
            kind="response",
            code=code,
            document=gateway.keys.signer.sign_canonical(document),
            request_id=request_id,
            response_id=answered.request_id.response_id,
        )
        await self._end(connection, examination, request_id, kind, f"{code} {rule}", alert, delivery)

    # -- its time has come ---------------------------------------------------------------------------------------------

    async def release(self, connection: PoolConnectionProxy, timer: Timer) -> None:
        """A held request comes due: check again, then send."""
        request_id, _, kind = timer.key.partition(" ")
        row = await connection.fetchrow(_LOAD, request_id, kind)
        if row is not None and row["state"] == RequestState.HELD.value:
            await self._go(connection, await self._examine_again(row), request_id, kind)

    async def resume(self, connection: PoolConnectionProxy, row: Row) -> None:
        """A request came out of quarantine and is held now: fresh access control, then on from check 25."""
        gateway, key = self._gateway, f"{row['request_id']} {row['kind']}"
        examination = await self._examine_again(row)
        failure = run(examination, RELEASED).failure
        if failure is not None:
            outcome = f"failed {failure.code}"
            await self._end(connection, examination, row["request_id"], row["kind"], outcome, _ENTITLEMENT_LOST)
            return
        preceding = examination.submitted.preceding
        due = self._due(examination)
        if preceding is not None:
            gateway.followers.add(str(preceding), key)
            await gateway.timers.set(connection, SEQUENCE, key, examination.at, {"preceding": str(preceding)})
        elif due is not None:
            await gateway.timers.set(connection, RELEASE, key, due)
        else:
            await self._go(connection, examination, row["request_id"], row["kind"])

    async def _go(self, connection: PoolConnectionProxy, examination: Examination, request_id: str, kind: str) -> None:
        verdict = run(examination, RECHECK)
        failed = verdict.failure.rule if verdict.failure else None
        request = examination.submitted
        is_for_cos = request.service_reference_variant == _CHANGE_OF_SUPPLIER and request.command_variant == 1
        if failed is None and is_for_cos:
            assert self._hand_over is not None
            await self._hand_over(connection, examination)
            return
        prepared: Prepared | None = None
        if failed is None:
            assert self._prepare is not None
            try:
                prepared = self._prepare(examination)
            except ProtocolError as error:
                failed = error.rule
        if prepared is None:
            outcome = f"failed {code_of(failed or '', otherwise='CANNOT_TRANSFORM')}"
            await self._end(connection, examination, request_id, kind, outcome, _ENTITLEMENT_LOST)
            return
        assert self._released is not None
        event, rows, deliveries = self._released(examination, prepared)
        state = advance(REQUEST_LIFE, RequestState.HELD, event)
        gateway, command = self._gateway, prepared.command
        await execute(connection, *rows, move_request(request_id, kind, state))
        await gateway.deliver_in(connection, *deliveries)
        await gateway.journal.add(connection, self._entry(examination, request_id, state.value, ()))
        gateway.database.after_commit(connection, gateway.outbox.wake)
        if event is RequestEvent.SEND:
            gateway.database.after_commit(connection, lambda: gateway.open_commands.put(command))

    async def _end(
        self,
        connection: PoolConnectionProxy,
        examination: Examination,
        request_id: str,
        kind: str,
        outcome: str,
        alert: str,
        *deliveries: Write,
    ) -> None:
        gateway = self._gateway
        state = advance(REQUEST_LIFE, RequestState.HELD, RequestEvent.FAIL)
        woken = gateway.followers.wake(request_id, examination.at)
        await execute(connection, move_request(request_id, kind, state), *woken)
        failure = command_failure(gateway, alert, request_id, examination.device_text, examination.user_text)
        await gateway.deliver_in(connection, *deliveries, failure)
        checks = checks_of(run(examination, RECHECK)) if not deliveries else ()
        await gateway.journal.add(connection, self._entry(examination, request_id, outcome, checks))
        gateway.database.after_commit(connection, gateway.timers.wake)

    def _entry(self, examination: Examination, request_id: str, outcome: str, checks: tuple) -> Entry:  # type: ignore[type-arg]
        return Entry(
            id=self._gateway.new_id(),
            at=examination.at,
            stage="release",
            outcome=outcome,
            request_id=request_id,
            user=examination.user_text,
            device=examination.device_text,
            srv=examination.submitted.service_reference_variant,
            checks=checks,
        )

    async def _examine_again(self, row: Row) -> Examination:
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
        examination.variant = catalogue.service_requests.get(examination.submitted.service_reference_variant)
        examination.role = row["role"]
        if examination.submitted.is_signed_pre_command:
            await gateway.history.recall(examination)
            examination.message = decode(examination.submitted.gbcs_payload or b"")
        return examination
