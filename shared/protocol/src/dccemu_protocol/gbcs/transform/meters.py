"""What is left of Devices and meters: clocks, top-up, MPANs, phases, the log of a Communications Hub."""

from __future__ import annotations

from datetime import timedelta

from ...duis.document import Element
from .. import datum as d
from ..datum import Datum
from ..times import date_time_octets
from . import rules
from .data import CONSTRUCTORS, Data
from .elements import ascii_octets, at, children, find, hexadecimal, integer, place, ranged, steps, text
from .job import Job
from .rules import TransformError
from .times import moment
from .values import (
    INTEGER_SOURCES,
    OCTET_SOURCES,
    Integers,
    Json,
    Octets,
    integer_argument,
    list_argument,
    text_argument,
)


def _date_time_after(argument: Json) -> Octets:
    """A date-time and so many seconds later."""
    path, later = (text_argument(one) for one in list_argument(argument))

    def read(job: Job, element: Element, number: int) -> bytes:
        found = at(element, path)
        try:
            return date_time_octets(moment(found) + timedelta(seconds=ranged(at(element, later), 0, 86400)))
        except OverflowError:
            raise TransformError(rules.DATE_OUT_OF_RANGE, "the time is beyond the year 9999", place(found)) from None

    return read


def _utrn(argument: Json) -> Octets:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> bytes:
        found = at(element, path)
        digits = text(found)
        if len(digits) != 20 or not (digits.isascii() and digits.isdigit()):
            raise TransformError(rules.VALUE_OUT_OF_RANGE, "a UTRN has 20 digits", place(found))
        return digits.encode("ascii")

    return read


def _install_code(argument: Json) -> Octets:
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> bytes:
        found = at(element, path)
        code = hexadecimal(found)
        if not 6 <= len(code) <= 16:
            raise TransformError(rules.WHITELIST_INSTALL_CODE, f"an install code of {len(code)} octets", place(found))
        return code

    return read


def _import_mpans(argument: Json) -> Octets:
    """The import MPAN and, of a twin element meter, the secondary one after it."""
    path = text_argument(argument)

    def read(job: Job, element: Element, number: int) -> bytes:
        mpans = at(element, path)
        first = ascii_octets(at(mpans, "ImportMPAN"))
        second = find(mpans, steps("SecondaryImportMPAN"))
        if second is None:
            return first
        if job.device.is_single_element:
            raise TransformError(rules.TWIN_ELEMENT, "the meter has one element, no secondary MPAN", place(second))
        return first + ascii_octets(second)

    return read


def _of_phase(argument: Json) -> Integers:
    """``[path, phase]``: a setting of one phase of a poly-phase meter."""
    path, phase = list_argument(argument)
    path, phase = text_argument(path), integer_argument(phase)

    def read(job: Job, element: Element, number: int) -> int:
        settings = {integer(at(one, "Phase")): one for one in children(element, "PolyPhaseVoltageSettings")}
        if sorted(settings) != [1, 2, 3]:
            raise TransformError(
                rules.PHASE_LIST, "the phases are not 1, 2 and 3", place(element, "PolyPhaseVoltageSettings")
            )
        return integer(at(settings[phase], path))

    return read


def _hub_log_backup(argument: Json) -> Data:
    """Extended PAN id and Devices with hashed trust centre link keys, as the old hub last told them (CCS03)."""

    def build(job: Job, element: Element, number: int) -> Datum:
        backup = job.device.chf_log_backup
        if backup is None:
            raise TransformError(rules.RESTORE_NO_HUB_BACKUP, "there is no log of the old hub", place(element))
        return d.structure(
            d.OctetString(backup.extended_pan_id),
            d.array([d.structure(d.OctetString(device.octets), d.OctetString(key)) for device, key in backup.devices]),
        )

    return build


OCTET_SOURCES |= {
    "date-time after": _date_time_after,
    "utrn": _utrn,
    "install code": _install_code,
    "import mpans": _import_mpans,
}
INTEGER_SOURCES |= {"of phase": _of_phase}
CONSTRUCTORS |= {"hub log backup": _hub_log_backup}
