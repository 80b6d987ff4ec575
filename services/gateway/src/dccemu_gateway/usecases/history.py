"""What the gateway remembers of a RequestID: its kept Pre-Command, and whether it was used before."""

from __future__ import annotations

import json
from collections import OrderedDict

from dccemu_runtime.database import Database

from ..domain.examination import Examination, PreCommand
from ..domain.lifecycle import Kind

_PRE_COMMAND = """
SELECT request_id, device, user_, srv, use_case, message_code, payload, made_at, execution_at, facts
FROM pre_commands WHERE request_id = $1"""


class History:
    """Recent history in memory, all of it in the database.

    That a RequestID is new is decided by the claim on its row when the request commits; here only what is known already
    is looked up, so that a repeat fails as check 13 and not as something later.
    """

    def __init__(self, database: Database, *, capacity: int = 50_000) -> None:
        self._database = database
        self._capacity = capacity
        self._pre_commands: OrderedDict[str, PreCommand] = OrderedDict()
        self._seen: OrderedDict[tuple[str, Kind], None] = OrderedDict()

    async def recall(self, examination: Examination) -> None:
        """Fill in what the next checks need."""
        request_id, kind = examination.request_text, examination.kind
        examination.is_repeat = (request_id, kind) in self._seen
        if kind is Kind.SIGNED:
            examination.pre_command = self._pre_commands.get(request_id) or await self._load(request_id)

    def note(self, request_id: str, kind: Kind) -> None:
        """A request was accepted."""
        self._seen[request_id, kind] = None
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)

    def note_repeat(self, examination: Examination) -> None:
        """The database knew of a request that memory had forgotten."""
        self.note(examination.request_text, examination.kind)

    def keep(self, pre_command: PreCommand) -> None:
        """A Pre-Command was made."""
        self._pre_commands[pre_command.request_id] = pre_command
        if len(self._pre_commands) > self._capacity:
            self._pre_commands.popitem(last=False)

    def drop(self, request_id: str) -> None:
        """A Pre-Command became a Command."""
        self._pre_commands.pop(request_id, None)

    def clear(self) -> None:
        """Forget what is in memory (reset)."""
        self._pre_commands.clear()
        self._seen.clear()

    async def _load(self, request_id: str) -> PreCommand | None:
        row = await self._database.pool.fetchrow(_PRE_COMMAND, request_id)
        if row is None:
            return None
        return PreCommand(
            request_id=row["request_id"],
            device=row["device"],
            user=row["user_"],
            srv=row["srv"],
            use_case=row["use_case"],
            message_code=row["message_code"],
            payload=row["payload"],
            made_at=row["made_at"],
            execution_at=row["execution_at"],
            facts=json.loads(row["facts"]),
        )
