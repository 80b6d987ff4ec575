"""The DCC's side of a recovery: the Recovery key signs, Devices answer, statuses and alerts follow (smki.md section 9).

While it runs the affected Devices are in inventory status Recovery. Way 2 ends in the status before, way 3 in
Recovered, until the subscriber has taken its cells over with 6.21.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.inventory import CommandOutcome, DeviceFact
from dccemu_contracts.wan import DeviceCommand, DeviceMessage
from dccemu_protocol.errors import EmulatorError, ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, RemotePartyRole, SmkiCertificate, Usage, parse

from ..domain.lifecycle import Status
from ..domain.records import CertificateRecord
from ..domain.recovery import Cell, Way, read_outcome, recovery_command
from .audit import note
from .context import Smki
from .establish import own_key_name

PREFIX = "smki-recovery-"
_OPEN = """
INSERT INTO recoveries (way, party, notified_by, status, opened_at, detail)
VALUES ($1, $2, $3, 'open', $4, $5::jsonb) RETURNING id"""
_COUNTER = "SELECT coalesce(max(counter), 0) FROM recovery_commands"
_COMMAND = """
INSERT INTO recovery_commands (recovery, device, counter, status, payload, cells)
VALUES ($1, $2, $3, 'sent', $4, $5::jsonb)"""
_ANSWERED = """
UPDATE recovery_commands SET status = $3, response = $4 WHERE recovery = $1 AND device = $2 AND status = 'sent'
RETURNING counter, cells"""
_CLOSE = """
UPDATE recoveries r SET status = 'closed', closed_at = $2 WHERE id = $1 AND status = 'open'
AND NOT EXISTS (SELECT 1 FROM recovery_commands c WHERE c.recovery = r.id AND c.status = 'sent') RETURNING id"""
_SOURCE = "smki.md section 9"
_WAIT = timedelta(hours=24)


async def start_recovery(
    smki: Smki, way: Way, user: Eui64, notified_by: str, devices: Sequence[Eui64] = (), *, floor: int = 0
) -> int:
    """Put new certificates (way ``recovery``) or the broker's (``acb``) on the Devices that hold a User's ones.

    Parameters
    ----------
    user
        The EUI-64 whose keys are compromised. Its certificates in use are what way ``recovery`` puts on the Devices:
        revoke the compromised ones first.
    notified_by
        Who told the DCC (SRO or ARO).
    devices
        The Devices; none: every Device that the inventory believes to hold the User's certificates.

    Raises
    ------
    ProtocolError
        ``NOTHING_TO_RECOVER``, or ``NO_REPLACEMENT`` when no certificate for a cell is in use.
    """
    affected = _affected(smki, user, devices)
    if not affected:
        raise ProtocolError("NOTHING_TO_RECOVER", f"no Device is known to hold certificates of {user}", source=_SOURCE)
    key = await smki.vault.private_key(own_key_name(RemotePartyRole.RECOVERY, Usage.DIGITAL_SIGNATURE))
    if key is None:
        raise EmulatorError("the Recovery key is not in this service")
    owner = user if way == "recovery" else Eui64.parse(smki.settings.broker_eui)
    held = await smki.store.by_owner(owner, Kind.ORGANISATION)
    plans = [(fact, [(cell, _replacement(held, cell, way)) for cell in cells]) for fact, cells in affected]
    await smki.hear_devices()
    async with smki.database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('smki recovery'))")
        detail = json.dumps({"user": str(user), "devices": [fact.device for fact, _ in plans]})
        party = smki.parties.owner(user) or str(user)
        number: int = await connection.fetchval(_OPEN, way, party, notified_by, smki.now(), detail)
        counter = max(await connection.fetchval(_COUNTER), int(smki.now().timestamp() * 1000))
        for fact, replacements in plans:
            counter += 1
            octets = recovery_command(
                originator=Eui64.parse(smki.settings.recovery_eui),
                device=Eui64.parse(fact.device),
                counter=counter,
                replacements=replacements,
                path=_path(smki, [certificate for _, certificate in replacements]),
                key=key,
                floor=floor,
                check_dates=False,
            )
            cells = json.dumps([_placed(cell, certificate) for cell, certificate in replacements])
            await connection.execute(_COMMAND, number, fact.device, counter, octets, cells)
            await _tell(smki, connection, number, fact.device, "started", [])
            await smki.outbox.add(
                connection,
                DeviceCommand(
                    id=f"{PREFIX}{number}-{fact.device}",
                    at=smki.now(),
                    device=fact.device,
                    hub=fact.hub,
                    payload=octets.hex(),
                    expires_at=smki.now() + _WAIT,
                ),
            )
        await note(smki, connection, "recovery", "started", party=party, officer=notified_by, way=way, id=number)
    return number


async def take_answer(smki: Smki, connection: PoolConnectionProxy, message: DeviceMessage) -> None:
    """A Device answered one of the recovery Commands, or could not be reached."""
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
    if status == "done" and recovery is not None:
        way, user = recovery["way"], json.loads(recovery["detail"])["user"]
        cells = json.loads(row["cells"])
        await _tell(smki, connection, number, message.device, "done" if way == "recovery" else "placed", cells)
        await smki.outbox.add(connection, _alert(smki, number, message.device, way, user, cells))
    await note(smki, connection, "recovery", status, device=message.device, id=number)
    await connection.fetchrow(_CLOSE, number, smki.now())


async def has_open_recovery(smki: Smki) -> bool:
    """Whether Devices still have to answer."""
    return bool(await smki.database.pool.fetchval("SELECT EXISTS (SELECT 1 FROM recoveries WHERE status = 'open')"))


async def recoveries(smki: Smki) -> list[dict[str, object]]:
    """All recoveries with the state of each Device."""
    rows = await smki.database.pool.fetch("SELECT * FROM recoveries ORDER BY id DESC LIMIT 100")
    shown = []
    for row in rows:
        commands: list[asyncpg.Record] = await smki.database.pool.fetch(
            "SELECT device, counter, status, payload FROM recovery_commands WHERE recovery = $1 ORDER BY device",
            row["id"],
        )
        shown.append(
            {
                **{
                    name: row[name]
                    for name in ("id", "way", "party", "notified_by", "status", "opened_at", "closed_at")
                },
                **json.loads(row["detail"]),
                "commands": [{**dict(one), "payload": one["payload"].hex().upper()} for one in commands],
            }
        )
    return shown


def _affected(smki: Smki, user: Eui64, devices: Sequence[Eui64]) -> list[tuple[DeviceFact, list[Cell]]]:
    wanted = {str(device) for device in devices}
    found = []
    for fact in smki.parties.devices():
        if wanted and fact.device not in wanted:
            continue
        cells = [
            Cell(cell.role, Usage(cell.usage), cell.cell_usage == 1)
            for cell in fact.cells
            if cell.eui == str(user) and cell.usage != "keyCertSign"
        ]
        if cells:
            found.append((fact, cells))
    return found


def _replacement(held: Sequence[CertificateRecord], cell: Cell, way: Way) -> SmkiCertificate:
    """The newest certificate in use that fits: the subscriber's for its role, or the broker's for the usage."""
    role = cell.role if way == "recovery" else RemotePartyRole.ACCESS_CONTROL_BROKER
    top_up = cell.top_up and way == "recovery"
    fitting = [
        record
        for record in held
        if record.status is Status.IN_USE and (record.role, record.usage, record.top_up) == (role, cell.usage, top_up)
    ]
    if not fitting:
        raise ProtocolError(
            "NO_REPLACEMENT", f"no certificate in use for role {role}, {cell.certificate_type}", source=_SOURCE
        )
    return parse(fitting[-1].der)


def _path(smki: Smki, certificates: Sequence[SmkiCertificate]) -> list[SmkiCertificate]:
    wanted = {certificate.aki for certificate in certificates}
    return [authority.certificate for authority in smki.authorities.values() if authority.certificate.ski in wanted]


def _placed(cell: Cell, certificate: SmkiCertificate) -> dict[str, object]:
    """What a cell is to hold, as the inventory keeps it, and the word of the DCC Alert for the cell."""
    return {
        "role": cell.role,
        "usage": cell.usage.value,
        "cell_usage": int(cell.top_up),
        "eui": str(certificate.eui or ""),
        "ski": certificate.ski.hex(),
        "serial": certificate.serial_hex,
        "type": cell.certificate_type,
    }


async def _tell(
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
