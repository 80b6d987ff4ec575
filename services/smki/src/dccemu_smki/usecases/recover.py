"""The DCC's side of a recovery: the Recovery key signs, Devices answer, statuses and alerts follow (smki.md section 9).

While it runs the affected Devices are in inventory status Recovery. Way 2 ends in the status before, way 3 in
Recovered, until the subscriber has taken its cells over with 6.21.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Kind, RemotePartyRole, SmkiCertificate, Usage, parse

from ..domain.lifecycle import Status
from ..domain.records import CertificateRecord
from ..domain.recovery import Cell, Way, recovery_command
from .audit import note
from .context import Smki
from .recovery_progress import leave_behind, next_counter, recovery_key, send, tell_inventory

_OPEN = """
INSERT INTO recoveries (way, party, notified_by, status, opened_at, detail)
VALUES ($1, $2, $3, 'open', $4, $5::jsonb) RETURNING id"""
_COMMAND = """
INSERT INTO recovery_commands (recovery, device, counter, status, payload, cells)
VALUES ($1, $2, $3, 'sent', $4, $5::jsonb)"""
_SOURCE = "smki.md section 9"


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
    key = await recovery_key(smki)
    owner = user if way == "recovery" else Eui64.parse(smki.settings.broker_eui)
    held = await smki.store.by_owner(owner, Kind.ORGANISATION)
    plans = [(fact, [(cell, _replacement(held, cell, way)) for cell in cells]) for fact, cells in affected]
    await smki.hear_devices()
    async with smki.database.transaction() as connection:
        detail = json.dumps({"user": str(user), "devices": [fact.device for fact, _ in plans]})
        party = smki.parties.owner(user) or str(user)
        number: int = await connection.fetchval(_OPEN, way, party, notified_by, smki.now(), detail)
        await leave_behind(smki, connection, [fact.device for fact, _ in plans], but=number)
        for fact, replacements in plans:
            counter = await next_counter(smki, connection)
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
            await tell_inventory(smki, connection, number, fact.device, "started", [])
            await send(smki, connection, number, fact.device, counter, octets)
        await note(smki, connection, "recovery", "started", party=party, officer=notified_by, way=way, id=number)
    return number


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
