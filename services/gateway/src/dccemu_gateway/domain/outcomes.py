"""What the DCC reads out of Responses and Alerts for its own records.

Only for the services of ``interest.READ_SERVICES`` and for Alerts; everything else passes to the User unread.
Results: DLMS results all 0, ZCL statuses all 0, DER codes 0 (gbcs.md section 9). Alerts: gbcs.md section 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dccemu_protocol.gbcs import alerts, datum, der_types, dlms, gbz, zcl
from dccemu_protocol.gbcs.envelope import GbcsMessage
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.payload import Payload, decode_payload

from .commands import Facts, JsonValue

FUTURE_DATED = frozenset({0x8F66, 0x8F67})
FIRMWARE_SERVICES = frozenset({"11.2", "11.3"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a Device did what was asked, and what it says besides."""

    success: bool
    facts: Facts


@dataclass(frozen=True, slots=True)
class AlertReading:
    """An Alert as far as the DCC reads it.

    ``instruction`` is (message code, originator counter) of the future dated Command that fired, where the Alert
    says so; ``outcome`` its result.
    """

    code: int
    facts: Facts
    instruction: tuple[int | None, int] | None = None


def read_outcome(message: GbcsMessage, srv: str) -> Outcome:
    """Read a Response.

    Raises
    ------
    GbcsError
        When the payload is not what its message code carries.
    """
    payload = decode_payload(message)
    facts: dict[str, JsonValue] = {}
    if srv in FIRMWARE_SERVICES:
        version = _firmware(payload)
        if version is not None:
            facts["firmware_version"] = version
    if isinstance(payload, der_types.UpdateCredentialsResponse) and payload.outcome is not None:
        facts["statuses"] = [result.status for result in payload.outcome.results]
    return Outcome(_is_good(payload), facts)


def _is_good(payload: Payload) -> bool:
    match payload:
        case dlms.AccessResponse(results=results):
            return all(result.result == 0 for result in results)
        case gbz.GbzPayload(components=components):
            return all(_is_good_component(component) for component in components)
        case der_types.UpdateCredentialsResponse(outcome=outcome):
            return outcome is None or any(result.status == 0 for result in outcome.results)
        case (
            der_types.ResponseCode(code=code)
            | der_types.ActivateFirmwareResult(code=code)
            | der_types.DeviceLog(code=code)
        ):
            return code == 0
        case der_types.SetTimeResult(status=status) | der_types.FirmwareVersion(status=status):
            return status == 0
        case der_types.DeviceLogRestoreResult(entries=entries):
            return all(entry.code == 0 for entry in entries)
        case _:
            return True


def _is_good_component(component: gbz.Component) -> bool:
    if component.is_encrypted:
        return True
    try:
        value = component.zcl()
    except GbcsError:
        return True
    match value:
        case zcl.DefaultResponse(status=status):
            return status == 0
        case zcl.ReadAttributesResponse(records=records):
            return all(record.status == 0 for record in records)
        case _:
            return True


def _firmware(payload: Payload) -> str | None:
    """The version that a Device reports: eight hexadecimal digits."""
    match payload:
        case dlms.AccessResponse(data=data):
            found = next((item.value for item in data if isinstance(item, datum.OctetString)), None)
            return None if found is None else found.hex().upper()
        case gbz.GbzPayload(components=components):
            for component in components:
                value = None if component.is_encrypted else component.zcl()
                if isinstance(value, zcl.ReadAttributesResponse) and value.records:
                    octets = value.records[0].value
                    return octets.hex().upper() if isinstance(octets, bytes) else None
            return None
        case der_types.FirmwareVersion(version=version) | der_types.ActivateFirmwareResult(version=version):
            return version.hex().upper()
        case _:
            return None


def read_alert(message: GbcsMessage) -> AlertReading:
    """Read an Alert.

    Raises
    ------
    GbcsError
        When the payload is not an Alert's.
    """
    payload = decode_payload(message)
    match payload:
        case dlms.DataNotification():
            return _dlms(message, alerts.dlms_alert(payload))
        case gbz.GbzAlert(alert_code=code, extra=extra):
            if code in FUTURE_DATED and message.message_code == alerts.FUTURE_DATED_GBZ:
                fired = alerts.read_gbz_instruction(extra)
                return AlertReading(code, {}, (fired.message_code, fired.originator_counter))
            return AlertReading(code, {})
        case der_types.FirmwareActivationAlert(alert_code=code, originator_counter=counter, result=result):
            version = result.version.hex().upper()
            return AlertReading(code, {"firmware_version": version, "result": result.code}, (None, counter))
        case der_types.CredentialsAlert(alert_code=code, outcome=outcome):
            statuses: list[JsonValue] = [result.status for result in outcome.results]
            return AlertReading(code, {"statuses": statuses}, (None, outcome.authorising_counter))
        case der_types.DeviceLogBackupAlert(alert_code=code, entries=entries):
            devices: list[JsonValue] = [
                {"device_id": entry.device.hex, "type": int(entry.device_type)} for entry in entries
            ]
            return AlertReading(code, {"gpf_log_backup": {"devices": devices}})
        case der_types.FirmwareTransferAlert(alert_code=code, time=time, device=device, version=version, code=result):
            told: dict[str, JsonValue] = {"device": str(device), "transfer": result}
            return AlertReading(code, {**told, **_versioned(version, time)})
        case der_types.FirmwareResultAlert(alert_code=code, time=time, version=version, result=result):
            return AlertReading(code, {"result": result, **_versioned(version, time)})
        case der_types.PlainAlert(alert_code=code):
            return AlertReading(code, {})
        case _:
            raise GbcsError("GBCS_UNKNOWN", f"{type(payload).__name__} is not an Alert")


def _versioned(version: bytes, time: datetime) -> Facts:
    """A version as the inventory writes it, and a time in the form of the schema."""
    return {"firmware_version": version.hex().upper(), "time": time.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _dlms(message: GbcsMessage, alert: alerts.DlmsAlert) -> AlertReading:
    if alert.alert_code in FUTURE_DATED and message.message_code == alerts.FUTURE_DATED_DLMS:
        item = alert.items[0] if alert.items else None
        if isinstance(item, datum.OctetString):
            fired = alerts.read_dlms_instruction(item.value)
            return AlertReading(alert.alert_code, {}, (fired.message_code, fired.originator_counter))
    if alert.alert_code == 0x8F12 and alert.items:
        return AlertReading(alert.alert_code, _chf_backup(alert.items[0]))
    if alert.alert_code == 0x8F43 and alert.items and isinstance(alert.items[0], datum.OctetString):
        return AlertReading(alert.alert_code, {"firmware_version": alert.items[0].value.hex().upper()})
    return AlertReading(alert.alert_code, {})


def _chf_backup(item: datum.Datum) -> Facts:
    """CS14: structure of date-time, extended PAN id, array of Device and hashed trust centre link key."""
    match item:
        case datum.Structure((_, datum.OctetString(pan), datum.Array(entries))):
            devices: list[JsonValue] = []
            for entry in entries:
                match entry:
                    case datum.Structure((datum.OctetString(device), datum.OctetString(key))):
                        devices.append({"device_id": device.hex(), "hashed_tc_link_key": key.hex()})
                    case _:
                        raise GbcsError("GBCS_BAD_VALUE", "an entry of the hub's log is Device and link key")
            return {"chf_log_backup": {"extended_pan_id": pan.hex(), "devices": devices}}
        case _:
            raise GbcsError("GBCS_BAD_VALUE", "the hub's log is a structure of time, PAN id and entries")
