"""DER Commands: credentials, joins, firmware, clock and log restore (gbcs.md section 8).

A DER Command is ``[name, argument]`` in the use-case data; ``COMMANDS`` holds what each name builds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from ...duis.document import Element
from ...identifiers import Eui64
from .. import der_types as types
from ..der import encode
from ..envelope import CRA
from . import rules
from .elements import at, binary, boolean, children, find, hexadecimal, place, ranged, steps, text
from .job import Job
from .rules import TransformError
from .times import moment
from .values import (
    CatalogueError,
    Json,
    eui_octets,
    integer_argument,
    list_argument,
    object_argument,
    text_argument,
)

Builder = Callable[[Job], types.DerValue]
COMMANDS: dict[str, Callable[[Json], Builder]] = {}
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
_DEVICE_TYPES: Final = {
    "GSME": types.DeviceType.GSME,
    "ESME": types.DeviceType.ESME,
    "CHF": types.DeviceType.CHF,
    "GPF": types.DeviceType.GPF,
    "HCALCS": types.DeviceType.HCALCS,
    "PPMID": types.DeviceType.PPMID,
    "IHD": types.DeviceType.TYPE_2,
    "CAD": types.DeviceType.TYPE_2,
}
_CELLS: Final = (
    ("DigitalSigningCertificate", types.KeyUsage.DIGITAL_SIGNATURE, types.CellUsage.MANAGEMENT),
    ("KeyAgreementCertificate", types.KeyUsage.KEY_AGREEMENT, types.CellUsage.MANAGEMENT),
    ("KeyAgreementTopUpCertificate", types.KeyUsage.KEY_AGREEMENT, types.CellUsage.PREPAYMENT_TOP_UP),
)


@dataclass(frozen=True, slots=True)
class DerCommand:
    """One DER structure."""

    build: Builder
    message_code: int

    def payload(self, job: Job) -> bytes:
        """The structure's octets."""
        return encode(self.build(job), self.message_code, CRA.COMMAND)


def compile_structure(spec: Json, message_code: int) -> DerCommand:
    """Compile a DER Command."""
    name, argument = list_argument(spec)
    if name not in COMMANDS:
        raise CatalogueError(f"there is no DER Command {name!r}")
    return DerCommand(COMMANDS[text_argument(name)](argument), message_code)


def certificate_at(element: Element, path: str) -> bytes:
    """A certificate in the body; anything else is ``BODY_CERTIFICATE``."""
    return certificate_of(at(element, path))


def certificate_of(element: Element) -> bytes:
    """The DER octets of a certificate element."""
    octets = binary(element)
    try:
        certificate = x509.load_der_x509_certificate(octets)
    except ValueError:
        raise TransformError(rules.BODY_CERTIFICATE, "the octets are not a certificate", place(element)) from None
    del certificate
    return octets


def _execution(job: Job) -> datetime | None:
    return types.CANCEL if job.is_cancellation else job.execution


# -- credentials -----------------------------------------------------------------------------------------------------


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
                certificate = types.Certificate(certificate_of(found))
                target = types.TrustAnchorCell(replaced, usage, cell_usage)
                replacements.append(types.Replacement(certificate, target))
        if not replacements:
            raise TransformError(rules.CREDENTIAL_MISSING, "no certificate is given", place(group))
        path = children(body, "CertificationPathCertificates/Certificate")
        return types.UpdateSecurityCredentials(
            control(job),
            tuple(replacements),
            tuple(types.Certificate(certificate_of(one)) for one in path),
            _execution(job),
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
    return lambda job: types.Certificate(certificate_at(job.body, path))


# -- joins -----------------------------------------------------------------------------------------------------------


def _join(argument: Json) -> Builder:
    method = integer_argument(object_argument(argument)["method"])

    def build(job: Job) -> types.DerValue:
        found = at(job.body, "OtherDeviceID")
        other = Eui64(eui_octets(found))
        kind = _DEVICE_TYPES.get(job.context.device_type(other) or "")
        if kind is None:
            raise TransformError(rules.JOIN_DEVICE, f"the type of {other} cannot be joined", place(found))
        certificate = None
        if method == types.JoinMethod.METHOD_C:
            octets = job.context.certificate(other, "ka")
            if octets is None:
                raise TransformError(rules.JOIN_DEVICE, f"{other} has no key agreement certificate", place(found))
            certificate = types.Certificate(octets)
        return types.JoinDevice(method, other, kind, certificate)

    return build


def _unjoin(argument: Json) -> Builder:
    return lambda job: types.UnjoinDevice(Eui64(eui_octets(at(job.body, "OtherDeviceID"))))


# -- firmware, clock, log --------------------------------------------------------------------------------------------


def _activate_firmware(argument: Json) -> Builder:
    path = text_argument(argument)

    def build(job: Job) -> types.DerValue:
        found = at(job.body, path)
        digest = hexadecimal(found)
        if len(digest) != 32:
            raise TransformError(rules.VALUE_OUT_OF_RANGE, "a firmware hash has 32 octets", place(found))
        return types.ActivateFirmware(digest, job.counter, _execution(job))

    return build


def _set_time(argument: Json) -> Builder:
    def build(job: Job) -> types.DerValue:
        found = at(job.body, "CurrentDateTime")
        earliest = moment(found)
        try:
            latest = earliest + timedelta(seconds=ranged(at(job.body, "TolerancePeriod"), 0, 86400))
        except OverflowError:
            raise TransformError(rules.DATE_OUT_OF_RANGE, "the time is beyond the year 9999", place(found)) from None
        return types.SetTime(earliest, latest)

    return build


def _gas_proxy_log_backup(argument: Json) -> Builder:
    def build(job: Job) -> types.DerValue:
        backup = job.device.gpf_log_backup
        if backup is None:
            raise TransformError(rules.RESTORE_NO_GPF_BACKUP, "there is no log of the old GPF", place(job.body))
        return types.DeviceLogRestore(tuple(types.DeviceLogEntry(device, kind) for device, kind in backup))

    return build


COMMANDS |= {
    "credential details": _details,
    "update credentials": _update,
    "key usage": _key_usage,
    "device certificate": _device_certificate,
    "join": _join,
    "unjoin": _unjoin,
    "activate firmware": _activate_firmware,
    "set time": _set_time,
    "gas proxy log backup": _gas_proxy_log_backup,
    "nothing": lambda argument: lambda job: types.Nothing(),
}
