"""What the Pre-Commands that hold DER structures say: credentials, joins, firmware, gas clocks (gbcs.md section 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from ... import pki
from ...errors import ProtocolError
from ...identifiers import Eui64
from .. import der_types as types
from ..der_types import CellUsage, DerValue, DeviceType, JoinMethod, KeyUsage, Role
from .asked import REQUEST_ID, Asked, boolean, eui, octets_of_base64, octets_of_hex
from .comparer import Comparer
from .electricity import clock_window
from .meaning import Anything, Group, Meaning, Plain, Row, Said
from .moments import der_time, execution
from .result import Difference, Unlike, Unshaped

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Structure(Generic[S]):
    """One DER structure: its type, and the comparer of its values."""

    kind: type[S]
    comparer: Comparer[S]

    def check(self, asked: Asked, value: DerValue) -> None:
        """Compare a decoded structure."""
        name = self.kind.__name__
        if not isinstance(value, self.kind):
            raise Unlike(Difference(asked.place, "structure", name, type(value).__name__))
        self.comparer.check(asked, value, name)


def _structure(kind: type[S], shape: Callable[[S], Plain], meaning: Callable[[Asked], Meaning]) -> Structure[S]:
    return Structure(kind, Comparer(shape, meaning))


def _counter(asked: Asked) -> Said:
    return Said(asked.accounts.request.request_id.counter, REQUEST_ID)


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
            "originator counter": _counter(asked),
            "own floor": floor if is_own else nothing,
            "own top-up floor": top_up if is_own else nothing,
            "other floors": Row(floor.place, others),
            "replacements": _replacements(asked, role),
            "path": Row(asked.part("CertificationPathCertificates").place, _path(asked)),
            "execution": execution(asked),
        }
        return Group(asked.place, members)

    return _structure(types.UpdateSecurityCredentials, _update, meaning)


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


KEY_USAGE = _structure(types.KeyUsageRequest, lambda value: int(value.key_usage), _usage)
DEVICE_CERTIFICATE = _structure(
    types.Certificate, lambda value: value.der, lambda asked: asked.said("DeviceCertificate", octets_of_base64)
)

# -- CS03, CS04 ------------------------------------------------------------------------------------------------------


def join(method: JoinMethod, others: tuple[DeviceType, ...]) -> Structure[types.JoinDevice]:
    """JoinDevice by one method with a Device of one of the types given; method C carries its certificate."""
    has_certificate = method is JoinMethod.METHOD_C

    def shape(value: types.JoinDevice) -> Plain:
        found = {"method": value.method, "device": value.device.octets, "device type": value.device_type}
        if value.certificate is None:
            return found
        return {**found, **_holder(value.certificate.der)}

    def meaning(asked: Asked) -> Meaning:
        other = asked.said("OtherDeviceID", eui)
        members: dict[object, Meaning] = {
            "device": other,
            "method": Said(int(method), asked.place),
            "device type": _other_type(asked, other, others),
        }
        if has_certificate:
            members |= {
                "certificate subject": other,
                "certificate usage": Said(pki.Usage.KEY_AGREEMENT.value, asked.place),
                "certificate": _known_certificate(asked, other),
            }
        return Group(asked.place, members)

    return _structure(types.JoinDevice, shape, meaning)


def _other_type(asked: Asked, other: Said, possible: tuple[DeviceType, ...]) -> Said:
    """The type of the other Device; one of several where the User does not know it."""
    lookup = asked.known.type_of
    assert isinstance(other.value, bytes)
    known = None if lookup is None else lookup(Eui64(other.value))
    fitting = [one for one in possible if known is None or one.name == known]
    if not fitting:
        expected = " or ".join(one.name for one in possible)
        raise Unlike(Difference(other.place, "message code", f"one for a {known}", f"one for {expected}"))
    return Said(int(fitting[0]), other.place, tuple([int(one) for one in fitting[1:]]))


def _holder(der: bytes) -> dict[str, Plain]:
    try:
        certificate = pki.parse(der)
    except ProtocolError as error:
        raise Unshaped("a certificate", error.detail) from None
    subject = None if certificate.eui is None else certificate.eui.octets
    return {"certificate subject": subject, "certificate usage": certificate.usage.value, "certificate": der}


def _known_certificate(asked: Asked, other: Said) -> Meaning:
    lookup = asked.known.certificate
    assert isinstance(other.value, bytes)
    held = None if lookup is None else lookup(Eui64(other.value))
    return Anything(other.place) if held is None else Said(held, other.place)


UNJOIN = _structure(
    types.UnjoinDevice, lambda value: value.device.octets, lambda asked: asked.said("OtherDeviceID", eui)
)

# -- CS06, GCS28 -----------------------------------------------------------------------------------------------------


def _activation(value: types.ActivateFirmware) -> Plain:
    return {
        "hash": value.hash,
        "originator counter": value.originator_counter,
        "execution": der_time(value.execution, types.CANCEL),
    }


def _asked_activation(asked: Asked) -> Meaning:
    members: dict[object, Meaning] = {
        "hash": asked.said("FirmwareHash", octets_of_hex),
        "originator counter": _counter(asked),
        "execution": execution(asked),
    }
    return Group(asked.place, members)


ACTIVATE_FIRMWARE = _structure(types.ActivateFirmware, _activation, _asked_activation)


def _window(value: types.SetTime) -> Plain:
    tolerance = (value.latest - value.earliest) // timedelta(seconds=1)
    return {"earliest": value.earliest, "tolerance": tolerance}


SET_TIME = _structure(types.SetTime, _window, clock_window)
