"""Trust anchor cells: reading them (CS02a, CS02f) and replacing what they hold (CS02b, CS02g) (gbcs.md section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ...errors import ProtocolError
from ...identifiers import Eui64
from ...pki.certificate import SmkiCertificate, parse
from .. import der, times
from .. import der_types as t
from ..envelope import CRA
from . import activation
from .keys import cell_certificate, cell_name
from .occasion import AlertOrder, Occasion
from .state import DeviceFacts, Draft, Value

SUCCESS, BAD_CERTIFICATE, NO_TRUST_ANCHOR, TRUST_ANCHOR_NOT_FOUND = 0, 5, 10, 25
_ALERT, _LOAD_CONTROLLER_ALERT = 0x00CB, 0x0124
USAGE_NAMES: Mapping[t.KeyUsage, str] = {
    t.KeyUsage.DIGITAL_SIGNATURE: "digitalSignature",
    t.KeyUsage.KEY_AGREEMENT: "keyAgreement",
    t.KeyUsage.KEY_CERT_SIGN: "keyCertSign",
}
_USAGES = {name: usage for usage, name in USAGE_NAMES.items()}
_NOBODY = Eui64(bytes(8))
_NO_KEY = bytes(8)
# The published CS02g Commands put certificates of role 2 into the Load Controller's cells, with success.
_STANDS_IN: Mapping[int, int] = {8: 2}
# A recovery may leave the broker's certificates in the cells of a User (smki.md section 9, way 3).
_RECOVERY_MODE, _BROKER = 8, 4
_ORDER = ("keyCertSign/0", "digitalSignature/0", "keyAgreement/0", "keyAgreement/1")

ANY_BUT_ROOT = frozenset((1, 2, 3, 4, 5, 6, 8))
TARGETS: Mapping[int, frozenset[int]] = {
    0: frozenset((0,)),
    1: frozenset((1,)),
    2: frozenset((2,)),
    3: frozenset((3,)),
    4: frozenset((4,)),
    5: frozenset((6,)),
    6: frozenset((5,)),
    7: frozenset((2,)),
    8: ANY_BUT_ROOT,
    10: frozenset((8,)),
    11: frozenset((8,)),
}
"""The remote party roles whose cells each credentials replacement mode may fill."""


def details(state: Draft, request: t.CredentialDetailsRequest) -> tuple[t.RoleCredentials, ...]:
    """Answer CS02a or CS02f: for each role asked its counter and what its cells hold."""
    return tuple(_role(state, role) for role in request.roles)


def _role(state: Draft, role: int) -> t.RoleCredentials:
    found = []
    for suffix in _ORDER:
        cell = state.record(f"cell/{role}/{suffix}")
        if cell:
            usage, cell_usage = suffix.split("/")
            found.append(t.CredentialDetail(_USAGES[usage], int(cell_usage), _owner(cell), _key_id(cell)))
    if not found:
        return t.RoleCredentials(role, TRUST_ANCHOR_NOT_FOUND)
    return t.RoleCredentials(role, SUCCESS, state.integer(f"counter/{role}/credentials"), tuple(found))


def _owner(cell: Mapping[str, Value]) -> Eui64:
    eui = cell.get("eui")
    return Eui64.from_hex(eui) if isinstance(eui, str) and eui else _NOBODY


def _key_id(cell: Mapping[str, Value]) -> bytes:
    ski = cell.get("ski")
    return bytes.fromhex(ski)[:8].ljust(8, b"\x00") if isinstance(ski, str) else _NO_KEY


def take_up(occasion: Occasion, request: t.UpdateSecurityCredentials) -> t.UpdateCredentialsResponse:
    """Replace now, keep for the execution time, or cancel what was kept."""
    if request.execution == t.CANCEL:
        activation.cancel(occasion)
        return t.UpdateCredentialsResponse(None)
    if request.execution is None:
        activation.cancel(occasion)
        return t.UpdateCredentialsResponse(None, replace(occasion.facts, occasion.state, request, occasion.at))
    content: dict[str, Value] = {"kind": "credentials", "payload": occasion.command.payload.hex()}
    activation.schedule(occasion, times.seconds_since_2000(request.execution), content)
    return t.UpdateCredentialsResponse(None)


def fire(
    facts: DeviceFacts, state: Draft, message_code: int, pending: Mapping[str, Value], due: datetime
) -> AlertOrder:
    """Carry out a replacement that was kept: one Alert with the Outcome."""
    request = der.decode(bytes.fromhex(cast(str, pending["payload"])), message_code, CRA.COMMAND)
    assert isinstance(request, t.UpdateSecurityCredentials)
    outcome = replace(facts, state, request, due)
    code = activation.DONE if all(result.status == SUCCESS for result in outcome.results) else activation.NOT_DONE
    return AlertOrder(
        code,
        message_code=_LOAD_CONTROLLER_ALERT if message_code >= 0x0125 else _ALERT,
        content=t.CredentialsAlert(code, due, outcome),
        role=cast(int, pending["role"]),
        recipient=Eui64.from_hex(cast(str, pending["originator"])),
        at=due,
    )


def replace(facts: DeviceFacts, state: Draft, request: t.UpdateSecurityCredentials, at: datetime) -> t.UpdateOutcome:
    """Put each certificate into its cell, or say why not, and set the counters' floors."""
    control = request.control
    path = _readable(request.path)
    dated = None if control.disapply_time_checks or not facts.dated else at
    results = [_replace_one(state, control.mode, one, path, dated) for one in request.replacements]
    changes = _floors(control)
    if any(result.status == SUCCESS for result in results):
        for change in changes:
            _set_floor(state, change)
    return t.UpdateOutcome(control.originator_counter, control.mode, changes, tuple(results))


def _floors(control: t.ReplacementControl) -> tuple[t.RoleFloor, ...]:
    """The counter changes of the Outcome: of the authorising role, or of the roles that another role replaces."""
    if control.other_floors is not None:
        own: tuple[t.RoleFloor, ...] = ()
        if control.floor is not None and control.authorising_cell is not None:
            own = (t.RoleFloor(control.authorising_cell.role, control.floor, control.prepayment_floors),)
        return (*own, *control.other_floors)
    if control.floor is None:
        return ()
    role = 4 if control.authorising_cell is None else control.authorising_cell.role
    return (t.RoleFloor(role, control.floor, control.prepayment_floors),)


def _set_floor(state: Draft, change: t.RoleFloor) -> None:
    for purpose in ("critical", "credentials"):
        state.put(f"counter/{change.role}/{purpose}", change.floor)
    for name in list(state.names(f"counter/{change.role}/future/")):
        state.put(name, change.floor)
    for prepayment in change.prepayment or ():
        state.put("utrn/floor", (prepayment.floor >> 32) - (0 if prepayment.floor >> 32 else 1))
        state.put("utrn/highest", prepayment.floor >> 32)
        state.put("utrn/used", [])


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    status: int


def _replace_one(
    state: Draft,
    mode: int,
    one: t.Replacement,
    path: Sequence[SmkiCertificate],
    at: datetime | None,
) -> t.ReplacementResult:
    usage = USAGE_NAMES.get(one.cell.key_usage, "")
    name = cell_name(one.cell.role, usage, one.cell.cell_usage)
    cell = state.record(name)
    existing, existing_key = _owner(cell), _key_id(cell)
    try:
        if state.get(name) is None:
            raise _Refused(TRUST_ANCHOR_NOT_FOUND)
        certificate = _checked(state, mode, one, path, at)
    except _Refused as refusal:
        return t.ReplacementResult(one.cell, refusal.status, existing, existing_key, existing, existing_key)
    eui = certificate.eui or _NOBODY
    new: dict[str, Value] = {"eui": eui.hex, "ski": certificate.ski.hex(), "der": one.certificate.der.hex()}
    state.put(name, new)
    return t.ReplacementResult(one.cell, SUCCESS, existing, existing_key, eui, _key_id(new))


def _checked(
    state: Draft,
    mode: int,
    one: t.Replacement,
    path: Sequence[SmkiCertificate],
    at: datetime | None,
) -> SmkiCertificate:
    try:
        certificate = parse(one.certificate.der)
    except ProtocolError:
        raise _Refused(BAD_CERTIFICATE) from None
    if one.cell.role not in TARGETS.get(mode, frozenset()):
        raise _Refused(BAD_CERTIFICATE)
    if certificate.usage.value != USAGE_NAMES.get(one.cell.key_usage):
        raise _Refused(BAD_CERTIFICATE)
    fitting = {one.cell.role, _STANDS_IN.get(one.cell.role)} | ({_BROKER} if mode == _RECOVERY_MODE else set())
    if one.cell.role != 0 and certificate.role not in fitting:
        raise _Refused(BAD_CERTIFICATE)
    if at is not None and not certificate.not_before <= at <= certificate.not_after:
        raise _Refused(BAD_CERTIFICATE)
    _check_chain(state, certificate, path)
    return certificate


def _check_chain(state: Draft, certificate: SmkiCertificate, path: Sequence[SmkiCertificate]) -> None:
    """The certificate is signed by one of the path, that one by the root of the root cell, where the Device has one."""
    root_der = cell_certificate(state, 0, "keyCertSign")
    root = None if root_der is None else parse(root_der)
    for issuer in path:
        if _is_signed_by(certificate, issuer) and (
            root is None or issuer.der == root.der or _is_signed_by(issuer, root)
        ):
            return
    if root is None or not _is_signed_by(certificate, root):
        raise _Refused(NO_TRUST_ANCHOR)


def _is_signed_by(certificate: SmkiCertificate, issuer: SmkiCertificate) -> bool:
    try:
        certificate.verify_signed_by(issuer.public_key)
    except ProtocolError:
        return False
    return True


def _readable(path: Sequence[t.Certificate]) -> list[SmkiCertificate]:
    found = []
    for entry in path:
        try:
            found.append(parse(entry.der))
        except ProtocolError:
            continue
    return found
