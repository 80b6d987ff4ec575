"""What alerts carry beyond code and time (gbcs.md section 10), and reading DLMS alerts."""

from __future__ import annotations

from dataclasses import dataclass

from ..identifiers import Eui64
from . import datum, dlms
from .errors import BAD_VALUE, GbcsError
from .octets import Cursor

COMMAND_NOT_SUPPORTED = 0x0120
MESSAGE_DISCARDED = frozenset((0x0114, 0x00D5))
FUTURE_DATED_DLMS = 0x00CC
FUTURE_DATED_GBZ = 0x00CD
FIRMWARE_ACTIVATION = 0x00CA
UPDATE_CREDENTIALS = frozenset((0x00CB, 0x0124))
GENERIC = frozenset((0x1000, 0x1001))


@dataclass(frozen=True, slots=True)
class DlmsAlert:
    """A data notification taken as an alert: code, 12-octet time stamp, and further items."""

    alert_code: int
    time: bytes
    items: tuple[datum.Datum, ...] = ()


@dataclass(frozen=True, slots=True)
class DlmsInstruction:
    """The activation time that fired, of 8F66 and 8F67 (message code 00cc)."""

    message_code: int
    originator_counter: int
    class_id: int
    obis: bytes
    attribute: int


@dataclass(frozen=True, slots=True)
class GbzInstruction:
    """The ZigBee command that took effect, of 8F66 and 8F67 (message code 00cd)."""

    message_code: int
    originator_counter: int
    cluster: int
    frame_control: int
    command_id: int


@dataclass(frozen=True, slots=True)
class UnsupportedCommand:
    """The Command an 8F85 alert (message code 0120) tells of."""

    message_code: int
    originator_counter: int


@dataclass(frozen=True, slots=True)
class DiscardedMessage:
    """The message an 8F2C or 8F84 alert (message codes 0114, 00d5) tells of."""

    originator: Eui64
    target: Eui64
    cra: int
    counter: int


def dlms_alert(notification: dlms.DataNotification) -> DlmsAlert:
    """Read the body of a data notification."""
    match notification.body:
        case datum.Structure((datum.LongUnsigned(code), datum.OctetString(time), *items)) if len(time) == 12:
            return DlmsAlert(code, time, tuple(items))
        case _:
            raise GbcsError(BAD_VALUE, "an alert is a structure of alert code, time stamp and items")


def notification(alert: DlmsAlert, counter: int) -> dlms.DataNotification:
    """The data notification of an alert; ``counter`` is the Device's own."""
    head = (datum.LongUnsigned(alert.alert_code), datum.OctetString(alert.time))
    return dlms.DataNotification(dlms.invoke_id(counter), datum.Structure(head + alert.items))


def read_dlms_instruction(octets: bytes) -> DlmsInstruction:
    """Read the 19 octets of an 8F66 or 8F67 item."""
    cursor = Cursor(octets)
    found = DlmsInstruction(cursor.unsigned(2), cursor.unsigned(8), cursor.unsigned(2), cursor.take(6), cursor.u8())
    cursor.finish("the instruction")
    return found


def write_dlms_instruction(instruction: DlmsInstruction) -> bytes:
    """The 19 octets."""
    return b"".join(
        (
            instruction.message_code.to_bytes(2, "big"),
            instruction.originator_counter.to_bytes(8, "big"),
            instruction.class_id.to_bytes(2, "big"),
            instruction.obis,
            bytes((instruction.attribute,)),
        )
    )


def read_gbz_instruction(extra: bytes) -> GbzInstruction:
    """Read ``0e`` and the 14 octets of an 8F66 or 8F67 alert."""
    cursor = Cursor(extra)
    cursor.expect(b"\x0e", "the length of the instruction")
    found = GbzInstruction(cursor.unsigned(2), cursor.unsigned(8), cursor.unsigned(2), cursor.u8(), cursor.u8())
    cursor.finish("the instruction")
    return found


def write_gbz_instruction(instruction: GbzInstruction) -> bytes:
    """``0e`` and the 14 octets."""
    return b"".join(
        (
            b"\x0e",
            instruction.message_code.to_bytes(2, "big"),
            instruction.originator_counter.to_bytes(8, "big"),
            instruction.cluster.to_bytes(2, "big"),
            bytes((instruction.frame_control, instruction.command_id)),
        )
    )


def read_unsupported_command(octets: bytes) -> UnsupportedCommand:
    """Read the 10 octets of an 8F85 item."""
    cursor = Cursor(octets)
    found = UnsupportedCommand(cursor.unsigned(2), cursor.unsigned(8))
    cursor.finish("the Command's identity")
    return found


def write_unsupported_command(command: UnsupportedCommand) -> bytes:
    """The 10 octets."""
    return command.message_code.to_bytes(2, "big") + command.originator_counter.to_bytes(8, "big")


def read_discarded_message(octets: bytes) -> DiscardedMessage:
    """Read the 25 octets of an 8F2C or 8F84 item."""
    cursor = Cursor(octets)
    found = DiscardedMessage(Eui64(cursor.take(8)), Eui64(cursor.take(8)), cursor.u8(), cursor.unsigned(8))
    cursor.finish("the message's identity")
    return found


def write_discarded_message(message: DiscardedMessage) -> bytes:
    """The 25 octets."""
    cra = bytes((message.cra,))
    return message.originator.octets + message.target.octets + cra + message.counter.to_bytes(8, "big")
