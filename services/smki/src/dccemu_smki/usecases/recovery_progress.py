"""A recovery on its way: Commands sent, repeated until the Device answers, answers taken (smki.md section 9).

A recovery is open until every Device has answered. A Command that could not be delivered, or that nobody answered, is
made anew with the next originator counter and sent again; meanwhile its Device stays in status Recovery. A Device that
refused stays there too, for its cells hold what is compromised: the next recovery, or its Supplier, takes it on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from asyncpg.pool import PoolConnectionProxy
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.inventory import CommandOutcome
from dccemu_contracts.wan import DeviceCommand, DeviceMessage
from dccemu_protocol.errors import EmulatorError
from dccemu_protocol.pki import RemotePartyRole, Usage
from dccemu_runtime.timers import Timer

from ..domain.records import own_key_name
from ..domain.recovery import read_outcome, renewed
from .audit import note
from .context import Smki

PREFIX = "smki-recovery-"
REPEAT = "recovery-repeat"
REPEATED_EVERY = timedelta(hours=1)
_COUNTER = "SELECT coalesce(max(counter), 0) FROM recovery_commands"
_LEFT = """
UPDATE recovery_commands SET status = 'superseded'
WHERE device = ANY($1::text[]) AND recovery <> $2 AND status IN ('sent', 'undelivered') RETURNING recovery, device"""
_UNANSWERED = """
SELECT payload FROM recovery_commands WHERE recovery = $1 AND device = $2 AND status IN ('sent', 'undelivered')
FOR UPDATE"""
_REPEATED = """
UPDATE recovery_commands SET status = 'sent', counter = $3, payload = $4 WHERE recovery = $1 AND device = $2"""
_ANSWERED = """
UPDATE recovery_commands SET status = $3, response = $4
WHERE recovery = $1 AND device = $2 AND status IN ('sent', 'undelivered') RETURNING counter, cells"""
_CLOSE = """
UPDATE recoveries r SET status = 'closed', closed_at = $2 WHERE id = $1 AND status = 'open'
AND NOT EXISTS (SELECT 1 FROM recovery_commands c WHERE c.recovery = r.id AND c.status IN ('sent', 'undelivered'))
RETURNING id"""
_WAIT = timedelta(hours=24)


async def recovery_key(smki: Smki) -> ec.EllipticCurvePrivateKey:
    """The DCC's Recovery key.

    Raises
    ------
    EmulatorError
        When it is not kept here.
    """
    key = await smki.vault.private_key(own_key_name(RemotePartyRole.RECOVERY, Usage.DIGITAL_SIGNATURE))
    if key is None:
        raise EmulatorError("the Recovery key is not in this service")
    return key


async def next_counter(smki: Smki, connection: PoolConnectionProxy) -> int:
    """The next originator counter of the Recovery role, which others wait for until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('smki recovery'))")
    used: int = await connection.fetchval(_COUNTER)
    return max(used, int(smki.now().timestamp() * 1000)) + 1


async def send(
    smki: Smki, connection: PoolConnectionProxy, number: int, device: str, counter: int, octets: bytes
) -> None:
    """Send a Command to a Device, and again until it is answered."""
    await smki.outbox.add(
        connection,
        DeviceCommand(
            id=f"{PREFIX}{number}-{device}-{counter}",
            at=smki.now(),
            device=device,
            hub=smki.parties.hub(device),
            payload=octets.hex(),
            expires_at=smki.now() + _WAIT,
        ),
    )
    await smki.timers.set(connection, REPEAT, f"{number} {device}", smki.now() + REPEATED_EVERY)


async def repeat(smki: Smki, connection: PoolConnectionProxy, timer: Timer) -> datetime | None:
    """Nobody answered for an hour: the Command goes out again, with a counter that the Device has not seen."""
    text, _, device = timer.key.partition(" ")
    number = int(text)
    payload = await connection.fetchval(_UNANSWERED, number, device)
    if payload is None:
        return None
    counter = await next_counter(smki, connection)
    octets = renewed(payload, counter, await recovery_key(smki))
    await connection.execute(_REPEATED, number, device, counter, octets)
    await send(smki, connection, number, device, counter, octets)
    await note(smki, connection, "recovery", "repeated", device=device, id=number)
    return smki.now() + REPEATED_EVERY


async def leave_behind(smki: Smki, connection: PoolConnectionProxy, devices: Sequence[str], *, but: int) -> None:
    """A new recovery takes Devices over that an older one still waits for."""
    rows = await connection.fetch(_LEFT, list(devices), but)
    for row in rows:
        await smki.timers.cancel(connection, REPEAT, f"{row['recovery']} {row['device']}")
    for number in {row["recovery"] for row in rows}:
        await connection.fetchrow(_CLOSE, number, smki.now())


async def take_answer(smki: Smki, connection: PoolConnectionProxy, message: DeviceMessage) -> None:
    """A Device answered one of the recovery Commands, or could not be reached: then the Command is repeated."""
    if message.in_reply_to is None or not message.in_reply_to.startswith(PREFIX):
        return
    number = int(message.in_reply_to.removeprefix(PREFIX).partition("-")[0])
    status, octets = "undelivered", None
    if message.kind == "response" and message.payload is not None:
        octets = bytes.fromhex(message.payload)
        outcome = read_outcome(octets)
        status = "done" if outcome is not None and outcome[1] and all(outcome[1]) else "failed"
    # Locked, so that of the answers that come at once the last one sees that it is the last.
    recovery = await connection.fetchrow("SELECT way, detail FROM recoveries WHERE id = $1 FOR UPDATE", number)
    row = await connection.fetchrow(_ANSWERED, number, message.device, status, octets)
    if row is None:
        return
    if status != "undelivered":
        await smki.timers.cancel(connection, REPEAT, f"{number} {message.device}")
    if status == "done" and recovery is not None:
        way, user = recovery["way"], json.loads(recovery["detail"])["user"]
        cells = json.loads(row["cells"])
        await tell_inventory(smki, connection, number, message.device, "done" if way == "recovery" else "placed", cells)
        await smki.outbox.add(connection, _alert(smki, number, message.device, way, user, cells))
    await note(smki, connection, "recovery", status, device=message.device, id=number)
    await connection.fetchrow(_CLOSE, number, smki.now())


async def tell_inventory(
    smki: Smki,
    connection: PoolConnectionProxy,
    number: int,
    device: str,
    what: str,
    cells: Sequence[Mapping[str, object]],
) -> None:
    """The inventory moves the Device's status, and takes in what its cells hold now."""
    held = [{name: value for name, value in cell.items() if name != "type"} for cell in cells]
    await smki.outbox.add(
        connection,
        CommandOutcome(
            id=f"{PREFIX}{number}-{device}-{what}",
            at=smki.now(),
            device=device,
            use_case="CS02b",
            success=True,
            facts={"recovery": what, "cells": held},
        ),
    )


def _alert(
    smki: Smki, number: int, device: str, way: str, user: str, cells: Sequence[Mapping[str, object]]
) -> DccAlertOrder:
    """N39 RecoveryComplete (way 2), N37 RecoveryCompleteACBCredentials with the cells (way 3)."""
    if way == "recovery":
        code = "N39"
        change: dict[str, object] = {"RecoveryComplete": {}}
    else:
        names = {RemotePartyRole.SUPPLIER: "Supplier", RemotePartyRole.NETWORK_OPERATOR: "NetworkOperator"}
        content: dict[str, object] = {}
        for role, name in names.items():
            kinds = [cell["type"] for cell in cells if cell["role"] == role]
            if kinds:
                content[f"{name}CertificateType"] = kinds
        code, change = "N37", {"RecoveryCompleteACBCredentials": content}
    return DccAlertOrder(
        id=f"{PREFIX}{number}-{device}-alert",
        at=smki.now(),
        code=code,
        alert="DeviceStatusChangeEvent",
        recipients=(user,),
        device=device,
        body={"DeviceID": device, "DeviceStatusChange": change},
    )
