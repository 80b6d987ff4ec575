"""The gateway's journal: entries as written, and the stages that other tables hold anyway.

On the hot path one entry is written for a request and one for a Response. That a check passed is a constant of the
table of rules, so an accepted request stores how many passed and the list is made when somebody reads it; what was
sent to a Device and what was delivered to a User are rows of ``commands`` and ``deliveries`` and are shown as
stages from there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import asyncpg

from dccemu_runtime.database import Database
from dccemu_runtime.groupcommit import Write
from dccemu_runtime.journal import Check, Entry, Filter, Journal

from ..domain.refusal import Failure, Verdict
from ..domain.rules import ANOMALY, RULES

_COMMANDS = """
SELECT id, sent_at, request_id, user_, device, srv, state, use_case, originator, counter, message_code, payload
FROM commands WHERE ($1::text IS NULL OR request_id = $1) AND ($2::text IS NULL OR user_ = $2)
AND ($3::text IS NULL OR device = $3) AND ($4::text IS NULL OR srv = $4)
AND ($5::timestamptz IS NULL OR sent_at >= $5) AND ($6::text IS NULL OR id = $6)
AND ($7::text IS NULL OR state = $7) ORDER BY sent_at DESC LIMIT $8"""
_DELIVERIES = """
SELECT id, created_at, request_id, user_, device, kind, code, state, attempts, last_error, delivered_at, document
FROM deliveries WHERE ($1::text IS NULL OR request_id = $1) AND ($2::text IS NULL OR user_ = $2)
AND ($3::text IS NULL OR device = $3) AND ($4::text IS NULL)
AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::text IS NULL OR id = $6)
AND ($7::text IS NULL OR state = $7) ORDER BY position DESC LIMIT $8"""
COMMAND, DELIVERY = "command", "delivery"


def passed_checks(count: int) -> tuple[Check, ...]:
    """The first ``count`` rules of the table as passed checks."""
    return tuple(
        Check(f"{rule.number} {rule.name}", True, expected=rule.demands, source=rule.clause)
        for rule in (*RULES, ANOMALY)[:count]
    )


def failed_check(failure: Failure) -> Check:
    """The check that ended processing."""
    name = f"{failure.number} {failure.check}: {failure.rule}"
    place = f" (at {failure.place})" if failure.place else ""
    return Check(name, False, expected=failure.expected, got=failure.got + place, source=failure.clause)


def checks_of(verdict: Verdict) -> tuple[Check, ...]:
    """What must be stored of a verdict: the failure only, the passed ones are counted in ``detail``."""
    return () if verdict.failure is None else (failed_check(verdict.failure),)


class Record(Journal):
    """The journal with the stages of the gateway's own tables."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._tables = database

    def write_passed(
        self,
        identity: str,
        at: datetime,
        stage: str,
        outcome: str,
        request_id: str,
        user: str,
        device: str,
        srv: str,
        detail: str,
        message: bytes | None,
    ) -> Write:
        """The row of an entry without checks of its own, its ``detail`` JSON already: most messages pass them all."""
        row = (identity, at, stage, request_id, user, device, srv, outcome, "[]", detail, message)
        return Write(self._insert, row)

    async def find(self, wanted: Filter, limit: int = 100) -> list[Entry]:
        """The newest matching entries first, of all stages."""
        found = [_explained(entry) for entry in await super().find(wanted, limit)]
        if wanted.stage in (None, COMMAND):
            found += [_command(row) for row in await self._rows(_COMMANDS, wanted, limit)]
        if wanted.stage in (None, DELIVERY):
            found += [_delivery(row) for row in await self._rows(_DELIVERIES, wanted, limit)]
        found.sort(key=lambda entry: entry.at, reverse=True)
        return found[:limit]

    async def get(self, entry_id: str) -> Entry | None:
        """One entry, its checks in full."""
        stage, _, key = entry_id.partition(":")
        if stage in (COMMAND, DELIVERY):
            rows = await self._rows(_COMMANDS if stage == COMMAND else _DELIVERIES, Filter(), 1, key)
            make = _command if stage == COMMAND else _delivery
            return make(rows[0]) if rows else None
        entry = await super().get(entry_id)
        return None if entry is None else _explained(entry)

    async def _rows(self, sql: str, wanted: Filter, limit: int, key: str | None = None) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._tables.pool.fetch(
            sql, wanted.request_id, wanted.user, wanted.device, wanted.srv, wanted.since, key, wanted.outcome, limit
        )
        return rows


def _explained(entry: Entry) -> Entry:
    count = entry.detail.get("passed")
    return entry if count is None else replace(entry, checks=(*passed_checks(int(count)), *entry.checks))


def _command(row: asyncpg.Record) -> Entry:
    return Entry(
        id=f"{COMMAND}:{row['id']}",
        at=row["sent_at"],
        stage=COMMAND,
        outcome=row["state"],
        request_id=row["request_id"],
        user=row["user_"],
        device=row["device"],
        srv=row["srv"],
        detail={
            "use_case": row["use_case"],
            "originator": row["originator"],
            "counter": int(row["counter"]),
            "message_code": f"{row['message_code']:04x}",
            "gbcs": row["payload"].hex(),
        },
    )


def _delivery(row: asyncpg.Record) -> Entry:
    return Entry(
        id=f"{DELIVERY}:{row['id']}",
        at=row["created_at"],
        stage=DELIVERY,
        outcome=row["state"],
        request_id=row["request_id"],
        user=row["user_"],
        device=row["device"],
        detail={
            "kind": row["kind"],
            "code": row["code"],
            "attempts": row["attempts"],
            "last_error": row["last_error"],
            "delivered_at": None if row["delivered_at"] is None else row["delivered_at"].isoformat(),
        },
        message=row["document"],
    )


def detail_text(value: object) -> str:
    """Compact JSON, for details that hold a document."""
    return json.dumps(value, separators=(",", ":"), default=str)
