"""A message from a Device: match, verify, journal, answer the User (service-request-processing.md section 7, step 5).

A Response belongs to an open Command of the same Device, originator and counter. The Device's signature is verified
with its certificate; its MAC where the broker is the recipient, because only the recipient has the key (gbcs.md
section 4.3). The payload goes to the User unchanged. What does not belong or does not verify is journalled and
dropped: it has no effect.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

import structlog

from dccemu_contracts.inventory import CommandOutcome
from dccemu_contracts.wan import DeviceMessage
from dccemu_protocol import catalogue
from dccemu_protocol.duis import responses
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, decode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_runtime.consumers import OpenUnit
from dccemu_runtime.groupcommit import Write
from dccemu_runtime.journal import Check, Entry

from ..adapters.operations import COMMAND_NAMES, claim_answer, move_command, read_command
from ..domain.commands import Command, CommandKey, Facts, key_of_response
from ..domain.interest import READ_SERVICES
from ..domain.lifecycle import COMMAND_LIFE, CommandEvent, CommandState, advance
from ..domain.outcomes import AlertReading, Outcome, read_alert, read_outcome
from .alerts import Alerts
from .device_responses import response_delivery
from .gateway import Gateway
from .inventory_replies import InventoryReplies
from .protection import Protection

log = structlog.get_logger(__name__)

_BY_KEY = f"""
SELECT {COMMAND_NAMES} FROM commands
WHERE device = $1 AND originator = $2 AND counter = $3 AND state IN ('sent', 'taken-up', 'local')
ORDER BY sent_at DESC LIMIT 1"""  # noqa: S608 - names of columns
_BY_ID = f"SELECT {COMMAND_NAMES} FROM commands WHERE id = $1 AND state IN ('sent', 'taken-up')"  # noqa: S608
_json = lru_cache(maxsize=256)(json.dumps)
_SOURCE = "service-request-processing.md 7, step 5"


def outcome_id(command: Command) -> str:
    """The id of the message that tells the inventory how a Command ended."""
    return f"outcome {command.id}"


class Respond:
    """The use cases of messages from Devices."""

    def __init__(self, gateway: Gateway, alerts: Alerts, inventory: InventoryReplies, protection: Protection) -> None:
        self._gateway = gateway
        self._alerts = alerts
        self._inventory = inventory
        self._protection = protection

    async def __call__(self, unit: OpenUnit, arrived: DeviceMessage) -> None:
        """Take one message of the SM WAN."""
        if arrived.kind == "undelivered":
            await self._undelivered(unit, arrived)
            return
        octets = b""
        try:
            octets = bytes.fromhex(arrived.payload or "")
            message = decode(octets)
            if str(message.originator) != arrived.device:
                raise ProtocolError("GBCS_ORIGINATOR", f"{arrived.device} sent a message of {message.originator}")
            if arrived.kind == "alert":
                await self._alert(unit, message, octets)
            else:
                await self._response(unit, message, octets)
        except (ProtocolError, ValueError) as error:
            self._drop(unit, arrived.device, arrived.kind, octets, error)

    async def _response(self, unit: OpenUnit, message: GbcsMessage, octets: bytes) -> None:
        command = await self.find(key_of_response(message))
        if command is None:
            raise ProtocolError("RESPONSE_UNMATCHED", "no open Command has this Device, originator and counter")
        self._fits(command, message)
        self._accept(unit, command, message, octets, await self._protection.check(message))

    async def take_local(self, unit: OpenUnit, command: Command, message: GbcsMessage, octets: bytes) -> bool:
        """8.13: a Response that the User brought, in a unit that claims the answer; the User has it already.

        True when the inventory is told of the outcome; it will answer.
        """
        self._fits(command, message)
        protection = await self._protection.check(message)
        outcome = self._read(command, message)
        self._finish(unit, command, CommandEvent.RESPOND, claimed=True)
        if outcome is not None:
            unit.write(self._gateway.outbox.write(self._outcome(command, outcome, local=True, asked=True)))
        unit.write(self._journal(command, "response", "returned", self._gateway.now(), octets, protection))
        return outcome is not None

    def _accept(self, unit: OpenUnit, command: Command, message: GbcsMessage, octets: bytes, protection: str) -> None:
        at = self._gateway.now()
        outcome = self._read(command, message)
        waits = command.execution_at is not None and command.state is CommandState.SENT
        if waits and (outcome is None or outcome.success):
            self._take_up(unit, command)
        else:
            self._finish(unit, command, CommandEvent.RESPOND)
        # A Supplier that is not a User asked by the Non-Gateway Interface: it looks there.
        delivery = None if command.extra.get("unanswered") else response_delivery(self._gateway, command, octets, at)
        if delivery is not None:
            unit.write(delivery)
        if outcome is not None and command.srv in READ_SERVICES and not (waits and outcome.success):
            self._tell_inventory(unit, command, outcome, delivery)
        else:
            self._alerts.note_contact(unit, message)
        unit.write(self._journal(command, "response", "accepted", at, octets, protection))

    def _fits(self, command: Command, message: GbcsMessage) -> None:
        if message.cra is not CRA.RESPONSE or message.message_code != command.message_code:
            raise ProtocolError(
                "RESPONSE_MISMATCH", f"{message.cra.name} {message.message_code:04x} to {command.message_code:04x}"
            )

    async def find(self, key: CommandKey) -> Command | None:
        """The open Command of a key, from memory or from its row."""
        found = self._gateway.open_commands.find(key)
        if found is not None:
            return found
        row = await self._gateway.database.pool.fetchrow(_BY_KEY, *key)
        return None if row is None else read_command(row)

    # -- the end of a Command ----------------------------------------------------------------------------------------

    def _finish(
        self,
        unit: OpenUnit,
        command: Command,
        event: CommandEvent,
        extra: Facts | None = None,
        *,
        claimed: bool = False,
    ) -> None:
        """The one final answer: whoever claims it makes it. ``claimed``: the unit holds that claim already."""
        state = advance(COMMAND_LIFE, command.state, event)
        if not claimed:
            unit.claim(claim_answer(command.id))
        unit.write(move_command(command, state, command.extra if extra is None else extra))
        unit.write(*self._gateway.followers.wake(command.request_id, self._gateway.now()))
        unit.after_commit(lambda: self._gateway.open_commands.close(command))

    def _take_up(self, unit: OpenUnit, command: Command) -> None:
        assert command.execution_at is not None
        state = advance(COMMAND_LIFE, command.state, CommandEvent.TAKE_UP)
        expires_at = command.execution_at + self._gateway.execution_wait
        taken_up = command._replace(state=state, expires_at=expires_at)
        unit.write(move_command(taken_up, state, taken_up.extra))
        unit.write(*self._gateway.followers.wake(command.request_id, self._gateway.now()))
        unit.after_commit(lambda: self._gateway.open_commands.put(taken_up))

    def _read(self, command: Command, message: GbcsMessage) -> Outcome | None:
        """Read a Response where the DCC must: for its records, and to know whether a later execution is due."""
        if command.srv not in READ_SERVICES and command.execution_at is None:
            return None
        try:
            return read_outcome(message, command.srv)
        except GbcsError as error:
            log.warning("a Response could not be read", device=command.device, srv=command.srv, error=str(error))
            return None

    def _tell_inventory(self, unit: OpenUnit, command: Command, outcome: Outcome, delivery: Write | None) -> None:
        """Let the records follow, and the User hear of it then: it may act on both at once."""
        told = self._outcome(command, outcome, asked=delivery is not None)
        unit.write(self._gateway.outbox.write(told))
        if delivery is not None:
            self._inventory.deliver_after(told, delivery)

    def _outcome(
        self, command: Command, outcome: Outcome, *, local: bool = False, asked: bool = False
    ) -> CommandOutcome:
        """What the inventory is told of an answer."""
        facts = {**outcome.facts}
        if "request" in command.extra:
            facts["request"] = command.extra["request"]
        return CommandOutcome(
            id=outcome_id(command),
            at=self._gateway.now(),
            device=command.device,
            srv=command.srv,
            use_case=command.use_case,
            request_id=command.request_id,
            user=command.user,
            success=outcome.success,
            local=local,
            asked=asked,
            facts=facts,
        )

    # -- Alerts --------------------------------------------------------------------------------------------------------

    async def _alert(self, unit: OpenUnit, message: GbcsMessage, octets: bytes) -> None:
        if message.cra is not CRA.ALERT:
            raise ProtocolError("GBCS_NOT_AN_ALERT", f"{message.cra.name} where an Alert was announced")
        await self._protection.check(message)
        reading = read_alert(message)
        fired: Command | None = None
        if reading.instruction is not None:
            fired = await self._taken_up(message, *reading.instruction)
        delivery = self._alerts.pass_on(unit, message, octets, reading, fired)
        if fired is not None:
            self._count(unit, fired, reading, delivery)

    async def _taken_up(self, message: GbcsMessage, code: int | None, counter: int) -> Command | None:
        for originator in (str(message.target), self._gateway.settings.cos_party_eui, str(self._gateway.keys.broker)):
            found = await self.find((str(message.originator), originator, counter))
            if found is not None and code in (None, found.message_code):
                return found
        return None

    def _count(self, unit: OpenUnit, command: Command, reading: AlertReading, delivery: Write | None) -> None:
        """One instruction of a future dated Command was executed; the last one ends it."""
        seen = int(command.extra.get("seen", 0) or 0) + 1  # type: ignore[arg-type]
        failed = bool(command.extra.get("failed")) or reading.code == 0x8F67
        total = int(command.extra.get("instructions", 1) or 1)  # type: ignore[arg-type]
        extra = {**command.extra, "seen": seen, "failed": failed}
        if command.state is CommandState.SENT:  # The Response to the Command was lost, its effect was not.
            command = command._replace(state=CommandState.TAKEN_UP)
        if seen < total:
            counted = command._replace(extra=extra)
            unit.write(move_command(counted, counted.state, extra))
            unit.after_commit(lambda: self._gateway.open_commands.put(counted))
            return
        self._finish(unit, command, CommandEvent.EXECUTE, extra)
        if command.srv in READ_SERVICES:
            self._tell_inventory(unit, command, Outcome(not failed, reading.facts), delivery)

    # -- no answer -----------------------------------------------------------------------------------------------------

    async def _undelivered(self, unit: OpenUnit, arrived: DeviceMessage) -> None:
        command = self._gateway.open_commands.by_id(arrived.in_reply_to or "")
        if command is None:
            row = await self._gateway.database.pool.fetchrow(_BY_ID, arrived.in_reply_to)
            command = None if row is None else read_command(row)
        if command is None or command.state is not CommandState.SENT:
            return
        self.fail(unit, command, CommandEvent.NOT_DELIVER, "NO_CONTACT", "N12", arrived.reason or "not delivered")

    def fail(
        self,
        unit: OpenUnit,
        command: Command,
        event: CommandEvent,
        rule: str,
        alert: str,
        reason: str,
        *,
        claimed: bool = False,
    ) -> None:
        """End a Command without a Response: an error Response and a CommandFailure Alert (section 7, step 6)."""
        gateway, at = self._gateway, self._gateway.now()
        code = catalogue.response_code(rule)
        if "schedule" in command.extra:
            self._finish(unit, command, event, claimed=claimed)
            alert = {"N12": "N10", "N13": "N11"}[alert]
            unit.write(self._alerts.command_failure(alert, command))
            unit.write(self._journal(command, "response", f"{code} {rule}", at, None, reason))
            return
        answered = command.answered
        document = gateway.keys.signer.sign_canonical(responses.device_response(answered, code, at, None))
        self._finish(unit, command, event, claimed=claimed)
        unit.write(
            gateway.delivery(
                user=command.user,
                device=command.device,
                kind="response",
                code=code,
                document=document,
                request_id=command.request_id,
                response_id=answered.request_id.response_id,
            ),
            self._alerts.command_failure(alert, command),
            self._journal(command, "response", f"{code} {rule}", at, None, reason),
        )

    # -- journal -------------------------------------------------------------------------------------------------------

    def _journal(
        self, command: Command, stage: str, outcome: str, at: datetime, octets: bytes | None, note: str
    ) -> Write:
        return self._gateway.journal.write_passed(
            self._gateway.new_id(),
            at,
            stage,
            outcome,
            command.request_id,
            command.user,
            command.device,
            command.srv,
            f'{{"command": "{command.id}", "note": {_json(note)}}}',
            octets,
        )

    def _drop(self, unit: OpenUnit, device: str, kind: str, octets: bytes, error: ProtocolError | ValueError) -> None:
        """Journal a message that has no effect."""
        rule = error.rule if isinstance(error, ProtocolError) else "GBCS_NOT_HEXADECIMAL"
        detail = error.detail if isinstance(error, ProtocolError) else str(error)
        log.warning("a Device's message was dropped", device=device, kind=kind, rule=rule, detail=detail)
        entry = Entry(
            id=self._gateway.new_id(),
            at=self._gateway.now(),
            stage="alert" if kind == "alert" else "response",
            outcome=f"dropped {rule}",
            device=device,
            checks=(
                Check(
                    rule,
                    False,
                    expected="a Response to an open Command, protected by the Device",
                    got=detail,
                    source=_SOURCE,
                ),
            ),
            message=octets,
        )
        unit.write(self._gateway.journal.write(entry))
