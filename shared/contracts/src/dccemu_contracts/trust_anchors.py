"""Which trust anchor cells a Device of each type has (inventory.md section 5, table "Cell").

A cell is named by remote party role, key usage and, for a Supplier's key agreement, cell usage (0 management, 1
prepayment top-up). The table is read by the inventory (credential cache), by the SM WAN (what a simulated Device
stores) and by the gateway (is the User known to the Device?).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .inventory import TrustAnchorCell

Usage = Literal["digitalSignature", "keyAgreement", "keyCertSign"]

ROOT, RECOVERY, SUPPLIER, NETWORK_OPERATOR, BROKER, COS, WAN_PROVIDER = 0, 1, 2, 3, 4, 5, 6
LOAD_CONTROLLER = 8

PARTY_NAMES: Mapping[str, int] = {
    "recovery": RECOVERY,
    "supplier": SUPPLIER,
    "network_operator": NETWORK_OPERATOR,
    "broker": BROKER,
    "cos": COS,
    "wan_provider": WAN_PROVIDER,
    "load_controller": LOAD_CONTROLLER,
}
"""Names used in scenario files for the remote party roles."""


@dataclass(frozen=True, slots=True, order=True)
class CellName:
    """The name of a trust anchor cell."""

    role: int
    usage: Usage
    cell_usage: int = 0


_DS: Usage = "digitalSignature"
_KA: Usage = "keyAgreement"
_ROOT = CellName(ROOT, "keyCertSign")
_RECOVERY = CellName(RECOVERY, _DS)
_SUPPLIER_DS, _SUPPLIER_KA, _TOP_UP = CellName(SUPPLIER, _DS), CellName(SUPPLIER, _KA), CellName(SUPPLIER, _KA, 1)
_NETWORK = (CellName(NETWORK_OPERATOR, _DS), CellName(NETWORK_OPERATOR, _KA))
_BROKER_DS, _BROKER_KA = CellName(BROKER, _DS), CellName(BROKER, _KA)
_COS = CellName(COS, _DS)
_LOAD_CONTROLLER = (CellName(LOAD_CONTROLLER, _DS), CellName(LOAD_CONTROLLER, _KA))

CELLS: Mapping[str, tuple[CellName, ...]] = {
    "ESME": (
        *(_ROOT, _RECOVERY, _SUPPLIER_DS, _SUPPLIER_KA, _TOP_UP),
        *_NETWORK,
        *(_BROKER_KA, _COS),
        *_LOAD_CONTROLLER,
    ),
    "GSME": (_ROOT, _RECOVERY, _SUPPLIER_DS, _SUPPLIER_KA, _TOP_UP, _BROKER_KA, _COS),
    "GPF": (
        *(_ROOT, _RECOVERY, _SUPPLIER_DS, _SUPPLIER_KA, _TOP_UP),
        *_NETWORK,
        *(_BROKER_DS, _BROKER_KA, _COS),
    ),
    "CHF": (_ROOT, _RECOVERY, _BROKER_DS, _BROKER_KA, CellName(WAN_PROVIDER, _DS)),
    "HCALCS": (_ROOT, _RECOVERY, _SUPPLIER_DS, _SUPPLIER_KA, _BROKER_KA, _COS),
    "SAPC": (_ROOT, _RECOVERY, _SUPPLIER_DS, _SUPPLIER_KA, _BROKER_KA, _COS, *_LOAD_CONTROLLER),
    "PPMID": (_ROOT, _RECOVERY, _BROKER_DS, _BROKER_KA),
    "IHD": (),
    "CAD": (),
}
"""Cells by DUIS Device type. SAPC follows HCALCS with the Load Controller cells added, no source names its cells."""


def cells_of(device_type: str, gbcs_version: str | None, holders: Mapping[int, str]) -> tuple[TrustAnchorCell, ...]:
    """List the cells of a Device with the party that each holds.

    Parameters
    ----------
    device_type
        DUIS Device type.
    gbcs_version
        Version of the Device, ``"4.3"``; the Load Controller cells exist from GBCS 4 on (inventory.md section 5).
    holders
        EUI-64 text by remote party role. A cell whose role is missing is left out; the Root has no EUI-64 and is always
        listed, with empty text.
    """
    major = int((gbcs_version or "4").split(".")[0])
    cells = []
    for name in CELLS[device_type]:
        eui = "" if name.role == ROOT else holders.get(name.role)
        if eui is None or (name.role == LOAD_CONTROLLER and major < 4):
            continue
        cells.append(TrustAnchorCell(role=name.role, usage=name.usage, cell_usage=name.cell_usage, eui=eui))
    return tuple(cells)
