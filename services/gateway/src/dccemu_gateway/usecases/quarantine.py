"""Quarantine: requests above a threshold wait for their User's word (service-request-processing.md section 16).

Such a request is accepted: its row, the event, the Alert that tells the User, and the timer that ends its wait commit
as one unit, then the acknowledgement leaves. Nothing is sent. The action file makes the timer due with RELEASE or
DELETE; when nobody answers it comes due by itself and deletes.
"""

from __future__ import annotations

import json
from datetime import timedelta

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol import catalogue
from dccemu_protocol.anomaly import QuarantineAction
from dccemu_protocol.duis import AnsweredRequest, parse_document, read_request, responses
from dccemu_runtime.groupcommit import Unit, Write
from dccemu_runtime.journal import Check, Entry
from dccemu_runtime.timers import Timer

from ..adapters.anomaly import DELETED, EXPIRED, QUARANTINED, RELEASED, AnomalyRows, put_quarantined
from ..adapters.counters import RoleCounter
from ..adapters.operations import claim_request, move_request
from ..domain.anomaly import Breach
from ..domain.examination import Examination
from ..domain.lifecycle import REQUEST_LIFE, RequestEvent, RequestState, advance
from ..domain.rules import ANOMALY
from .anomaly import Detection
from .answers import Reply, acknowledge
from .dcc_alerts import dcc_alert
from .gateway import Gateway, execute
from .hold import Hold

TIMER = "quarantine"
_BY_USER, _BY_DCC = ("N34", "ADUserThresholdBreach"), ("N35", "ADDCCThresholdBreach")
_LOAD = """
SELECT request_id, kind, user_, device, srv, role, state, received_at, document FROM requests
WHERE request_id = $1 AND kind = $2 FOR UPDATE"""


def failed_anomaly(breach: Breach) -> Check:
    """Check 25 as it failed."""
    setter = "the DCC" if breach.by_dcc else breach.watch.owner
    threshold = breach.threshold
    return Check(
        f"{ANOMALY.number} {ANOMALY.name}: QUARANTINED",
        False,
        expected=f"at most {threshold.quarantine} of {breach.watch.srv} in {threshold.window}, set by {setter}",
        got=f"{breach.count} let through, this is one more",
        source=ANOMALY.clause,
    )


class Quarantine:
    """The use cases of quarantined requests."""

    def __init__(
        self, gateway: Gateway, hold: Hold, detection: Detection, rows: AnomalyRows, events: RoleCounter
    ) -> None:
        self._gateway = gateway
        self._hold = hold
        self._detection = detection
        self._rows = rows
        self._events = events
        gateway.timers.on(TIMER, self.settle)

    async def take(self, examination: Examination, breach: Breach, accepted: Write) -> Reply:
        """Keep a request that exceeds a threshold, and tell its User."""
        gateway, request, watch = self._gateway, examination.submitted, breach.watch
        kind = examination.kind
        if watch.event is None:
            watch.event = self._events.take()
        event = watch.event
        code, element = _BY_DCC if breach.by_dcc else _BY_USER
        content = {element: {"RequestID": examination.request_text, "QuarantineEventRef": str(event)}}
        alert = dcc_alert(gateway, code, "QuarantinedRequest", content, examination.device_text, examination.user_text)
        row = put_quarantined(
            (
                *(examination.request_text, kind, event, examination.user_text, request.service_reference_variant),
                *(element, breach.threshold.quarantine, int(breach.threshold.window.total_seconds())),
                *(examination.at, alert.row[0], QUARANTINED),
            )
        )
        due = examination.at + timedelta(days=gateway.settings.quarantine_days)
        key = f"{examination.request_text} {kind.value}"
        timer = gateway.timers.write_set(TIMER, key, due, {"action": QuarantineAction.DELETE.value})
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.QUARANTINE)
        claim = claim_request(examination, kind, state, examination.document)
        await gateway.commit(Unit((claim,), (row, timer, alert, accepted)))
        gateway.history.note(examination.request_text, kind)
        return acknowledge(AnsweredRequest.of(request), catalogue.ACKNOWLEDGEMENT, examination.at)

    async def settle(self, connection: PoolConnectionProxy, timer: Timer) -> None:
        """The User answered, or did not answer in time."""
        request_id, _, kind = timer.key.partition(" ")
        row = await connection.fetchrow(_LOAD, request_id, kind)
        if row is None or row["state"] != RequestState.QUARANTINED.value:
            return
        gateway, now = self._gateway, self._gateway.now()
        reference = timer.payload.get("reference")
        is_release = timer.payload["action"] == QuarantineAction.RELEASE.value
        event = RequestEvent.RELEASE if is_release else RequestEvent.DELETE
        outcome = RELEASED if is_release else DELETED if reference else EXPIRED
        state = advance(REQUEST_LIFE, RequestState.QUARANTINED, event)
        await execute(connection, move_request(request_id, kind, state))
        await self._rows.decide(connection, request_id, kind, outcome, now, reference)
        entry = Entry(
            id=gateway.new_id(),
            at=now,
            stage=TIMER,
            outcome=outcome,
            request_id=request_id,
            user=row["user_"],
            device=row["device"],
            srv=row["srv"],
            detail={"reference": reference},
        )
        await gateway.journal.add(connection, entry)
        if is_release:
            user, srv, received_at = row["user_"], row["srv"], row["received_at"]
            gateway.database.after_commit(connection, lambda: self._detection.admit(user, srv, received_at))
            await self._hold.resume(connection, row)
        else:
            await self._answer_deleted(connection, row["document"], request_id)

    async def _answer_deleted(self, connection: PoolConnectionProxy, document: bytes, request_id: str) -> None:
        """The final answer of a request that was deleted: E54."""
        gateway, code = self._gateway, catalogue.response_code("QUARANTINE_DELETED")
        request = read_request(parse_document(document, gateway.policy.limits))
        answered = AnsweredRequest.of(request)
        answer = gateway.delivery(
            user=str(request.user),
            device=str(request.device),
            kind="response",
            code=code,
            document=gateway.keys.signer.sign_canonical(responses.device_response(answered, code, gateway.now(), None)),
            request_id=request_id,
            response_id=answered.request_id.response_id,
        )
        woken = gateway.followers.wake(request_id, gateway.now())
        await execute(connection, *woken)
        await gateway.deliver_in(connection, answer)
        gateway.database.after_commit(connection, gateway.timers.wake)


def timer_payload(action: QuarantineAction, reference: str) -> str:
    """What the timer of a quarantined request says once the User has answered."""
    return json.dumps({"action": action.value, "reference": reference})
