"""Carrying out the Commands with DER payloads (gbcs.md sections 8 and 9): credentials, joins, firmware, clock, logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from ...errors import ProtocolError
from ...identifiers import Eui64
from ...pki.certificate import parse
from ...pki.csr import build_device_csr
from ...pki.keyid import public_point
from ...pki.names import Usage
from .. import der, times
from .. import der_types as t
from ..envelope import CRA
from . import activation, credentials
from .credentials import USAGE_NAMES
from .esme import set_clock
from .keys import own_key, private_key, scalar_of
from .occasion import RELIABLE, AlertOrder, Occasion
from .state import DeviceFacts, Draft, Value

LOG = "han/log"
LOG_DEPTH = 32
GPF_LOG_CHANGED, _GCS62, _BROKER = 0x8071, 0x00B2, 4
FIRMWARE_ALERT = 0x00CA
_METHODS = {0x000D: 0, 0x00AB: 1, 0x000E: 2, 0x00AF: 3}
_OWN_USAGES = frozenset((t.KeyUsage.DIGITAL_SIGNATURE, t.KeyUsage.KEY_AGREEMENT))

Answer = Callable[[Occasion, t.DerValue], t.DerValue]


def carry_out(occasion: Occasion) -> bytes:
    """Execute the Command's payload and give the Response's."""
    code = occasion.command.message_code
    request = der.decode(occasion.command.payload, code, CRA.COMMAND)
    forced = occasion.state.record("failures").get(f"{code:04x}")
    if isinstance(forced, int):
        answer: t.DerValue = _failure(occasion, code, forced)
    else:
        answer = _ANSWERS[type(request)](occasion, request)
    return der.encode(answer, code, CRA.RESPONSE)


def _failure(occasion: Occasion, code: int, forced: int) -> t.DerValue:
    """What a forced failure is answered with, where the structure has a place for a code."""
    match code:
        case 0x0012:
            return t.ActivateFirmwareResult(forced, _version(occasion))
        case 0x0013:
            return t.DeviceLog(forced)
        case 0x0129:
            return t.FirmwareVersion(_version(occasion), forced)
        case 0x007F:
            return t.SetTimeResult(occasion.device_time, forced)
        case _:
            return t.ResponseCode(forced)


def _version(occasion: Occasion) -> bytes:
    return bytes.fromhex(occasion.state.text("firmware/version", occasion.facts.firmware))


# -- credentials -----------------------------------------------------------------------------------------------------


def _details(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    assert isinstance(request, t.CredentialDetailsRequest)
    return credentials.details(occasion.state, request)


def _update(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    assert isinstance(request, t.UpdateSecurityCredentials)
    return credentials.take_up(occasion, request)


def _usage_request(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    """CS02c makes a key pair and answers with a signing request; CS02e answers with the certificate held."""
    assert isinstance(request, t.KeyUsageRequest)
    if request.key_usage not in _OWN_USAGES:
        return t.ResponseCode(1)
    usage = USAGE_NAMES[request.key_usage]
    if occasion.command.message_code == 0x000C:
        held = occasion.state.octets(f"certificate/{usage}")
        return t.ResponseCode(2) if held is None else t.Certificate(held)
    key = occasion.new_private_key()
    occasion.state.put(f"new-key/{usage}", scalar_of(key))
    return t.CertificationRequest(build_device_csr(key, Eui64(occasion.facts.octets), Usage(usage)))


def _own_certificate(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    """CS02d: take a certificate for the key made by CS02c into use."""
    assert isinstance(request, t.Certificate)
    state = occasion.state
    try:
        certificate = parse(request.der)
    except ProtocolError:
        return t.ResponseCode(1)
    if certificate.eui is None or certificate.eui.octets != occasion.facts.octets:
        return t.ResponseCode(2)
    usage = certificate.usage.value
    if usage not in ("digitalSignature", "keyAgreement"):
        return t.ResponseCode(3)
    scalar = state.text(f"new-key/{usage}")
    if scalar and public_point(private_key(scalar).public_key()) == certificate.point:
        state.put(f"key/{usage}", scalar)
        state.drop(f"new-key/{usage}")
    elif public_point(own_key(state, usage).public_key()) != certificate.point:
        return t.ResponseCode(5 if scalar else 4)
    state.put_octets(f"certificate/{usage}", request.der)
    return t.ResponseCode(0)


# -- joining ---------------------------------------------------------------------------------------------------------


def _join(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    assert isinstance(request, t.JoinDevice)
    if request.method not in _METHODS.values():
        return t.ResponseCode(2)
    if request.method != _METHODS[occasion.command.message_code]:
        return t.ResponseCode(1)
    log = occasion.state.record(LOG)
    present = log.get(request.device.hex)
    if present is not None and present != request.device_type:
        return t.ResponseCode(3)
    if present is None and len(log) >= LOG_DEPTH:
        return t.ResponseCode(4)
    if request.method == t.JoinMethod.METHOD_C and not _is_key_agreement(request.certificate):
        return t.ResponseCode(11)
    log[request.device.hex] = request.device_type
    _set_log(occasion, log)
    if request.certificate is not None:
        occasion.state.put_octets(f"han/certificate/{request.device.hex}", request.certificate.der)
    return t.ResponseCode(0)


def _is_key_agreement(certificate: t.Certificate | None) -> bool:
    """Whether there is a Device's key agreement certificate.

    Whose it is, is not compared with the Device named: the published Command carries another one (section 16).
    """
    if certificate is None:
        return False
    try:
        return parse(certificate.der).usage is Usage.KEY_AGREEMENT
    except ProtocolError:
        return False


def _unjoin(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    assert isinstance(request, t.UnjoinDevice)
    log = occasion.state.record(LOG)
    if log.pop(request.device.hex, None) is None:
        return t.ResponseCode(1)
    occasion.state.drop(f"han/certificate/{request.device.hex}")
    _set_log(occasion, log)
    return t.ResponseCode(0)


def _set_log(occasion: Occasion, log: dict[str, Value]) -> None:
    """Keep the device log; a Gas Proxy Function backs it up by a GCS62 alert to the broker."""
    if log == occasion.state.record(LOG):
        return
    occasion.state.put(LOG, log)
    if occasion.facts.type == "GPF":
        content = t.DeviceLogBackupAlert(GPF_LOG_CHANGED, occasion.device_time, _log_entries(occasion))
        occasion.alerts.append(AlertOrder(GPF_LOG_CHANGED, message_code=_GCS62, content=content, role=_BROKER))


def _log_entries(occasion: Occasion) -> tuple[t.DeviceLogEntry, ...]:
    return tuple(
        t.DeviceLogEntry(Eui64.from_hex(eui), kind if isinstance(kind, int) else 6)
        for eui, kind in occasion.state.record(LOG).items()
    )


def _restore(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    """GCS59: every entry of the back-up is joined anew."""
    assert isinstance(request, t.DeviceLogRestore)
    _set_log(occasion, {entry.device.hex: entry.device_type for entry in request.entries})
    return t.DeviceLogRestoreResult(tuple(t.RestoredEntry(entry, 0) for entry in request.entries))


def _nothing(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    """CS07 reads the device log, CS08 the firmware version."""
    if occasion.command.message_code == 0x0129:
        return t.FirmwareVersion(_version(occasion), 0)
    return t.DeviceLog(0, _log_entries(occasion))


# -- firmware and clock ----------------------------------------------------------------------------------------------


def _activate_firmware(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    assert isinstance(request, t.ActivateFirmware)
    if request.execution == t.CANCEL:
        activation.cancel(occasion)
        return t.Nothing()
    if request.execution is not None:
        content: dict[str, Value] = {"kind": "firmware", "hash": request.hash.hex()}
        activation.schedule(occasion, times.seconds_since_2000(request.execution), content)
        return t.Nothing()
    activation.cancel(occasion)
    return _activate(occasion.facts, occasion.state, request.hash.hex())


def _activate(facts: DeviceFacts, state: Draft, wanted: str) -> t.ActivateFirmwareResult:
    """Code 1 no image held, 2 another image; else the image's version runs from now on."""
    image = state.record("firmware/image")
    running = state.text("firmware/version", facts.firmware)
    code = 1 if not image else 0 if image.get("hash") == wanted else 2
    version = image.get("version")
    if code == 0 and isinstance(version, str):
        running = version
        state.put("firmware/version", running)
        state.drop("firmware/image")
    return t.ActivateFirmwareResult(code, bytes.fromhex(running))


def fire_firmware(facts: DeviceFacts, state: Draft, pending: Mapping[str, Value], due: datetime) -> AlertOrder:
    """Carry out an activation that was kept."""
    result = _activate(facts, state, cast(str, pending["hash"]))
    code = activation.NOT_DONE if result.code else activation.DONE
    return AlertOrder(
        code,
        message_code=FIRMWARE_ALERT,
        content=t.FirmwareActivationAlert(code, due, cast(int, pending["counter"]), result),
        role=cast(int, pending["role"]),
        recipient=Eui64.from_hex(cast(str, pending["originator"])),
        at=due,
    )


def _set_time(occasion: Occasion, request: t.DerValue) -> t.DerValue:
    """GCS28: status 0 reliable, 2 unreliable when the network's time is not in the window."""
    assert isinstance(request, t.SetTime)
    set_clock(occasion, times.seconds_since_2000(request.earliest), times.seconds_since_2000(request.latest))
    return t.SetTimeResult(occasion.device_time, 0 if occasion.clock_status == RELIABLE else 2)


_ANSWERS: Mapping[type, Answer] = {
    t.CredentialDetailsRequest: _details,
    t.UpdateSecurityCredentials: _update,
    t.KeyUsageRequest: _usage_request,
    t.Certificate: _own_certificate,
    t.JoinDevice: _join,
    t.UnjoinDevice: _unjoin,
    t.Nothing: _nothing,
    t.ActivateFirmware: _activate_firmware,
    t.SetTime: _set_time,
    t.DeviceLogRestore: _restore,
}
