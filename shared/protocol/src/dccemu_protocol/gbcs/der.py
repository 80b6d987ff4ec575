"""DER payloads: which structure a message carries, and its octets (gbcs.md section 8).

The message code and the direction choose the structure; where a Response may be one of two, the tag does. Commands
are strict DER. Responses and Alerts write lengths of 128..255 as ``82 00 nn``, as every Device message does, and are
read in either form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

from . import der_types as types
from .envelope import CRA
from .errors import BAD_TAG, BAD_VALUE, UNKNOWN, GbcsError
from .octets import Cursor
from .tlv import (
    BITS,
    ENUMERATED,
    EUI,
    INTEGER,
    NULL,
    OCTETS,
    TIME,
    Component,
    Optional,
    Shape,
    converted,
    octets_of,
    sequence,
    sequence_of,
    tagged,
    whole,
)

_KEY_USAGE: Shape[types.KeyUsage] = converted(BITS, types.KeyUsage, int)
_KEY_ID = octets_of(8)
_CERTIFICATE = whole(types.Certificate, lambda value: value.der)
_REQUEST = whole(types.CertificationRequest, lambda value: value.der)
_CELL = sequence(types.TrustAnchorCell, INTEGER, _KEY_USAGE, Optional(INTEGER, 0))
_PREPAYMENT = sequence_of(sequence(types.PrepaymentFloor, INTEGER, INTEGER))
_FLOORS = sequence_of(sequence(types.RoleFloor, INTEGER, INTEGER, Optional(_PREPAYMENT)))
_ENTRY = sequence(types.DeviceLogEntry, EUI, INTEGER)
_ENTRIES = sequence_of(_ENTRY)
_VERSION = octets_of(4)


_CONTROL = sequence(
    types.ReplacementControl,
    INTEGER,
    Optional(tagged(OCTETS, 0x80)),
    Optional(tagged(INTEGER, 0x81)),
    Optional(tagged(_CELL, 0xA2)),
    tagged(INTEGER, 0x83),
    Optional(tagged(INTEGER, 0x84)),
    Optional(tagged(_PREPAYMENT, 0xA5)),
    Optional(tagged(_FLOORS, 0xA6)),
)
_UPDATE = sequence(
    types.UpdateSecurityCredentials,
    _CONTROL,
    sequence_of(sequence(types.Replacement, _CERTIFICATE, _CELL)),
    sequence_of(_CERTIFICATE),
    Optional(TIME),
)
_OUTCOME = sequence(
    types.UpdateOutcome,
    INTEGER,
    INTEGER,
    _FLOORS,
    sequence_of(sequence(types.ReplacementResult, _CELL, ENUMERATED, EUI, _KEY_ID, EUI, _KEY_ID)),
)
_UPDATE_RESPONSE = sequence(types.UpdateCredentialsResponse, NULL, Optional(_OUTCOME))
_DETAILS_REQUEST = sequence(types.CredentialDetailsRequest, _CELL, sequence_of(INTEGER))
_DETAIL = sequence(types.CredentialDetail, _KEY_USAGE, Optional(INTEGER, 0), EUI, _KEY_ID)
_DETAILS = sequence_of(
    sequence(types.RoleCredentials, INTEGER, ENUMERATED, Optional(INTEGER), Optional(sequence_of(_DETAIL)))
)
_CODE = converted(INTEGER, types.ResponseCode, lambda value: value.code)
_NOTHING = converted(NULL, lambda _: types.Nothing(), lambda _: None)
_USAGE_REQUEST = sequence(types.KeyUsageRequest, _KEY_USAGE)
_JOIN = sequence(types.JoinDevice, INTEGER, EUI, INTEGER, Optional(_CERTIFICATE))
_UNJOIN = converted(EUI, types.UnjoinDevice, lambda value: value.device)
_ACTIVATE = sequence(types.ActivateFirmware, octets_of(32), INTEGER, Optional(TIME))
_ACTIVATED = sequence(types.ActivateFirmwareResult, INTEGER, OCTETS)
_LOG = sequence(types.DeviceLog, INTEGER, Optional(_ENTRIES))
_FIRMWARE = sequence(types.FirmwareVersion, OCTETS, INTEGER)
_SET_TIME = sequence(types.SetTime, TIME, TIME)
_TIME_SET = sequence(types.SetTimeResult, TIME, INTEGER)
_RESTORE = sequence(types.DeviceLogRestore, _ENTRIES)
_RESTORED = sequence(types.DeviceLogRestoreResult, sequence_of(sequence(types.RestoredEntry, _ENTRY, INTEGER)))
_FIRMWARE_ALERT = sequence(types.FirmwareActivationAlert, INTEGER, TIME, INTEGER, _ACTIVATED)
_CREDENTIALS_ALERT = sequence(types.CredentialsAlert, INTEGER, TIME, _OUTCOME)
_BACKUP_ALERT = sequence(types.DeviceLogBackupAlert, INTEGER, TIME, _ENTRIES)
_TRANSFER_ALERT = sequence(types.FirmwareTransferAlert, INTEGER, TIME, EUI, OCTETS, INTEGER)
_RESULT_ALERT = sequence(types.FirmwareResultAlert, INTEGER, TIME, OCTETS, INTEGER)
_PLAIN_ALERT = sequence(types.PlainAlert, INTEGER, TIME)

_Forms: TypeAlias = tuple[tuple[type, Component], ...]


def _forms(*forms: tuple[type, Component]) -> _Forms:
    return forms


_DETAILS_PAIR = (_forms((types.CredentialDetailsRequest, _DETAILS_REQUEST)), _forms((tuple, _DETAILS)))
_UPDATE_PAIR = (
    _forms((types.UpdateSecurityCredentials, _UPDATE)),
    _forms((types.UpdateCredentialsResponse, _UPDATE_RESPONSE)),
)
_CODE_ONLY = _forms((types.ResponseCode, _CODE))
_JOIN_PAIR = (_forms((types.JoinDevice, _JOIN)), _CODE_ONLY)
_UNJOIN_PAIR = (_forms((types.UnjoinDevice, _UNJOIN)), _CODE_ONLY)
_ASK_NOTHING = _forms((types.Nothing, _NOTHING))
_ASK_USAGE = _forms((types.KeyUsageRequest, _USAGE_REQUEST))

_EXCHANGES: Mapping[int, tuple[_Forms, _Forms]] = {
    0x0008: _DETAILS_PAIR,
    0x000A: (_ASK_USAGE, _forms((types.CertificationRequest, _REQUEST), (types.ResponseCode, _CODE))),
    0x000B: (_forms((types.Certificate, _CERTIFICATE)), _CODE_ONLY),
    0x000C: (_ASK_USAGE, _forms((types.Certificate, _CERTIFICATE), (types.ResponseCode, _CODE))),
    0x000D: _JOIN_PAIR,
    0x000E: _JOIN_PAIR,
    0x000F: _UNJOIN_PAIR,
    0x0010: _UNJOIN_PAIR,
    0x0012: (
        _forms((types.ActivateFirmware, _ACTIVATE)),
        _forms((types.Nothing, _NOTHING), (types.ActivateFirmwareResult, _ACTIVATED)),
    ),
    0x0013: (_ASK_NOTHING, _forms((types.DeviceLog, _LOG))),
    0x007F: (_forms((types.SetTime, _SET_TIME)), _forms((types.SetTimeResult, _TIME_SET))),
    0x008C: (_forms((types.DeviceLogRestore, _RESTORE)), _forms((types.DeviceLogRestoreResult, _RESTORED))),
    0x00AB: _JOIN_PAIR,
    0x00AF: _JOIN_PAIR,
    0x011B: _DETAILS_PAIR,
    0x0129: (_ASK_NOTHING, _forms((types.FirmwareVersion, _FIRMWARE))),
    **dict.fromkeys((*range(0x0100, 0x010A), 0x0125, 0x0126), _UPDATE_PAIR),
}
_ALERTS: Mapping[int, _Forms] = {
    0x00B2: _forms((types.DeviceLogBackupAlert, _BACKUP_ALERT)),
    0x00CA: _forms((types.FirmwareActivationAlert, _FIRMWARE_ALERT)),
    0x00CB: _forms((types.CredentialsAlert, _CREDENTIALS_ALERT)),
    0x0124: _forms((types.CredentialsAlert, _CREDENTIALS_ALERT)),
    0x0128: _forms((types.FirmwareTransferAlert, _TRANSFER_ALERT)),
    0x012B: _forms((types.FirmwareResultAlert, _RESULT_ALERT)),
    0x1000: _forms((types.PlainAlert, _PLAIN_ALERT)),
    0x1001: _forms((types.PlainAlert, _PLAIN_ALERT)),
}


def is_der(message_code: int, cra: CRA) -> bool:
    """Whether messages of this code carry DER (generic alerts may carry any protocol)."""
    return message_code in (_ALERTS if cra is CRA.ALERT else _EXCHANGES)


def decode(payload: bytes, message_code: int, cra: CRA) -> types.DerValue:
    """Read a whole DER payload."""
    cursor = Cursor(payload)
    tag = cursor.peek()
    for _, shape in _structures(message_code, cra):
        if shape.tag == tag:
            value = shape.get(cursor, cra is not CRA.COMMAND)
            cursor.finish("the DER payload")
            return cast(types.DerValue, value)
    raise GbcsError(BAD_TAG, f"tag {tag:02x} does not start the payload of message code {message_code:04x}", 0)


def encode(value: types.DerValue, message_code: int, cra: CRA) -> bytes:
    """The octets of a DER payload."""
    for kind, shape in _structures(message_code, cra):
        if isinstance(value, kind):
            return shape.put(value, cra is not CRA.COMMAND)
    raise GbcsError(BAD_VALUE, f"message code {message_code:04x} does not carry {type(value).__name__}")


def _structures(message_code: int, cra: CRA) -> _Forms:
    if cra is CRA.ALERT:
        forms = _ALERTS.get(message_code)
    else:
        exchange = _EXCHANGES.get(message_code)
        forms = exchange and exchange[cra - 1]
    if forms is None:
        raise GbcsError(UNKNOWN, f"message code {message_code:04x} has no DER {cra.name.title()}")
    return forms
