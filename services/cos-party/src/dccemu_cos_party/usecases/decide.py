"""Deciding on a request that was handed over: sign, hold, quarantine or refuse. One transaction each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.cos import CosDecision, CosRequest
from dccemu_contracts.envelope import Contract
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import RequestId
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Check, Entry, Journal
from dccemu_runtime.outbox import Outbox
from dccemu_runtime.timers import Timer, Timers

from ..adapters.book import Book, Row
from ..domain.checks import RULES, THRESHOLD_RULE, Case, Refused, examine
from ..domain.evidence import Evidence
from ..domain.ngi import derive_text, read_document
from ..domain.threshold import QUARANTINE_DCC, QUARANTINE_USER, QUARANTINES
from .signing import Signer

HOLD_TIMER = "cos-party hold"
Examine = Callable[[Case], None]
# Failures that a fact still on its way could cure.
_CURABLE = frozenset(
    {"SIGNATURE_SIGNER_UNKNOWN", "SIGNATURE_SIGNER_PATH", "COS_CERTIFICATE", "COS_MPXN", "COS_NOT_REGISTERED"}
)


@dataclass(slots=True)
class Tools:
    """What deciding needs."""

    book: Book
    evidence: Evidence
    signer: Signer
    outbox: Outbox
    timers: Timers
    journal: Journal
    clock: Clock
    entropy: Entropy
    hold: timedelta
    patience: float
    news: Callable[[float], Awaitable[bool]]


class Decisions:
    """Takes requests to a decision."""

    def __init__(self, tools: Tools, checks: Examine = examine) -> None:
        self._tools = tools
        self._examine = checks

    async def take(self, connection: PoolConnectionProxy, message: CosRequest) -> None:
        """Decide on a request from the gateway or the Non-Gateway Interface."""
        tools = self._tools
        now = tools.clock.now()
        known = await tools.book.is_known(connection, message.request_id)
        request_id = RequestId.parse(message.request_id)
        row = Row(
            message.request_id,
            message.device,
            str(request_id.originator),
            message.submitter,
            message.document,
            now,
            "refused",
        )
        await self._decide(connection, row, seen_before=known)

    async def hold_over(self, connection: PoolConnectionProxy, timer: Timer) -> None:
        """A held request's time has come: every check again, then the Command goes out with its date inside."""
        row = await self._tools.book.row(connection, timer.key)
        if row is not None and row.state == "held":
            await self._decide(connection, row, due=True, released=True)

    async def registration_changed(self, connection: PoolConnectionProxy, request_id: str) -> None:
        """The registration under a held request changed: if the sender is not to be the Supplier, it is cancelled."""
        row = await self._tools.book.row(connection, request_id)
        if row is None or row.state != "held":
            return
        case = await self._case(connection, row, seen_before=False, released=True)
        try:
            self._examine(case)
        except Refused as refused:
            await self._tools.timers.cancel(connection, HOLD_TIMER, row.request_id)
            await self._refuse(connection, row, case, refused, seen_before=False)

    async def release(self, connection: PoolConnectionProxy, request_id: str) -> Row | None:
        """A quarantined request is released: every check again but the thresholds."""
        row = await self._tools.book.row(connection, request_id)
        if row is None or row.state != "quarantined":
            return None
        return await self._decide(connection, row, released=True)

    async def delete(self, connection: PoolConnectionProxy, request_id: str) -> Row | None:
        """A quarantined request is deleted: that is its end."""
        row = await self._tools.book.row(connection, request_id)
        if row is None or row.state != "quarantined":
            return None
        detail = "the quarantined request was deleted"
        return await self._close(connection, row, "refused", rule="QUARANTINE_DELETED", detail=detail)

    async def _case(self, connection: PoolConnectionProxy, row: Row, *, seen_before: bool, released: bool) -> Case:
        tools = self._tools
        now = tools.clock.now()
        counts, thresholds = await tools.book.measure(connection, row.user, now)
        return Case(
            document=row.document.encode(),
            request_id=RequestId.parse(row.request_id),
            now=now,
            evidence=tools.evidence,
            seen_before=seen_before,
            counts=counts,
            thresholds=thresholds,
            released=released,
            submitter=row.submitter,
        )

    async def _decide(
        self,
        connection: PoolConnectionProxy,
        row: Row,
        *,
        seen_before: bool = False,
        released: bool = False,
        due: bool = False,
    ) -> Row:
        case = await self._case(connection, row, seen_before=seen_before, released=released)
        try:
            await self._examine_patiently(case)
            await self._count_alone(connection, case)
            request, content = case.found
            row = replace(row, mpxn=content.mpxn, execution_at=case.execution)
            if request.is_cancellation:
                await self._cancel_held(connection, row)
            elif case.execution is not None and not due and case.execution - case.now > self._tools.hold:
                return await self._hold(connection, row, case.execution)
            counter = await self._tools.book.next_counter(connection, case.now)
            payload = self._tools.signer.command(request, counter, case.now).hex()
        except Refused as refused:
            return await self._refuse(connection, row, case, refused, seen_before=seen_before)
        except ProtocolError as error:
            # The checks passed and yet the request cannot be expressed as a Command.
            return await self._refuse(connection, row, case, Refused(RULES[0], error), seen_before=seen_before)
        return await self._close(connection, row, "signed", counter=counter, payload=payload, case=case)

    async def _count_alone(self, connection: PoolConnectionProxy, case: Case) -> None:
        """Everything else passed: count once more with nobody beside, now that nothing is waited for any more."""
        case.counts, case.thresholds = await self._tools.book.measure(connection, case.user, case.now, alone=True)
        try:
            THRESHOLD_RULE.check(case)
        except ProtocolError as error:
            raise Refused(THRESHOLD_RULE, error) from None

    async def _examine_patiently(self, case: Case) -> None:
        """Facts travel by another road than requests: before a refusal that a fact could cure, wait a moment."""
        remaining = self._tools.patience
        while True:
            try:
                self._examine(case)
                return
            except Refused as refused:
                if refused.error.rule not in _CURABLE or remaining <= 0:
                    raise
            slice_ = min(0.25, remaining)
            await self._tools.news(slice_)
            remaining -= slice_

    async def _hold(self, connection: PoolConnectionProxy, row: Row, execution: datetime) -> Row:
        due = execution - self._tools.hold
        await self._tools.timers.set(connection, HOLD_TIMER, row.request_id, due, {})
        detail = f"held until {due.isoformat()}"
        return await self._close(connection, row, "held", detail=detail)

    async def _cancel_held(self, connection: PoolConnectionProxy, row: Row) -> None:
        for held in await self._tools.book.held(connection, row.device, row.user):
            await self._tools.timers.cancel(connection, HOLD_TIMER, held.request_id)
            detail = f"cancelled by {row.request_id}"
            await self._close(connection, held, "refused", rule="COS_PARTY_REFUSED", detail=detail)

    async def _refuse(
        self, connection: PoolConnectionProxy, row: Row, case: Case, refused: Refused, *, seen_before: bool
    ) -> Row:
        error = refused.error
        state: Literal["refused", "quarantined"] = "quarantined" if error.rule in QUARANTINES else "refused"
        return await self._close(
            connection,
            row,
            state,
            rule=error.rule,
            detail=error.detail,
            refused=refused,
            case=case,
            keep=not seen_before,
        )

    async def _close(
        self,
        connection: PoolConnectionProxy,
        row: Row,
        state: Literal["signed", "refused", "quarantined", "held"],
        *,
        rule: str | None = None,
        detail: str | None = None,
        counter: int | None = None,
        payload: str | None = None,
        refused: Refused | None = None,
        case: Case | None = None,
        keep: bool = True,
    ) -> Row:
        """Write the decision to the book and the journal, and send it."""
        tools = self._tools
        now = tools.clock.now()
        reference = int(now.timestamp() * 1000) if state == "quarantined" else None
        row = replace(
            row,
            state=state,
            rule=rule,
            detail=detail,
            counter=counter,
            payload=payload,
            decided_at=now,
            event_reference=reference,
        )
        if keep:
            await tools.book.put(connection, row)
        messages: list[Contract] = [
            CosDecision.model_validate(
                {
                    "id": tools.entropy.uuid(),
                    "at": now,
                    "request_id": row.request_id,
                    "device": row.device,
                    "outcome": state,
                    "payload": payload,
                    "counter": counter,
                    "execution_at": row.execution_at,
                    "rule": rule,
                    "ecos_error_code": refused.rule.ecos_code if refused and state == "refused" else None,
                    "detail": detail,
                    "submitter": row.submitter,
                    "document": self._derived(row, case) if state == "signed" and row.submitter == "ngi" else None,
                }
            )
        ]
        if reference is not None and rule is not None:
            messages.append(self._quarantine_alert(row, rule, reference))
        await tools.outbox.add(connection, *messages)
        await tools.journal.add(connection, self._entry(row, state, refused, case))
        return row

    def _derived(self, row: Row, case: Case | None) -> str | None:
        """The 6.23 that a request of the Non-Gateway Interface stands for, so that the records can follow it."""
        if case is None:
            return None
        document = read_document(row.document)
        return derive_text(document, case.request_id, case.device().type).decode()

    def _quarantine_alert(self, row: Row, rule: str, reference: int) -> DccAlertOrder:
        code, form = {
            QUARANTINE_USER: ("N34", "ADUserThresholdBreach"),
            QUARANTINE_DCC: ("N35", "ADDCCThresholdBreach"),
        }[rule]
        breach = {"RequestID": row.request_id, "QuarantineEventRef": str(reference)}
        return DccAlertOrder(
            id=self._tools.entropy.uuid(),
            at=self._tools.clock.now(),
            code=code,
            alert="QuarantinedRequest",
            recipients=(row.user,),
            device=row.device,
            body={form: breach},
        )

    def _entry(self, row: Row, state: str, refused: Refused | None, case: Case | None) -> Entry:
        checks: list[Check] = []
        for rule in RULES if case is not None else ():
            if refused is not None and rule is refused.rule:
                source = refused.error.source or "cos-party.md 3 B"
                checks.append(Check(refused.error.rule, False, rule.title, refused.error.detail, source))
                break
            checks.append(Check(f"COS_{rule.number}", True, rule.title, source="cos-party.md 3 B"))
        security = refused is not None and refused.rule.security_event
        detail: dict[str, object] = {"submitter": row.submitter, "security_event": security}
        if row.counter is not None:
            detail["counter"] = row.counter
        if row.detail:
            detail["detail"] = row.detail
        if case is not None and state == "signed" and case.counts.of_user == case.thresholds.warning:
            detail["warning"] = f"above {case.thresholds.warning} requests in {row.user}'s window"
        return Entry(
            id=self._tools.entropy.uuid(),
            at=self._tools.clock.now(),
            stage="cos-party",
            outcome=state,
            request_id=row.request_id,
            user=row.user,
            device=row.device,
            srv="6.23",
            checks=tuple(checks),
            detail=detail,
            message=row.document.encode(),
        )
