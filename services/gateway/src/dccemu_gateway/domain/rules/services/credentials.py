"""Check 24 of the services that place or read credentials: 6.15.1, 6.21, 6.23, 6.24.1."""

from __future__ import annotations

from collections.abc import Iterator

from dccemu_contracts.trust_anchors import BROKER, NETWORK_OPERATOR, SUPPLIER
from dccemu_protocol.duis import text_of
from dccemu_protocol.duis.names import sr
from dccemu_protocol.identifiers import Eui64

from ...examination import Examination
from ...refusal import Refusal
from ..certificates import ROLE_OF_NAME, role_of

_IMPORT_MPXN, _TOP_UP, _ROLE = sr("ImportMPxN"), sr("KeyAgreementTopUpCertificate"), sr("RemotePartyRole")


def change_of_supplier(examination: Examination) -> None:
    """6.23: ImportMPxN is the Device's, the sender is registered there on the date, certificates fit the Device."""
    body, device = examination.submitted.body, examination.target
    named = body.find(_IMPORT_MPXN)
    mpxn = "" if named is None else text_of(named)
    held = set(meter_points(examination))
    if mpxn not in held:
        raise Refusal(
            "COS_MPXN",
            expected=f"an MPxN of {device.device}: {', '.join(sorted(held)) or 'none known'}",
            got=mpxn,
            place="ImportMPxN",
        )
    role = examination.directory.entitled_role(
        examination.sender.eui, examination.roles, device, examination.moment, (mpxn,)
    )
    if role is None:
        raise Refusal(
            "COS_NOT_REGISTERED",
            expected=f"{examination.sender.eui} registered at {mpxn} on {examination.moment.date().isoformat()}",
            got="no such registration",
        )
    has_top_up = next(body.iter(_TOP_UP), None) is not None
    if has_top_up and device.type == "HCALCS":
        raise Refusal("COS_TOP_UP_CERTIFICATE", expected="no top-up certificate for an HCALCS", got="one")


def meter_points(examination: Examination) -> Iterator[str]:
    """The meter points of a Device: its own, or those of the meters it is joined to."""
    device = examination.target
    facts = [device, *(examination.directory.device(eui) for eui in device.meters)]
    for fact in facts:
        if fact is not None:
            for mpxn in (fact.import_mpxn, fact.secondary_import_mpan, fact.export_mpan):
                if mpxn:
                    yield mpxn
    if device.type == "GPF" and device.hub:
        for other in examination.directory.on_hub(device.hub):
            if other.type == "GSME" and other.import_mpxn:
                yield other.import_mpxn


def handover(examination: Examination) -> None:
    """6.21: the DCC holds the named cell of the Device, and the role fits the Device (section 13.3)."""
    role = role_of(examination)
    if role not in (SUPPLIER, NETWORK_OPERATOR):
        raise Refusal(
            "HANDOVER_ROLE", expected="Supplier or NetworkOperator", got=f"role {role}", place="RemotePartyRole"
        )
    dcc = Eui64.parse(examination.policy.dcc)
    cells = [cell for cell in examination.target.cells if cell.role == role]
    holders = {cell.eui for cell in cells}
    if holders != {str(dcc)}:
        raise Refusal(
            "HANDOVER_NOT_DCC",
            expected=f"cells of role {role:02X} that hold the DCC's certificate ({dcc}, role {BROKER:02X})",
            got=", ".join(sorted(holders)) or "no such cells",
        )


def fit_own_role(examination: Examination) -> None:
    """6.15.1: a network operator replaces its own credentials, a Supplier its own or those of others [R]."""
    role, sender = role_of(examination), examination.role
    if role == SUPPLIER and sender not in ("IS", "GS"):
        raise Refusal("CREDENTIAL_ROLE", expected="a Supplier for the Supplier cells", got=sender)
    if role not in (SUPPLIER, NETWORK_OPERATOR, 8) and role != BROKER:
        raise Refusal("CREDENTIAL_ROLE", expected="Supplier, NetworkOperator or LoadController", got=f"role {role}")


def cells_held(examination: Examination) -> None:
    """6.24.1: the Device has cells of each role whose credentials are asked for (inventory.md section 5)."""
    device = examination.target
    held = {cell.role for cell in device.cells}
    if not held:
        return
    for element in examination.submitted.body.findall(_ROLE):
        if ROLE_OF_NAME.get(text_of(element), -1) not in held:
            names = [name for name, role in ROLE_OF_NAME.items() if role in held]
            raise Refusal(
                "CELL_NOT_ON_DEVICE",
                expected=f"remote party roles of a {device.type}: {', '.join(names)}",
                got=text_of(element),
                place="RemotePartyRole",
            )
