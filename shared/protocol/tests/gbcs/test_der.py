"""DER structures (gbcs.md section 8): examples, round trips of random values, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import der
from dccemu_protocol.gbcs import der_types as types
from dccemu_protocol.gbcs.envelope import CRA
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.identifiers import Eui64

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
PPMID = Eui64.parse("00-DB-12-34-56-78-90-A4")
numbers = st.integers(0, 2**64 - 1)
small = st.integers(0, 200)
euis = st.binary(min_size=8, max_size=8).map(Eui64)
key_ids = st.binary(min_size=8, max_size=8)
usages = st.sampled_from([types.KeyUsage.DIGITAL_SIGNATURE, types.KeyUsage.KEY_AGREEMENT, types.KeyUsage.KEY_CERT_SIGN])
instants = st.integers(-(10**9), 10**11).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
certificates = st.binary(max_size=110).map(
    lambda content: types.Certificate(b"\x30" + bytes((len(content),)) + content)
)
cells = st.builds(types.TrustAnchorCell, small, usages, st.integers(0, 1))
prepayment = st.lists(st.builds(types.PrepaymentFloor, st.just(0), numbers), max_size=3).map(tuple)
floors = st.lists(st.builds(types.RoleFloor, small, numbers, st.none() | prepayment), max_size=3).map(tuple)
entries = st.lists(st.builds(types.DeviceLogEntry, euis, small), max_size=20).map(tuple)
outcomes = st.builds(
    types.UpdateOutcome,
    numbers,
    small,
    floors,
    st.lists(st.builds(types.ReplacementResult, cells, small, euis, key_ids, euis, key_ids), max_size=4).map(tuple),
)
controls = st.builds(
    types.ReplacementControl,
    small,
    st.none() | st.binary(max_size=20),
    st.none() | st.just(1),
    st.none() | cells,
    numbers,
    st.none() | numbers,
    st.none() | prepayment,
    st.none() | floors,
)
updates = st.builds(
    types.UpdateSecurityCredentials,
    controls,
    st.lists(st.builds(types.Replacement, certificates, cells), max_size=3).map(tuple),
    st.lists(certificates, max_size=2).map(tuple),
    st.none() | instants,
)
details = st.lists(st.builds(types.CredentialDetail, usages, st.integers(0, 1), euis, key_ids), max_size=4).map(tuple)
roles = st.lists(
    st.builds(types.RoleCredentials, small, small, st.none() | numbers, st.none() | details), max_size=4
).map(tuple)
versions = st.binary(min_size=4, max_size=4)
codes = st.builds(types.ResponseCode, small)
CASES: list[tuple[int, CRA, st.SearchStrategy[types.DerValue]]] = [
    (0x0008, CRA.COMMAND, st.builds(types.CredentialDetailsRequest, cells, st.lists(small).map(tuple))),
    (0x011B, CRA.RESPONSE, roles),
    (0x0102, CRA.COMMAND, updates),
    (0x0107, CRA.RESPONSE, st.builds(types.UpdateCredentialsResponse, st.none(), st.none() | outcomes)),
    (0x000A, CRA.COMMAND, st.builds(types.KeyUsageRequest, usages)),
    (0x000A, CRA.RESPONSE, codes),
    (0x000B, CRA.COMMAND, certificates),
    (0x000C, CRA.RESPONSE, codes | certificates),
    (0x00AF, CRA.COMMAND, st.builds(types.JoinDevice, small, euis, small, st.none() | certificates)),
    (0x000F, CRA.COMMAND, st.builds(types.UnjoinDevice, euis)),
    (
        0x0012,
        CRA.COMMAND,
        st.builds(types.ActivateFirmware, st.binary(min_size=32, max_size=32), numbers, st.none() | instants),
    ),
    (0x0012, CRA.RESPONSE, st.just(types.Nothing()) | st.builds(types.ActivateFirmwareResult, small, versions)),
    (0x0013, CRA.COMMAND, st.just(types.Nothing())),
    (0x0013, CRA.RESPONSE, st.builds(types.DeviceLog, small, st.none() | entries)),
    (0x0129, CRA.RESPONSE, st.builds(types.FirmwareVersion, versions, small)),
    (0x007F, CRA.COMMAND, st.builds(types.SetTime, instants, instants)),
    (0x007F, CRA.RESPONSE, st.builds(types.SetTimeResult, instants, small)),
    (0x008C, CRA.COMMAND, st.builds(types.DeviceLogRestore, entries)),
    (0x00B2, CRA.ALERT, st.builds(types.DeviceLogBackupAlert, st.integers(0, 0xFFFF), instants, entries)),
    (0x00CB, CRA.ALERT, st.builds(types.CredentialsAlert, st.integers(0, 0xFFFF), instants, outcomes)),
    (0x0128, CRA.ALERT, st.builds(types.FirmwareTransferAlert, small, instants, euis, versions, small)),
]


@pytest.mark.parametrize(("code", "cra", "values"), CASES, ids=lambda one: f"{one:04x}" if type(one) is int else None)
@given(draw=st.data())
def test_every_structure_comes_back(
    code: int, cra: CRA, values: st.SearchStrategy[types.DerValue], draw: st.DataObject
) -> None:
    value = draw.draw(values)
    octets = der.encode(value, code, cra)

    assert der.decode(octets, code, cra) == value
    for wrong in (octets[:-1], octets + b"\x00"):
        with pytest.raises(GbcsError) as refusal:
            der.decode(wrong, code, cra)
        assert refusal.value.offset is not None


def test_method_b_join_example() -> None:
    octets = bytes.fromhex("3010020102040800db12345678909c020103")

    value = der.decode(octets, 0x000E, CRA.COMMAND)

    assert value == types.JoinDevice(
        types.JoinMethod.METHOD_B, Eui64.parse("00-DB-12-34-56-78-90-9C"), types.DeviceType.GPF
    )


def test_alert_code_is_an_integer_with_a_leading_zero_octet() -> None:
    alert = types.FirmwareResultAlert(0x8F8B, datetime(2015, 1, 1, tzinfo=UTC), bytes.fromhex("1234abcd"), 0)

    octets = der.encode(alert, 0x012B, CRA.ALERT)

    assert octets.hex() == "301f" + "0203008f8b" + "180f3230313530313031303030303030" + "5a" + "04041234abcd" + "020100"


def test_cancelled_execution_is_the_last_second_of_9999() -> None:
    value = types.ActivateFirmware(bytes(32), 1002, types.CANCEL)

    assert der.encode(value, 0x0012, CRA.COMMAND).endswith(b"\x18\x0f99991231235959Z")


def test_default_cell_usage_is_left_out_and_refused_when_written() -> None:
    request = types.CredentialDetailsRequest(types.TrustAnchorCell(4, types.KeyUsage.KEY_AGREEMENT), (2, 3))

    octets = der.encode(request, 0x0008, CRA.COMMAND)

    assert octets.hex() == "30113007020104030203083006020102020103"
    with pytest.raises(GbcsError):
        der.decode(bytes.fromhex("3014300a020104030203080201003006020102020103"), 0x0008, CRA.COMMAND)


def test_devices_write_middle_lengths_in_two_octets_and_parties_in_one() -> None:
    entry = types.DeviceLogEntry(PPMID, 5)

    response = der.encode(types.DeviceLog(0, (entry,) * 9), 0x0013, CRA.RESPONSE)
    command = der.encode(types.DeviceLogRestore((entry,) * 9), 0x008C, CRA.COMMAND)

    assert response.startswith(bytes.fromhex("3082008e"))
    assert command.startswith(bytes.fromhex("30818a"))
    assert der.decode(response, 0x0013, CRA.RESPONSE) == types.DeviceLog(0, (entry,) * 9)


@pytest.mark.parametrize(
    ("octets", "code", "cra"),
    [
        ("3011020100040800db12345678909a02020005", 0x000D, CRA.COMMAND),  # INTEGER not minimal
        ("308110020100040800db12345678909a020105", 0x000D, CRA.COMMAND),  # length not minimal
        ("30820010020100040800db12345678909a020105", 0x000D, CRA.RESPONSE),  # not that form below 128
        ("3010020180040800db12345678909a020105", 0x000D, CRA.COMMAND),  # negative
        ("300f0201000407db12345678909a020105", 0x000D, CRA.COMMAND),  # EUI of 7 octets
        ("3013020100040800db12345678909a020105020100", 0x000D, CRA.COMMAND),  # one component more
        ("300403020708", 0x000A, CRA.COMMAND),  # unused bits do not fit the usage
        ("3004030205a0", 0x0129, CRA.COMMAND),  # not a NULL
        ("050100", 0x0129, CRA.COMMAND),  # NULL with content
        ("0500", 0x0019, CRA.COMMAND),  # not a DER use case
        (
            "3022180f32303135303133303130303030305a180f32303135303133323032303030305a",
            0x007F,
            CRA.COMMAND,
        ),  # 30 January 32
        ("", 0x0013, CRA.COMMAND),
    ],
)
def test_what_is_not_der_of_the_use_case_is_refused(octets: str, code: int, cra: CRA) -> None:
    with pytest.raises(GbcsError):
        der.decode(bytes.fromhex(octets), code, cra)


def test_values_of_another_use_case_are_refused() -> None:
    with pytest.raises(GbcsError):
        der.encode(types.Nothing(), 0x0008, CRA.COMMAND)
    with pytest.raises(GbcsError):
        der.encode(types.Certificate(b"\x31\x00"), 0x000B, CRA.COMMAND)
    with pytest.raises(GbcsError):
        der.encode(types.SetTime(datetime(2020, 1, 1), datetime(2020, 1, 1)), 0x007F, CRA.COMMAND)  # noqa: DTZ001
    with pytest.raises(GbcsError):
        der.encode(types.ResponseCode(-1), 0x000B, CRA.RESPONSE)


@given(st.binary(max_size=60), st.sampled_from(CASES))
def test_octets_are_a_structure_or_refused(octets: bytes, case: tuple[int, CRA, object]) -> None:
    code, cra, _ = case
    try:
        value = der.decode(octets, code, cra)
    except GbcsError:
        return
    assert len(der.encode(value, code, cra)) <= len(octets) + 1
