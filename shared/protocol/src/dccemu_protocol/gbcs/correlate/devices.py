"""Commands about joins, firmware and gas clocks (gbcs.md section 8)."""

from __future__ import annotations

from datetime import timedelta

from ... import pki
from ...errors import ProtocolError
from ...identifiers import Eui64
from .. import der_types as types
from ..der_types import DeviceType, JoinMethod
from .asked import Asked, eui, octets_of_hex
from .electricity_settings import clock_window
from .meaning import Anything, Group, Meaning, Plain, Said
from .moments import der_time, execution
from .result import Difference, Unlike, Unshaped
from .structures import Structure, originator_counter, structure_of

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

    return structure_of(types.JoinDevice, shape, meaning)


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


UNJOIN = structure_of(
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
        "originator counter": originator_counter(asked),
        "execution": execution(asked),
    }
    return Group(asked.place, members)


ACTIVATE_FIRMWARE = structure_of(types.ActivateFirmware, _activation, _asked_activation)


def _window(value: types.SetTime) -> Plain:
    tolerance = (value.latest - value.earliest) // timedelta(seconds=1)
    return {"earliest": value.earliest, "tolerance": tolerance}


SET_TIME = structure_of(types.SetTime, _window, clock_window)
