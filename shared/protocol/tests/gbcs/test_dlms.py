"""DLMS access request, response and data notification (gbcs.md sections 3.6, 6.1, 6.2, 6.4, 10)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import alerts, datum, dlms
from dccemu_protocol.gbcs.dlms import AccessRequest, AccessResponse, AccessResult, Operation, Selection, Specification
from dccemu_protocol.gbcs.errors import GbcsError

FIRMWARE = Specification(Operation.GET, 1, bytes.fromhex("0000000201ff"), 2)
simple_data = st.one_of(
    st.just(datum.NULL), st.integers(0, 255).map(datum.Unsigned), st.binary(max_size=20).map(datum.OctetString)
)
members = st.integers(0, 255)
plain_specifications = st.builds(
    Specification,
    st.sampled_from([Operation.GET, Operation.SET, Operation.ACTION]),
    st.integers(0, 2**16 - 1),
    st.binary(min_size=6, max_size=6),
    members,
)
selective = st.builds(
    Specification,
    st.just(Operation.GET_WITH_SELECTION),
    st.integers(0, 2**16 - 1),
    st.binary(min_size=6, max_size=6),
    members,
    st.builds(Selection, members, simple_data),
)
pairs = st.lists(st.tuples(plain_specifications | selective, simple_data), max_size=200)
invoke_ids = st.integers(0, 2**32 - 1)


def test_read_firmware_version_example() -> None:
    octets = bytes.fromhex("d9200003e80001010001" + "0000000201ff020100")

    assert dlms.decode(octets) == AccessRequest(dlms.invoke_id(1000), (FIRMWARE,), (datum.NULL,))


def test_answer_with_firmware_version_example() -> None:
    octets = bytes.fromhex("da200003e80000010904" + "0123abcd" + "010100")

    expected = AccessResponse(
        0x200003E8, (datum.OctetString(bytes.fromhex("0123abcd")),), (AccessResult(Operation.GET, 0),)
    )
    assert dlms.decode(octets) == expected


def test_close_load_switch_example() -> None:
    request = AccessRequest(
        dlms.invoke_id(1000),
        (Specification(Operation.ACTION, 9, dlms.obis_octets("0-0:10.0.106.255"), 1),),
        (datum.LongUnsigned(51),),
    )

    assert dlms.encode(request).hex() == "d9200003e8000103000900000a006aff0101120033"


def test_log_read_with_range_example() -> None:
    restricting = datum.structure(
        datum.LongUnsigned(1),
        datum.OctetString(dlms.obis_octets("0-0:94.44.100.255")),
        datum.Integer(2),
        datum.LongUnsigned(0),
    )
    parameters = datum.structure(
        restricting, datum.DoubleLongUnsigned(0x1C0D9910), datum.DoubleLongUnsigned(0x1C374A80), datum.array()
    )
    specification = Specification(
        Operation.GET_WITH_SELECTION, 7, dlms.obis_octets("0-0:98.1.10.255"), 2, Selection(1, parameters)
    )

    octets = dlms.encode(AccessRequest(0x20000001, (specification,), (datum.NULL,)))

    assert octets[7:-2].hex() == (
        "0400070000" + "62010aff" + "0201" + "02040204120001" + "0906" + "00005e2c64ff" + "0f02" + "120000"
        "06" + "1c0d9910" + "06" + "1c374a80" + "0100"
    )  # fmt: skip


def test_invoke_id_has_the_low_24_bits_of_the_counter() -> None:
    assert dlms.invoke_id(0x0102030405060708) == 0x20060708


def test_alert_example_of_credit_added_locally() -> None:
    octets = bytes.fromhex("0f200007d000020212810e090c07df0101ff000000008000ff")

    notification = dlms.decode(octets)

    assert isinstance(notification, dlms.DataNotification)
    alert = alerts.dlms_alert(notification)
    assert alert == alerts.DlmsAlert(0x810E, bytes.fromhex("07df0101ff000000008000ff"))
    assert dlms.encode(alerts.notification(alert, 2000)) == octets


@given(invoke_ids, pairs)
def test_access_requests_come_back(invoke: int, accesses: list[tuple[Specification, datum.Datum]]) -> None:
    request = AccessRequest(invoke, tuple(one for one, _ in accesses), tuple(value for _, value in accesses))

    assert dlms.decode(dlms.encode(request)) == request


@given(invoke_ids, st.lists(st.tuples(simple_data, st.integers(1, 3).map(Operation), members), max_size=200))
def test_access_responses_come_back(invoke: int, items: list[tuple[datum.Datum, Operation, int]]) -> None:
    response = AccessResponse(
        invoke,
        tuple(value for value, _, _ in items),
        tuple(AccessResult(operation, result) for _, operation, result in items),
    )

    assert dlms.decode(dlms.encode(response)) == response


@given(st.sampled_from(["d9", "da", "0f"]), st.binary(max_size=80))
def test_octets_are_a_payload_or_refused_and_nothing_is_lost(tag: str, rest: bytes) -> None:
    octets = bytes.fromhex(tag) + rest
    try:
        payload = dlms.decode(octets)
    except GbcsError:
        return
    assert dlms.encode(payload) == octets


@pytest.mark.parametrize(
    "octets",
    [
        "d9200003e800010100010000000201ff020200" + "00",  # two data for one specification
        "d9200003e80001050001" + "0000000201ff020100",  # operation 5
        "d9200003e80101010001" + "0000000201ff020100",  # a date-time
        "da200003e800010100010100",  # repeats the specification
        "da200003e800000100010400",  # result of selective access
        "0f200003e800",  # no body
        "d8200003e800",  # another service
        "",
    ],
)
def test_wrong_payloads_are_refused(octets: str) -> None:
    with pytest.raises(GbcsError):
        dlms.decode(bytes.fromhex(octets))


def test_specifications_and_data_go_together() -> None:
    with pytest.raises(GbcsError):
        dlms.encode(AccessRequest(1, (FIRMWARE,), ()))
    with pytest.raises(GbcsError):
        dlms.encode(AccessRequest(1, (replace(FIRMWARE, obis=b"\x00"),), (datum.NULL,)))
    with pytest.raises(GbcsError):
        dlms.encode(AccessRequest(1, (replace(FIRMWARE, selection=Selection(1, datum.NULL)),), (datum.NULL,)))
    with pytest.raises(GbcsError):
        dlms.encode(AccessResponse(1, (), (AccessResult(Operation.GET, 0),)))


@pytest.mark.parametrize("text", ["0-0:1.2.3", "0-0:1.2.3.256", "", "a-0:1.2.3.4"])
def test_text_that_is_no_obis_code_is_refused(text: str) -> None:
    with pytest.raises(GbcsError):
        dlms.obis_octets(text)


@given(st.binary(min_size=6, max_size=6))
def test_obis_text_comes_back(octets: bytes) -> None:
    assert dlms.obis_octets(dlms.obis_text(octets)) == octets
