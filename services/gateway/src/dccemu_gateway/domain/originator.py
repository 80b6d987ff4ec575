"""Who is the originator of a Command: the User whose credentials the Device holds, or the broker for it.

gbcs.md section 5, items 1 to 3: the broker sends whenever the User is not in the Device's trust anchor cells in the
role that the use case needs; always to a Communications Hub, whose cells hold no User.
"""

from __future__ import annotations

from typing import Literal

from dccemu_contracts.inventory import DeviceFact
from dccemu_contracts.trust_anchors import LOAD_CONTROLLER, NETWORK_OPERATOR, SUPPLIER
from dccemu_protocol.identifiers import Eui64

UserRole = Literal["Supplier", "NetworkOperator", "LoadController", "Other"]

CELL_OF_ROLE: dict[str, int] = {
    "IS": SUPPLIER,
    "GS": SUPPLIER,
    "ES": SUPPLIER,
    "ED": NETWORK_OPERATOR,
    "GT": NETWORK_OPERATOR,
}
"""User Role and the remote party role whose cells hold its credentials. An Export Supplier has a cell only if it is the
Import Supplier too; RSA and OU have none."""

_NAMES: dict[int, UserRole] = {
    SUPPLIER: "Supplier",
    NETWORK_OPERATOR: "NetworkOperator",
    LOAD_CONTROLLER: "LoadController",
}


def cell_role(user: Eui64, device: DeviceFact, role: str) -> int | None:
    """The remote party role in whose cells the Device holds the User's credentials, for the User Role it acts in."""
    eui = str(user)
    held = {cell.role for cell in device.cells if cell.eui == eui}
    wanted = CELL_OF_ROLE.get(role)
    if wanted in held:
        return wanted
    if LOAD_CONTROLLER in held:
        return LOAD_CONTROLLER
    return None


def is_known_to(user: Eui64, device: DeviceFact, role: str) -> bool:
    """Whether the User is a known remote party of the Device in the role it acts in."""
    return cell_role(user, device, role) is not None


def standing(user: Eui64, device: DeviceFact, role: str) -> tuple[bool, UserRole]:
    """Whether the Device knows the User in the role it acts in, and that role in the words of the use cases."""
    held = cell_role(user, device, role)
    return held is not None, _NAMES.get(CELL_OF_ROLE.get(role, -1) if held is None else held, "Other")
