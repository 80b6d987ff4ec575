"""Schedules: create, read, delete (5.1 to 5.3) and run them (service-request-processing.md section 10).

Each run repeats access control and makes a Command on behalf of the User; its Response goes out as
DSPScheduledMessage. A run that fails is told by a CommandFailure Alert with the schedule's number; a schedule whose
Device or entitlement is gone for good is removed with a DSPScheduleRemoval Alert.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from asyncpg import Record as Row
from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol import catalogue
from dccemu_protocol.duis import AnsweredRequest, responses, text_of, tree_of
from dccemu_protocol.duis.content import Content
from dccemu_protocol.errors import ProtocolError
from dccemu_runtime.groupcommit import Unit, Write, delete, insert
from dccemu_runtime.journal import Entry
from dccemu_runtime.timers import Timer

from ..adapters.operations import claim_request
from ..adapters.record import checks_of
from ..domain import schedules as domain
from ..domain.commands import JsonValue
from ..domain.examination import Examination
from ..domain.lifecycle import REQUEST_LIFE, Kind, RequestEvent, RequestState, advance
from ..domain.refusal import Refusal
from ..domain.rules import RECHECK, run
from ..domain.rules.certificates import key_agreement_acceptable
from ..domain.schedules import MOST, Schedule
from ..domain.status import ALLOWED
from .answers import Reply, acknowledge, result
from .dcc_alerts import dcc_alert
from .gateway import Gateway, execute
from .send import Send

RUN = "schedule"
_INSERT = insert(
    "schedules",
    {
        "id": "bigint",
        "request_id": "text",
        "user_": "text",
        "device": "text",
        "srv": "text",
        "role": "text",
        "schema_version": "text",
        "details": "jsonb",
        "created_at": "timestamptz",
    },
)
_DELETE = delete("schedules", {"id": "bigint"})
_NUMBER = "SELECT nextval('schedule_numbers')"
_NAMES = "id, request_id, user_, device, srv, role, schema_version, details"
_MINE = f"SELECT {_NAMES} FROM schedules WHERE user_ = $1 AND device = $2 ORDER BY id"  # noqa: S608 - columns
_ONE = f"SELECT {_NAMES} FROM schedules WHERE id = $1"  # noqa: S608 - columns
_GONE = frozenset({"Decommissioned", "Withdrawn"})


class Schedules:
    """The use cases of schedules."""

    def __init__(self, gateway: Gateway, send: Send) -> None:
        self._gateway = gateway
        self._send = send
        gateway.timers.on(RUN, self.run)

    # -- 5.1 -----------------------------------------------------------------------------------------------------------

    async def create(self, examination: Examination, accepted: Write) -> Reply:
        """Make a schedule, if the User may receive the service now."""
        gateway, request = self._gateway, examination.submitted
        details = tree_of(request.body)
        assert isinstance(details, dict)
        asked = Schedule(
            id=0,
            request_id=examination.request_text,
            user=examination.user_text,
            device=str(details.get("DeviceID", "")).upper(),
            srv=str(details.get("DSPScheduledServiceReferenceVariant", "")),
            role="",
            schema_version=request.schema_version,
            details=details,
        )
        domain.check(asked, examination.at)
        asked = replace(asked, role=self._entitled(examination, asked))
        existing = await gateway.database.pool.fetch(_MINE, asked.user, asked.device)
        if len(existing) >= MOST:
            raise Refusal("SCHEDULES_TOO_MANY", expected=f"fewer than {MOST} schedules", got=str(len(existing)))
        if any(json.loads(row["details"]) == details for row in existing):
            raise Refusal("SCHEDULE_DUPLICATE", expected="a new schedule", got="an existing one")
        first = asked.next_run(examination.at)
        if first is None:
            raise Refusal("SCHEDULE_END_BEFORE_START", expected="a run before the end date", got="none")
        made = replace(asked, id=await gateway.database.pool.fetchval(_NUMBER))
        row = (
            made.id,
            made.request_id,
            made.user,
            made.device,
            made.srv,
            made.role,
            made.schema_version,
            json.dumps(details),
            examination.at,
        )
        timer = gateway.timers.write_set(RUN, str(made.id), first)
        await self._accept(examination, Write(_INSERT, row), timer, accepted)
        return self._result(examination, "DSPScheduleID", made.id)

    def _entitled(self, examination: Examination, asked: Schedule) -> str:
        """The role in which the User may receive the service now."""
        directory = self._gateway.directory
        device = directory.device(asked.device)
        kind = None if device is None else "ESME" if device.type == "SAPC" else device.type
        if device is None or kind not in asked.variant.target_device_types:
            raise Refusal("SCHEDULE_DEVICE", expected=f"a Device that can do {asked.srv}", got=asked.device)
        if device.status is not None and not ALLOWED[device.status][1](asked.variant, 1):
            raise Refusal("SCHEDULE_STATUS_FORBIDS", expected=ALLOWED[device.status][0], got=asked.srv)
        held = examination.sender.active_roles
        roles = tuple(role for role in held if role in asked.variant.eligible_user_roles)
        role = directory.entitled_role(asked.user, roles, device, examination.at) if roles else None
        if role is None:
            raise Refusal(
                "SCHEDULE_NOT_ENTITLED",
                expected=f"{asked.user} entitled to {asked.srv} for {asked.device}",
                got=", ".join(held),
            )
        if asked.variant.accepts_urp_ka_certificate:
            given = asked.text("KAPublicSecurityCredential") or None
            key_agreement_acceptable(examination, device, role, given, "SCHEDULE_CERTIFICATE")
        return role

    # -- 5.2, 5.3 ------------------------------------------------------------------------------------------------------

    async def read(self, examination: Examination, accepted: Write) -> Reply:
        """Read one's own schedules, by number or of a Device."""
        found = await self._named(examination, "SCHEDULE_UNKNOWN", "SCHEDULES_NONE")
        await self._accept(examination, accepted)
        content: list[Content] = [
            {"DSPScheduleID": one.id, "DSPScheduleDetails": dict(one.details)} for one in found[:MOST]
        ]
        return self._result(examination, "DSPSchedulesRead", {"DSPSchedules": content})

    async def delete(self, examination: Examination, accepted: Write) -> Reply:
        """Delete one's own schedules, by number or of a Device."""
        found = await self._named(examination, "SCHEDULE_TO_DELETE_UNKNOWN", "SCHEDULES_TO_DELETE_NONE")
        gone = [Write(_DELETE, (one.id,)) for one in found]
        stopped = [self._gateway.timers.write_cancel(RUN, str(one.id)) for one in found]
        await self._accept(examination, *gone, *stopped, accepted)
        answered = AnsweredRequest.of(examination.submitted)
        return acknowledge(answered, self._gateway.settings.non_device_ok_code, examination.at)

    async def _named(self, examination: Examination, unknown: str, none: str) -> list[Schedule]:
        body = examination.submitted.body
        name, value = body[0].tag.rpartition("}")[2], text_of(body[0])
        pool, user = self._gateway.database.pool, examination.user_text
        if name == "DSPScheduleID":
            row = await pool.fetchrow(_ONE, int(value))
            if row is None or row["user_"] != user:
                raise Refusal(unknown, expected=f"a schedule of {user}", got=value)
            return [_schedule(row)]
        rows = await pool.fetch(_MINE, user, value.upper())
        if not rows:
            raise Refusal(none, expected=f"schedules of {user} for {value}", got="none")
        return [_schedule(row) for row in rows]

    # -- runs ----------------------------------------------------------------------------------------------------------

    async def run(self, connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
        """A schedule comes due."""
        row = await connection.fetchrow(_ONE, int(timer.key))
        if row is None:
            return None
        schedule, gateway = _schedule(row), self._gateway
        examination = self._examine(schedule)
        verdict = run(examination, RECHECK)
        failed = verdict.failure
        if failed is not None and self._is_over(schedule, failed.rule):
            await self._remove(connection, schedule, "N6" if failed.rule == "NOT_REGISTERED" else "N5")
            return None
        outcome = "sent"
        if failed is None:
            try:
                prepared = self._send.prepare(examination)
            except ProtocolError as error:
                outcome = f"failed {error.rule}"
            else:
                extra: dict[str, JsonValue] = {"schedule": schedule.id, "created_by": schedule.request_id}
                command = prepared.command._replace(extra={**prepared.command.extra, **extra})
                rows = self._send.rows(prepared._replace(command=command), examination.target.hub)
                await execute(connection, *rows)
                gateway.database.after_commit(connection, gateway.outbox.wake)
                gateway.database.after_commit(connection, lambda: gateway.open_commands.put(command))
        else:
            outcome = f"failed {failed.code}"
        if outcome != "sent":
            content: dict[str, Content] = {
                "CommandRequestID": schedule.request_id,
                "DSPScheduleID": schedule.id,
                "DeviceID": schedule.device,
            }
            alert = dcc_alert(gateway, "N7", "CommandFailure", content, schedule.device, schedule.user)
            await gateway.deliver_in(connection, alert)
        entry = Entry(
            id=gateway.new_id(),
            at=examination.at,
            stage="schedule",
            outcome=outcome,
            request_id=schedule.request_id,
            user=schedule.user,
            device=schedule.device,
            srv=schedule.srv,
            checks=checks_of(verdict),
            detail={"schedule": schedule.id},
        )
        await gateway.journal.add(connection, entry)
        return schedule.next_run(max(examination.at, timer.due_at))

    def _examine(self, schedule: Schedule) -> Examination:
        gateway, at = self._gateway, self._gateway.now()
        examination = Examination(
            document=b"",
            service="S",
            peer=None,
            at=at,
            directory=gateway.directory,
            policy=gateway.policy,
            validate=gateway.validate,
        )
        # The counter is the time in milliseconds, as Users count; it need not be the User's own for a read.
        examination.read(schedule.request(at, int(at.timestamp() * 1000)))
        examination.variant = schedule.variant
        return examination

    def _is_over(self, schedule: Schedule, rule: str) -> bool:
        device = self._gateway.directory.device(schedule.device)
        return rule == "NOT_REGISTERED" or device is None or device.status in _GONE

    async def _remove(self, connection: PoolConnectionProxy, schedule: Schedule, alert: str) -> None:
        content: dict[str, Content] = {"DeviceID": schedule.device, "DSPScheduleID": schedule.id}
        told = dcc_alert(self._gateway, alert, "DSPScheduleRemoval", content, schedule.device, schedule.user)
        await execute(connection, Write(_DELETE, (schedule.id,)))
        await self._gateway.deliver_in(connection, told)

    # -- in common -----------------------------------------------------------------------------------------------------

    async def _accept(self, examination: Examination, *writes: Write) -> None:
        state = advance(REQUEST_LIFE, RequestState.NEW, RequestEvent.ANSWER_DIRECTLY)
        examination.role = next(iter(examination.roles), "")
        await self._gateway.commit(Unit((claim_request(examination, Kind.REQUEST, state),), writes))
        self._gateway.history.note(examination.request_text, Kind.REQUEST)

    def _result(self, examination: Examination, name: str, content: Content) -> Reply:
        answered = AnsweredRequest.of(examination.submitted)
        document = responses.non_device_result(answered, catalogue.SUCCESS, examination.at, name, content)
        return result(self._gateway.keys.signer.sign_canonical(document))


def _schedule(row: Row) -> Schedule:
    return Schedule(
        id=row["id"],
        request_id=row["request_id"],
        user=row["user_"],
        device=row["device"],
        srv=row["srv"],
        role=row["role"],
        schema_version=row["schema_version"],
        details=json.loads(row["details"]),
    )
