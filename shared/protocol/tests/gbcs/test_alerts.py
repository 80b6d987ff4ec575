"""Contents of alerts (gbcs.md section 10): each pair of reader and writer, and lengths refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import alerts, datum, dlms
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.identifiers import Eui64

codes = st.integers(0, 0xFFFF)
counters = st.integers(0, 2**64 - 1)
octets = st.integers(0, 255)
euis = st.binary(min_size=8, max_size=8).map(Eui64)


@given(st.builds(alerts.DlmsInstruction, codes, counters, codes, st.binary(min_size=6, max_size=6), octets))
def test_dlms_instructions_come_back(instruction: alerts.DlmsInstruction) -> None:
    assert alerts.read_dlms_instruction(alerts.write_dlms_instruction(instruction)) == instruction


@given(st.builds(alerts.GbzInstruction, codes, counters, codes, octets, octets))
def test_gbz_instructions_come_back(instruction: alerts.GbzInstruction) -> None:
    assert alerts.read_gbz_instruction(alerts.write_gbz_instruction(instruction)) == instruction


@given(st.builds(alerts.UnsupportedCommand, codes, counters))
def test_unsupported_commands_come_back(command: alerts.UnsupportedCommand) -> None:
    assert alerts.read_unsupported_command(alerts.write_unsupported_command(command)) == command


@given(st.builds(alerts.DiscardedMessage, euis, euis, octets, counters))
def test_discarded_messages_come_back(message: alerts.DiscardedMessage) -> None:
    assert alerts.read_discarded_message(alerts.write_discarded_message(message)) == message


@pytest.mark.parametrize(
    ("reader", "length"),
    [
        (alerts.read_dlms_instruction, 19),
        (alerts.read_unsupported_command, 10),
        (alerts.read_discarded_message, 25),
    ],
)
def test_other_lengths_are_refused(reader: Callable[[bytes], object], length: int) -> None:
    reader(bytes(length))
    for wrong in (length - 1, length + 1, 0):
        with pytest.raises(GbcsError):
            reader(bytes(wrong))


@pytest.mark.parametrize(
    "body",
    [
        datum.NULL,
        datum.structure(),
        datum.structure(datum.LongUnsigned(1)),
        datum.structure(datum.LongUnsigned(1), datum.OctetString(b"")),
        datum.structure(datum.Unsigned(1), datum.OctetString(bytes(12))),
    ],
)
def test_notification_that_is_no_alert_is_refused(body: datum.Datum) -> None:
    with pytest.raises(GbcsError):
        alerts.dlms_alert(dlms.DataNotification(0x20000001, body))
