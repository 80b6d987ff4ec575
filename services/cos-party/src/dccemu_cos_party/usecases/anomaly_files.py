"""Signed files of threshold anomaly detection at the CoS Party: its own thresholds, its own quarantine.

service-request-processing.md section 16 and cos-party.md section 3, check 8. The files have the form that the gateway
takes (``docs/anomaly-detection.md``); the CoS Party checks signature and certificate by its own copies, and a User that
wants one threshold at both sends its file to both.
"""

from __future__ import annotations

from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.anomaly import (
    ANY_SERVICE,
    SIGNER_ROLES,
    ActionFile,
    Fault,
    QuarantineAction,
    SignedFile,
    ThresholdFile,
    choose,
    prove_file,
    read_actions,
    read_thresholds,
)
from dccemu_protocol.anomaly.layout import SOURCE, refused
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Usage, check_path, serial_text
from dccemu_runtime.clock import Clock
from dccemu_runtime.database import Database
from dccemu_runtime.entropy import Entropy
from dccemu_runtime.journal import Check, Entry, Journal

from ..adapters import filed
from ..adapters.book import ANYBODY
from ..adapters.facts import Facts
from .decide import Decisions


class AnomalyFiles:
    """Takes files of Users and of the CoS Party's operator."""

    def __init__(
        self,
        database: Database,
        facts: Facts,
        decisions: Decisions,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own_eui: str,
    ) -> None:
        self._database = database
        self._facts = facts
        self._decisions = decisions
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._own = own_eui

    async def take_thresholds(self, file: SignedFile) -> dict[str, Any]:
        """Put a User's thresholds for 6.23 in force; rows for other services are the gateway's.

        Raises
        ------
        ProtocolError
            ``FILE_SIGNER``, ``FILE_SIGNATURE``, ``FILE_FORM``, ``FILE_ROWS`` or ``FILE_REFERENCE``.
        """
        owner = await self._prove(file)
        read = read_thresholds(file.content)
        async with self._database.transaction() as connection:
            await self._use(connection, owner, read, "thresholds", serial_text(file.serial), file.content)
            return await self._put(connection, owner, read)

    async def set_own(self, content: bytes, approved_by: str) -> dict[str, Any]:
        """Put the CoS Party's own thresholds over all Users in force (``user_id`` is the CoS Party's)."""
        read = read_thresholds(content)
        signer = f"approved by {approved_by}"
        async with self._database.transaction() as connection:
            await self._use(connection, self._own, read, "thresholds", signer, content)
            return await self._put(connection, ANYBODY, read)

    async def _put(self, connection: PoolConnectionProxy, user: str, read: ThresholdFile) -> dict[str, Any]:
        rows = [row for row in read.rows if row.srv in (filed.SERVICE, ANY_SERVICE)]
        if not rows:
            raise refused([Fault(2, "srv", f"a row for {filed.SERVICE} or *", read.rows[0].srv)])
        await filed.put(connection, read.reference, user, rows)
        return {"reference": read.reference, "user": user, "thresholds": len(rows)}

    async def take_actions(self, file: SignedFile) -> dict[str, Any]:
        """Release or delete what of a User is quarantined here."""
        owner = await self._prove(file)
        read = read_actions(file.content)
        done = dict.fromkeys(QuarantineAction, 0)
        async with self._database.transaction() as connection:
            await self._use(connection, owner, read, "actions", serial_text(file.serial), file.content)
            for one, action in choose(read, await filed.quarantined(connection, owner)):
                settle = self._decisions.release if action is QuarantineAction.RELEASE else self._decisions.delete
                await settle(connection, one.request_id)
                done[action] += 1
        return {"reference": read.reference, "user": owner, **{action.value: n for action, n in done.items()}}

    async def shown(self) -> list[dict[str, Any]]:
        """Filed thresholds as given, and which are in force."""
        now = self._clock.now()
        async with self._database.pool.acquire() as connection:
            rows = await filed.rows_of(connection, None)
            current = await filed.current(connection, sorted({user for user, _, _ in rows}), now)
        return [
            {
                "user": user,
                "reference": reference,
                "window_seconds": int(row.window.total_seconds()),
                "warning": row.warning,
                "maximum": row.quarantine,
                "valid_from": row.valid_from.isoformat(),
                "valid_to": None if row.valid_to is None else row.valid_to.isoformat(),
                "exception_note": row.note,
                "in_force": current.get(user) is row or current.get(user) == row,
            }
            for user, reference, row in rows
        ]

    async def _prove(self, file: SignedFile) -> str:
        at = self._clock.now()
        try:
            return prove_file(
                file,
                self._facts.signer(file.issuer, file.serial),
                lambda signer: check_path(
                    signer, self._facts.store, at, roles=SIGNER_ROLES, usage=Usage.DIGITAL_SIGNATURE
                ),
            )
        except ProtocolError as error:
            check = Check(error.rule, False, "signed by the User's file signing certificate", error.detail, SOURCE)
            async with self._database.transaction() as connection:
                await self._note(connection, None, "refused", file.content, check)
            raise

    async def _use(
        self,
        connection: PoolConnectionProxy,
        owner: str,
        read: ThresholdFile | ActionFile,
        kind: str,
        signer: str,
        content: bytes,
    ) -> None:
        if read.user != owner:
            raise refused([Fault(2, "user_id", owner, read.user)])
        if not await filed.use(connection, owner, read.reference, self._clock.now(), kind, signer, content):
            detail = f"{owner} used {read.reference} before"
            raise ProtocolError("FILE_REFERENCE", detail, source=SOURCE)
        await self._note(connection, owner, f"{kind} taken, {signer}", content)

    async def _note(
        self, connection: PoolConnectionProxy, user: str | None, outcome: str, content: bytes, *checks: Check
    ) -> None:
        entry = Entry(
            id=self._entropy.uuid(),
            at=self._clock.now(),
            stage="anomaly detection",
            outcome=outcome,
            user=user,
            checks=checks,
            message=content,
        )
        await self._journal.add(connection, entry)
