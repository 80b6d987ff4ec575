"""Answers of Devices that change records (CommandOutcome)."""

from __future__ import annotations

from collections.abc import Callable

from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.inventory import CommandOutcome, DeviceFact, InventoryReply
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Check, Entry, Journal

from ..adapters.records import Records
from ..domain.duties import check_device_certificates
from ..domain.ledger import Cause, Ledger
from ..domain.outcomes import apply_outcome

_OTHERS = ("DeviceID", "OtherDeviceID", "OldCHFID", "OldGPFID")


class Answers:
    """Applies CommandOutcomes."""

    def __init__(
        self,
        records: Records,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        has_certificates: Callable[[str], bool],
    ) -> None:
        self._records = records
        self._has_certificates = has_certificates
        self._journal = journal
        self._clock = clock
        self._entropy = entropy

    async def apply(self, connection: PoolConnectionProxy, outcome: CommandOutcome) -> None:
        """Apply one outcome; what cannot be applied is written to the journal and changes nothing."""
        failure: ProtocolError | None = None
        changed: list[DeviceFact] = []
        ledger = await self._ledger(connection, outcome)
        try:
            apply_outcome(ledger, outcome, await self._records.products(connection))
            check_device_certificates(ledger, self._has_certificates)
        except ProtocolError as error:
            failure = error
        else:
            changed = await self._records.save(connection, ledger)
        if outcome.asked:
            await self._records.publish(connection, [self._reply(outcome, changed, failure)])
        what = outcome.srv or outcome.alert_code or "contact"
        if failure is None and not ledger.changed and not ledger.alerts and not ledger.duties:
            return
        rule, got = (failure.rule, failure.detail) if failure else ("RECORDS_FOLLOW", ", ".join(sorted(ledger.changed)))
        await self._journal.add(
            connection,
            Entry(
                id=self._entropy.uuid(),
                at=self._clock.now(),
                stage="inventory",
                outcome="failed" if failure else "applied",
                request_id=outcome.request_id,
                user=outcome.user,
                device=outcome.device,
                srv=outcome.srv,
                checks=(Check(rule, failure is None, expected=f"effects of {what}", got=got),),
            ),
        )

    def _reply(
        self, outcome: CommandOutcome, changed: list[DeviceFact], failure: ProtocolError | None
    ) -> InventoryReply:
        return InventoryReply(
            id=self._entropy.uuid(),
            at=self._clock.now(),
            in_reply_to=outcome.id,
            request_id=outcome.request_id,
            outcome="done" if failure is None else "refused",
            rule=None if failure is None else failure.rule,
            detail=None if failure is None else failure.detail,
            changed=tuple(changed),
        )

    async def _ledger(self, connection: PoolConnectionProxy, outcome: CommandOutcome) -> Ledger:
        request = outcome.facts.get("request") or {}
        named = [outcome.device, *(str(request[name]).upper() for name in _OTHERS if request.get(name))]
        backup = outcome.facts.get("chf_log_backup") or {}
        named += [str(Eui64.from_hex(str(entry["device_id"]))) for entry in backup.get("devices", ())]
        details = request.get("AddDeviceToCHFWhitelist") or {}
        mpxns = [str(details[name]) for name in ("ImportMPxN", "SecondaryImportMPAN", "ExportMPAN") if name in details]
        index = await self._records.load(connection, named, mpxns)
        what = f"SR {outcome.srv}" if outcome.srv else f"Alert {outcome.alert_code or outcome.use_case or 'contact'}"
        text = f"{what} answered" + (", returned by 8.13" if outcome.local else "")
        return Ledger(index, self._clock.now(), Cause(text, outcome.request_id, outcome.user))
