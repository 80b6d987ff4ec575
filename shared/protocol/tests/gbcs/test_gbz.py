"""GBZ components, ZCL fields and alerts (gbcs.md sections 7 and 10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import alerts, gbz, zcl
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.gbz import Component, GbzAlert, GbzPayload

octet = st.integers(0, 255)
words = st.integers(0, 2**32 - 1)
components = st.builds(
    Component,
    st.integers(0, 0xFFFF),
    octet,
    octet,
    octet,
    st.binary(max_size=60),
    st.none() | words,
    st.none() | octet,
)
dates = st.builds(
    zcl.ZclDate,
    st.none() | st.integers(1900, 2154),
    st.none() | st.integers(0, 254),
    st.none() | st.integers(0, 254),
    st.none() | st.integers(0, 254),
)
FIELDS: dict[str, st.SearchStrategy[zcl.Scalar]] = {
    **{f"u{8 * width}": st.integers(0, 256**width - 1) for width in range(1, 7)},
    "i32": st.integers(-(2**31), 2**31 - 1),
    "utc": words,
    "str": st.binary(max_size=255),
    "date": dates,
    "bytes": st.binary(max_size=30),
}
LAYOUTS = sorted(zcl.tables().layouts.values(), key=lambda layout: layout.name)


@st.composite
def commands(draw: st.DrawFn) -> tuple[zcl.CommandLayout, zcl.ZclCommand]:
    layout = draw(st.sampled_from(LAYOUTS))
    fields: dict[str, zcl.FieldValue] = {one.name: draw(FIELDS[one.type]) for one in layout.fields}
    if layout.group:
        entries = draw(
            st.lists(st.fixed_dictionaries({one.name: FIELDS[one.type] for one in layout.group}), max_size=9)
        )
        fields[zcl.ENTRIES] = tuple(entries)
        if layout.counted_by is not None:
            fields[layout.counted_by] = len(entries)
    return layout, zcl.ZclCommand(layout.name, fields)


def test_read_firmware_version_of_a_gsme_example() -> None:
    octets = bytes.fromhex("01090101070200050000000602")

    payload = gbz.decode(octets)

    assert payload == GbzPayload((gbz.read_attributes(0x0702, [0x0206], 0),))
    assert payload.components[0].zcl() == zcl.ReadAttributes((0x0206,))
    assert gbz.encode(payload) == octets


def test_top_up_log_with_from_date_time_example() -> None:
    octets = bytes.fromhex("0109011107 05000c1c0e6c00010008feffffff05".replace(" ", ""))

    component = gbz.cluster_command(
        "GetTopUpLog", {"latestEndTime": 0xFFFFFFFE, "numberOfRecords": 5}, 0, from_date_time=0x1C0E6C00
    )

    assert gbz.encode(GbzPayload((component,))) == octets
    assert gbz.decode(octets).components == (component,)


def test_publish_commands_go_from_server_to_client() -> None:
    fields = {"issuerEventId": 1, "startTime": 2, "conversionFactor": 102264, "trailingDigit": 0x50}

    component = gbz.cluster_command("PublishConversionFactor", dict(fields), 3)

    assert (component.cluster, component.frame_control, component.command_id) == (0x0700, 0x09, 0x02)
    assert component.payload.hex() == "01000000" + "02000000" + "788f0100" + "50"
    assert component.zcl() == zcl.ZclCommand("PublishConversionFactor", fields)


@given(st.lists(components, min_size=1, max_size=10))
def test_components_come_back(found: list[Component]) -> None:
    payload = GbzPayload(tuple(found))

    assert gbz.decode(gbz.encode(payload)) == payload


@given(st.binary(max_size=80))
def test_octets_are_components_or_refused_and_nothing_is_lost(rest: bytes) -> None:
    octets = gbz.PROFILE + rest
    try:
        payload = gbz.decode(octets)
    except GbcsError:
        return
    assert gbz.encode(payload) == octets


@given(commands())
def test_every_cluster_command_comes_back(drawn: tuple[zcl.CommandLayout, zcl.ZclCommand]) -> None:
    layout, command = drawn
    frame_control = 0x09 if layout.to_client else 0x01
    octets = zcl.encode(command)

    assert zcl.decode(layout.cluster, frame_control, layout.command_id, octets) == command
    if not layout.group and all(one.type != "bytes" for one in layout.fields):
        with pytest.raises(GbcsError):
            zcl.decode(layout.cluster, frame_control, layout.command_id, octets + b"\x00")


@pytest.mark.parametrize(
    ("record", "octets"),
    [
        (zcl.AttributeRecord(0x0302, 0, 0x22, 1000), "0203" + "00" + "22" + "e80300"),
        (zcl.AttributeRecord(0x0001, 0, 0x2B, -5), "0100" + "00" + "2b" + "fbffffff"),
        (zcl.AttributeRecord(0x0206, 0, 0x41, b"\x01\x02"), "0602" + "00" + "41" + "020102"),
        (zcl.AttributeRecord(0x0206, 0x86), "0602" + "86"),
    ],
)
def test_attribute_records_have_a_value_only_when_they_succeed(record: zcl.AttributeRecord, octets: str) -> None:
    response = zcl.ReadAttributesResponse((record,))

    assert zcl.encode(response).hex() == octets
    assert zcl.decode(0x0702, 0x18, 0x01, bytes.fromhex(octets)) == response


def test_default_response_says_command_and_status() -> None:
    assert zcl.decode(0x0702, 0x18, 0x0B, bytes.fromhex("ff01")) == zcl.DefaultResponse(0xFF, 1)


@pytest.mark.parametrize(
    ("frame_control", "command_id", "octets"),
    [
        (0x00, 0x00, "000102"),  # half an attribute id
        (0x08, 0x01, "00000099"),  # unknown type
        (0x08, 0x0B, "0001ff"),  # too long
        (0x00, 0x0A, ""),  # not in use
        (0x01, 0x77, ""),  # unknown command
    ],
)
def test_wrong_zcl_payloads_are_refused(frame_control: int, command_id: int, octets: str) -> None:
    with pytest.raises(GbcsError):
        zcl.decode(0x0702, frame_control, command_id, bytes.fromhex(octets))


@pytest.mark.parametrize(
    "fields",
    [
        {"latestEndTime": 1},
        {"latestEndTime": 1, "numberOfRecords": 256},
        {"latestEndTime": -1, "numberOfRecords": 1},
        {"latestEndTime": 1, "numberOfRecords": 1, "more": 1},
        {"latestEndTime": b"", "numberOfRecords": 1},
    ],
)
def test_fields_that_do_not_fit_are_refused(fields: dict[str, zcl.FieldValue]) -> None:
    with pytest.raises(GbcsError):
        gbz.cluster_command("GetTopUpLog", fields, 0)


def test_count_field_has_to_count_the_entries() -> None:
    fields: dict[str, zcl.FieldValue] = {"numberOfEvents": 2, zcl.ENTRIES: ({"eventId": 1},)}
    fields |= {"issuerEventId": 0, "startTime": 0, "eventConfiguration": 0, "configurationControl": 0}

    with pytest.raises(GbcsError):
        zcl.encode(zcl.ZclCommand("SetEventConfiguration", fields))


@pytest.mark.parametrize(
    ("octets", "offset"),
    [
        ("010900", 2),  # no components
        ("0109010007020005000000" + "0602", 3),  # the last one does not say so
        ("01090103070200050000000001", 8),  # encrypted without its header
        ("0109018107020005000000" + "0602", 3),  # control bit not in use
        ("0109010107020006000000" + "0602", 8),  # longer than the payload
        ("0108010107020005000000" + "0602", 0),  # another profile
    ],
)
def test_wrong_payloads_are_refused(octets: str, offset: int) -> None:
    with pytest.raises(GbcsError) as refusal:
        gbz.decode(bytes.fromhex(octets))

    assert refusal.value.offset is not None
    assert refusal.value.offset >= offset


@given(st.integers(0, 0xFFFF), words, st.binary(max_size=40))
def test_alerts_come_back(code: int, time: int, extra: bytes) -> None:
    alert = GbzAlert(code, time, extra)

    assert gbz.decode_alert(gbz.encode_alert(alert)) == alert


@pytest.mark.parametrize("octets", ["0109018f301c374a80", "0109008f301c374a8000", "0109008f301c374a"])
def test_alert_has_to_say_whether_more_follows(octets: str) -> None:
    with pytest.raises(GbcsError):
        gbz.decode_alert(bytes.fromhex(octets))


def test_future_dated_instruction_names_the_command() -> None:
    extra = bytes.fromhex("0e006b00000000000003ed07000904")

    instruction = alerts.read_gbz_instruction(extra)

    assert instruction == alerts.GbzInstruction(0x006B, 1005, 0x0700, 0x09, 0x04)
    assert alerts.write_gbz_instruction(instruction) == extra


def test_future_dated_instruction_names_the_activation_time() -> None:
    octets = bytes.fromhex("001900000000000003f0001400000d0000ff0a")

    instruction = alerts.read_dlms_instruction(octets)

    assert instruction == alerts.DlmsInstruction(0x0019, 1008, 20, bytes.fromhex("00000d0000ff"), 10)
    assert alerts.write_dlms_instruction(instruction) == octets
