"""DER Commands of Devices: joins, firmware activation, the clock of a gas meter, the log of a GPF (section 8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ...identifiers import Eui64
from .. import der_types as types
from . import rules
from .elements import at, eui_octets, hexadecimal, place, ranged
from .job import Job
from .rules import TransformError
from .structures import COMMANDS, Builder, execution_of
from .times import moment
from .values import Json, integer_argument, object_argument, text_argument

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


def _activate_firmware(argument: Json) -> Builder:
    path = text_argument(argument)

    def build(job: Job) -> types.DerValue:
        found = at(job.body, path)
        digest = hexadecimal(found)
        if len(digest) != 32:
            raise TransformError(rules.VALUE_OUT_OF_RANGE, "a firmware hash has 32 octets", place(found))
        return types.ActivateFirmware(digest, job.counter, execution_of(job))

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
    "join": _join,
    "unjoin": _unjoin,
    "activate firmware": _activate_firmware,
    "set time": _set_time,
    "gas proxy log backup": _gas_proxy_log_backup,
    "nothing": lambda argument: lambda job: types.Nothing(),
}
