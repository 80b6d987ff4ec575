"""Files of threshold anomaly detection: reference numbers, thresholds, actions, the quarantine report.

service-request-processing.md section 16: a User obtains a reference number, signs its file with its file signing token
and sends it; signature, certificate, reference and content are checked, then the file is acknowledged. A file is
taken whole or refused whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from dccemu_protocol.anomaly import (
    SIGNER_ROLES,
    ActionFile,
    Fault,
    QuarantineAction,
    SignedFile,
    Threshold,
    ThresholdFile,
    choose,
    prove_file,
    read_actions,
    read_thresholds,
)
from dccemu_protocol.anomaly.layout import SOURCE, refused
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import Usage, serial_text
from dccemu_runtime.journal import Check, Entry

from ..adapters.anomaly import AnomalyRows
from ..domain.windows import ALL_USERS
from .anomaly import Detection
from .anomaly_views import check_peer
from .gateway import Gateway
from .quarantine import TIMER, timer_payload

_GIVE = "INSERT INTO anomaly_files (reference, user_, given_at) VALUES ($1, $2, $3)"
_USE = """
UPDATE anomaly_files SET used_at = $3, kind = $4, signer = $5, signature = $6, content = $7
WHERE reference = $1 AND user_ = $2 AND used_at IS NULL RETURNING 1"""
_PUT = """
INSERT INTO anomaly_files (reference, user_, given_at, used_at, kind, signer, content)
VALUES ($1, $2, $3, $3, 'thresholds', $4, $5)"""


@dataclass(frozen=True, slots=True)
class Proven:
    """A file whose signature is its owner's."""

    file: SignedFile
    owner: str


class AnomalyFiles:
    """The use cases of Threshold Anomaly Detection Procedures."""

    def __init__(self, gateway: Gateway, detection: Detection, rows: AnomalyRows) -> None:
        self._gateway = gateway
        self._detection = detection
        self._rows = rows

    async def give_reference(self, user: str, peer: str | None) -> str:
        """A reference number for one file of a User.

        Raises
        ------
        ProtocolError
            ``UNKNOWN_USER`` or ``PEER_OF_ANOTHER_PARTY``.
        """
        check_peer(self._gateway, user, peer)
        gateway = self._gateway
        reference = f"TAD-{gateway.entropy.octets(8).hex().upper()}"
        await gateway.database.pool.execute(_GIVE, reference, user, gateway.now())
        return reference

    async def take_thresholds(self, file: SignedFile, peer: str | None) -> dict[str, Any]:
        """Put a User's thresholds in force; gives the acknowledgement."""
        proven = await self._proven(file, peer, "thresholds")
        read = read_thresholds(file.content)
        async with self._gateway.database.transaction() as connection:
            await self._use(connection, proven, read, "thresholds")
            await self._rows.put_thresholds(connection, read.reference, proven.owner, read.rows)
            await self._note(connection, proven.owner, "thresholds taken", read.reference, file.content)
        await self._learn(proven.owner, read.rows)
        return {"reference": read.reference, "user": proven.owner, "thresholds": len(read.rows)}

    async def set_by_dcc(self, content: bytes, approved_by: str) -> dict[str, Any]:
        """Put the DCC's own thresholds over all Users in force, with the approval of the Security Sub-Committee."""
        read, gateway = read_thresholds(content), self._gateway
        if read.user != gateway.policy.dcc:
            raise refused([Fault(2, "user_id", f"the DCC's identifier {gateway.policy.dcc}", read.user)])
        async with gateway.database.transaction() as connection:
            signer = f"approved by {approved_by}"
            await connection.execute(_PUT, read.reference, read.user, gateway.now(), signer, content)
            await self._rows.put_thresholds(connection, read.reference, ALL_USERS, read.rows)
            await self._note(connection, read.user, f"thresholds of the DCC, {signer}", read.reference, content)
        await self._learn(ALL_USERS, read.rows)
        return {"reference": read.reference, "user": ALL_USERS, "thresholds": len(read.rows)}

    async def take_actions(self, file: SignedFile, peer: str | None) -> dict[str, Any]:
        """Release or delete what a User names; each request then goes its way in a transaction of its own."""
        proven, gateway = await self._proven(file, peer, "actions"), self._gateway
        read = read_actions(file.content)
        async with gateway.database.transaction() as connection:
            await self._use(connection, proven, read, "actions")
            chosen = choose(read, await self._rows.open_of(connection, proven.owner))
            for action in QuarantineAction:
                keys = [one.key for one, wanted in chosen if wanted is action]
                payload = timer_payload(action, read.reference)
                await self._rows.act(connection, TIMER, keys, gateway.now(), payload)
            await self._note(connection, proven.owner, "actions taken", read.reference, file.content)
            gateway.database.after_commit(connection, gateway.timers.wake)
        counts = {action.value: sum(wanted is action for _, wanted in chosen) for action in QuarantineAction}
        return {"reference": read.reference, "user": proven.owner, **counts}

    # -- what is checked -----------------------------------------------------------------------------------------------

    async def _proven(self, file: SignedFile, peer: str | None, kind: str) -> Proven:
        try:
            return self._prove(file, peer)
        except ProtocolError as error:
            async with self._gateway.database.transaction() as connection:
                check = Check(error.rule, False, "signed by the User's file signing certificate", error.detail, SOURCE)
                await self._note(connection, None, f"{kind} refused {error.rule}", "", file.content, check)
            raise

    def _prove(self, file: SignedFile, peer: str | None) -> Proven:
        """Signature and certificate."""
        directory, at = self._gateway.directory, self._gateway.now()
        owner = prove_file(
            file,
            directory.signer(file.issuer, file.serial),
            lambda signer: directory.rely_on(signer, at, roles=SIGNER_ROLES, usage=Usage.DIGITAL_SIGNATURE),
        )
        check_peer(self._gateway, owner, peer)
        return Proven(file, owner)

    async def _use(
        self, connection: PoolConnectionProxy, proven: Proven, read: ThresholdFile | ActionFile, kind: str
    ) -> None:
        """The file is the signer's own, and its reference was given to it and not used."""
        if read.user != proven.owner:
            raise refused([Fault(2, "user_id", f"{proven.owner}, who signed", read.user)])
        file = proven.file
        used = await connection.fetchval(
            _USE,
            *(read.reference, proven.owner, self._gateway.now(), kind),
            *(serial_text(file.serial), file.signature, file.content),
        )
        if used is None:
            detail = f"{read.reference} was not given to {proven.owner}, or was used before"
            raise ProtocolError("FILE_REFERENCE", detail, source=SOURCE)

    async def _learn(self, owner: str, rows: Sequence[Threshold]) -> None:
        services = {row.srv for row in rows}
        known = await self._rows.thresholds(owner)
        await self._detection.learn([one for one in known if one.threshold.srv in services])

    async def _note(
        self,
        connection: PoolConnectionProxy,
        user: str | None,
        outcome: str,
        reference: str,
        content: bytes,
        *checks: Check,
    ) -> None:
        entry = Entry(
            id=self._gateway.new_id(),
            at=self._gateway.now(),
            stage="anomaly detection",
            outcome=outcome,
            user=user,
            checks=checks,
            detail={"reference": reference},
            message=content,
        )
        await self._gateway.journal.add(connection, entry)
