"""DER Commands about credentials: reading and replacing trust anchors, Device keys and certificates (section 8)."""

from __future__ import annotations

from typing import Final

from ...duis.document import Element
from .. import der_types as types
from . import rules
from .elements import at, boolean, children, find, place, ranged, steps, text
from .job import Job
from .rules import TransformError
from .structures import COMMANDS, Builder, certificate_of, execution_of
from .values import Json, integer_argument, object_argument, text_argument

_MAX_FLOOR: Final = 2**63 - 1
_ROLES: Final = {
    "Root": types.Role.ROOT,
    "Recovery": types.Role.RECOVERY,
    "Supplier": types.Role.SUPPLIER,
    "NetworkOperator": types.Role.NETWORK_OPERATOR,
    "ACB": types.Role.ACCESS_CONTROL_BROKER,
    "TransCoS": types.Role.TRANSITIONAL_COS,
    "LoadController": types.Role.LOAD_CONTROLLER,
}
_USAGES: Final = {
    "Digital Signature": types.KeyUsage.DIGITAL_SIGNATURE,
    "Key Agreement": types.KeyUsage.KEY_AGREEMENT,
}
_CELLS: Final = (
    ("DigitalSigningCertificate", types.KeyUsage.DIGITAL_SIGNATURE, types.CellUsage.MANAGEMENT),
    ("KeyAgreementCertificate", types.KeyUsage.KEY_AGREEMENT, types.CellUsage.MANAGEMENT),
    ("KeyAgreementTopUpCertificate", types.KeyUsage.KEY_AGREEMENT, types.CellUsage.PREPAYMENT_TOP_UP),
)


def _details(argument: Json) -> Builder:
    members = object_argument(argument)
    cell = types.TrustAnchorCell(integer_argument(members["role"]), types.KeyUsage.KEY_AGREEMENT)

    def build(job: Job) -> types.DerValue:
        asked = children(job.body, "RemotePartyRole")
        unknown = [one for one in asked if text(one) not in _ROLES]
        if unknown or not asked:
            raise TransformError(rules.CANNOT_TRANSFORM, "a role that no cell has", place((*unknown, job.body)[0]))
        return types.CredentialDetailsRequest(cell, tuple(_ROLES[text(one)] for one in asked))

    return build


def _update(argument: Json) -> Builder:
    """UpdateSecurityCredentials; modes, authorising role and element names come from the data."""
    members = object_argument(argument)
    mode, replaced = integer_argument(members["mode"]), integer_argument(members["replaced"])
    authoriser = integer_argument(members["authoriser"]) if "authoriser" in members else None
    certificates = text_argument(members["certificates"])
    floor_path = text_argument(members.get("floor", "RemotePartyFloorSeqNumber"))
    top_up_path = text_argument(members.get("top-up floor", "RemotePartyPrepaymentTopUpFloorSeqNumber"))
    is_own_role = authoriser is None or authoriser == replaced
    cell = None if authoriser is None else types.TrustAnchorCell(authoriser, types.KeyUsage.DIGITAL_SIGNATURE)

    def control(job: Job) -> types.ReplacementControl:
        body = job.body
        floor, top_up = _floor(body, floor_path), _floor(body, top_up_path)
        prepayment = None if top_up is None else (types.PrepaymentFloor(0, top_up),)
        others = None
        if not is_own_role and floor is not None:
            others = (types.RoleFloor(replaced, floor, prepayment),)
        elif not is_own_role and prepayment is not None:
            raise TransformError(rules.CREDENTIAL_MISSING, f"{floor_path} is missing", place(body, floor_path))
        return types.ReplacementControl(
            mode,
            None,
            None if boolean(at(body, "ApplyTimeBasedCPVChecks")) else 1,
            cell,
            job.counter,
            floor if is_own_role else None,
            prepayment if is_own_role else None,
            others,
        )

    def build(job: Job) -> types.DerValue:
        body = job.body
        group = at(body, certificates)
        replacements = []
        for name, usage, cell_usage in _CELLS:
            found = find(group, steps(name))
            if found is not None:
                certificate = types.Certificate(certificate_of(found).der)
                target = types.TrustAnchorCell(replaced, usage, cell_usage)
                replacements.append(types.Replacement(certificate, target))
        if not replacements:
            raise TransformError(rules.CREDENTIAL_MISSING, "no certificate is given", place(group))
        path = children(body, "CertificationPathCertificates/Certificate")
        return types.UpdateSecurityCredentials(
            control(job),
            tuple(replacements),
            tuple(types.Certificate(certificate_of(one).der) for one in path),
            execution_of(job),
        )

    return build


def _floor(body: Element, path: str) -> int | None:
    found = find(body, steps(path))
    return None if found is None else ranged(found, 0, _MAX_FLOOR)


def _key_usage(argument: Json) -> Builder:
    path = text_argument(argument)

    def build(job: Job) -> types.DerValue:
        found = at(job.body, path)
        if text(found) not in _USAGES:
            raise TransformError(rules.VALUE_OUT_OF_RANGE, f"{text(found)[:40]!r} is no credential type", place(found))
        return types.KeyUsageRequest(_USAGES[text(found)])

    return build


def _device_certificate(argument: Json) -> Builder:
    path = text_argument(argument)
    return lambda job: types.Certificate(certificate_of(at(job.body, path)).der)


COMMANDS |= {
    "credential details": _details,
    "update credentials": _update,
    "key usage": _key_usage,
    "device certificate": _device_certificate,
}
