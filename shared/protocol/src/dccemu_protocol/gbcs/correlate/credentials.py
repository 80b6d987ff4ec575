"""Commands about credentials: CS02b to CS02g (gbcs.md section 8)."""

from __future__ import annotations

from .. import der_types as types
from ..der_types import CellUsage, KeyUsage, Role
from .asked import Asked, boolean, octets_of_base64
from .meaning import Group, Meaning, Plain, Row, Said
from .moments import der_time, execution
from .result import Difference, Unlike, Unshaped
from .structures import Structure, originator_counter, structure_of

# -- CS02b, CS02g ----------------------------------------------------------------------------------------------------

_FLOOR = "RemotePartyFloorSeqNumber"
_TOP_UP_FLOOR = "RemotePartyPrepaymentTopUpFloorSeqNumber"
_GROUP = "ReplacementCertificates/SupplierOrNetworkOperatorCertificates"
_CELLS = {
    "DigitalSigningCertificate": (KeyUsage.DIGITAL_SIGNATURE, CellUsage.MANAGEMENT),
    "KeyAgreementCertificate": (KeyUsage.KEY_AGREEMENT, CellUsage.MANAGEMENT),
    "KeyAgreementTopUpCertificate": (KeyUsage.KEY_AGREEMENT, CellUsage.PREPAYMENT_TOP_UP),
}
_ROLES = {
    "Supplier": Role.SUPPLIER,
    "NetworkOperator": Role.NETWORK_OPERATOR,
    "LoadController": Role.LOAD_CONTROLLER,
}


def _cell(cell: types.TrustAnchorCell) -> Plain:
    return {"role": cell.role, "usage": int(cell.key_usage), "cell": cell.cell_usage}


def _said_cell(role: Said, usage: KeyUsage, cell: CellUsage, place: str) -> Group:
    return Group(place, {"role": role, "usage": Said(int(usage), place), "cell": Said(int(cell), place)})


def _update(value: types.UpdateSecurityCredentials) -> Plain:
    control = value.control
    if control.plaintext_symmetric_key is not None:
        raise Unshaped("no plaintext symmetric key", "one")
    if control.authorising_cell is None:
        raise Unshaped("the cell of the authorising party", "nothing")
    if control.disapply_time_checks not in (None, 1):
        raise Unshaped("time checks disapplied by 1", control.disapply_time_checks)
    others = tuple(
        [
            {"role": one.role, "floor": one.floor, "top-up floor": _prepayment(one.prepayment)}
            for one in control.other_floors or ()
        ]
    )
    return {
        "mode": control.mode,
        "time checks": control.disapply_time_checks is None,
        "authorising cell": _cell(control.authorising_cell),
        "originator counter": control.originator_counter,
        "own floor": control.floor,
        "own top-up floor": _prepayment(control.prepayment_floors),
        "other floors": others,
        "replacements": tuple([{"certificate": r.certificate.der, "cell": _cell(r.cell)} for r in value.replacements]),
        "path": tuple([one.der for one in value.path]),
        "execution": der_time(value.execution, types.CANCEL),
    }


def _prepayment(floors: tuple[types.PrepaymentFloor, ...] | None) -> int | None:
    if floors is None:
        return None
    if len(floors) != 1 or floors[0].kind != 0:
        raise Unshaped("one prepayment floor of kind 0", f"{len(floors)} of kinds {[one.kind for one in floors]}")
    return floors[0].floor


def update_credentials(mode: int, authoriser: Role, replaced: Role) -> Structure[types.UpdateSecurityCredentials]:
    """UpdateSecurityCredentials of one mode: who authorises it, whose credentials are replaced."""
    is_own = authoriser is replaced

    def meaning(asked: Asked) -> Meaning:
        role = _role(asked, replaced)
        floor, top_up = _floor(asked, _FLOOR), _floor(asked, _TOP_UP_FLOOR)
        nothing = Said(None, asked.place)
        given = not is_own and floor.value is not None
        other: dict[object, Meaning] = {"role": role, "floor": floor, "top-up floor": top_up}
        others = (Group(floor.place, other),) if given else ()
        members: dict[object, Meaning] = {
            "mode": Said(mode, role.place),
            "time checks": asked.said("ApplyTimeBasedCPVChecks", boolean),
            "authorising cell": _said_cell(
                Said(int(authoriser), role.place), KeyUsage.DIGITAL_SIGNATURE, CellUsage.MANAGEMENT, role.place
            ),
            "originator counter": originator_counter(asked),
            "own floor": floor if is_own else nothing,
            "own top-up floor": top_up if is_own else nothing,
            "other floors": Row(floor.place, others),
            "replacements": _replacements(asked, role),
            "path": Row(asked.part("CertificationPathCertificates").place, _path(asked)),
            "execution": execution(asked),
        }
        return Group(asked.place, members)

    return structure_of(types.UpdateSecurityCredentials, _update, meaning)


def _role(asked: Asked, replaced: Role) -> Said:
    """The role of the cells, which has to be the one the use case replaces."""
    said = asked.said("RemotePartyRole", str)
    role = _ROLES.get(str(said.value))
    if role is not replaced:
        raise Unlike(Difference(said.place, "message code", str(said.value), replaced.name))
    return Said(int(role), said.place)


def _floor(asked: Asked, path: str) -> Said:
    return asked.said(path) if asked.has(path) else Said(None, asked.place)


def _replacements(asked: Asked, role: Said) -> Meaning:
    group = asked.part(_GROUP)
    rows: list[Meaning] = []
    for name, (usage, cell) in _CELLS.items():
        if group.has(name):
            said = group.said(name, octets_of_base64)
            rows.append(Group(said.place, {"certificate": said, "cell": _said_cell(role, usage, cell, said.place)}))
    return Row(group.place, tuple(rows))


def _path(asked: Asked) -> tuple[Said, ...]:
    return tuple([one.said("", octets_of_base64) for one in asked.each("CertificationPathCertificates/Certificate")])


# -- CS02c, CS02d, CS02e ---------------------------------------------------------------------------------------------

_USAGES = {"Digital Signature": KeyUsage.DIGITAL_SIGNATURE, "Key Agreement": KeyUsage.KEY_AGREEMENT}


def _usage(asked: Asked) -> Said:
    said = asked.said("CredentialType", str)
    usage = _USAGES.get(str(said.value))
    return Said(said.value if usage is None else int(usage), said.place)


KEY_USAGE = structure_of(types.KeyUsageRequest, lambda value: int(value.key_usage), _usage)
DEVICE_CERTIFICATE = structure_of(
    types.Certificate, lambda value: value.der, lambda asked: asked.said("DeviceCertificate", octets_of_base64)
)
