"""Outer layers: the worked examples of gbcs.md section 3, round trips, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode, encode, encode_other
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.identifiers import Eui64

NON_CRITICAL = bytes.fromhex(
    "dd000000000000471100000000df090100000000000003e80890b3d51f300100000800db1234567890a00002005913d9200003e8"
    "00010100010000000201ff02010000a25a51a93bafa5c9e2b224bd"
)
PRE_COMMAND = bytes.fromhex(
    "df090100000000000003e80890b3d51f300100000800db1234567890a00002004f15d9200003e8000103000900000a006aff0101120033"
)
FOR_UNKNOWN_PARTY = bytes.fromhex(
    "dd000000000000461100000000df090100000000000005140890b3d51f300000020800db1234567890a400"
    "12012990b3d51f3001000000000000000003e802050000bdc5e70406017d96ee0f9759"
)
SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
BROKER = Eui64.parse("90-B3-D5-1F-30-00-00-02")
ESME = Eui64.parse("00-DB-12-34-56-78-90-A0")

euis = st.binary(min_size=8, max_size=8).map(Eui64)
counters = st.integers(0, 2**64 - 1)
certificates = st.binary(min_size=128, max_size=255).map(lambda content: b"\x30\x81" + bytes((len(content),)) + content)


@st.composite
def other_information(draw: st.DrawFn) -> OtherInformation:
    code = draw(st.integers(0, 0xFFFF))
    depth = draw(st.integers(0, 5))
    return OtherInformation(
        code,
        draw(euis) if depth >= 1 else None,
        draw(counters) if depth >= 2 else None,
        draw(counters) if depth in (3, 5) else None,
        draw(certificates) if depth >= 4 else None,
    )


@st.composite
def messages(draw: st.DrawFn) -> GbcsMessage:
    mac = draw(st.none() | st.binary(min_size=12, max_size=12))
    signatures = st.sampled_from([b""]) | st.binary(min_size=64, max_size=64)
    return GbcsMessage(
        draw(st.sampled_from(CRA)),
        draw(counters),
        draw(euis),
        draw(euis),
        draw(other_information()),
        draw(st.binary(max_size=400)),
        draw(st.sampled_from([b""]) | st.binary(min_size=12, max_size=12)),
        draw(signatures if mac is not None else st.none() | signatures),
        mac,
    )


def test_non_critical_command_has_a_mac_around_the_grouping_layer() -> None:
    message = decode(NON_CRITICAL)

    assert message.cra is CRA.COMMAND
    assert (message.originator, message.target, message.counter) == (SUPPLIER, ESME, 1000)
    assert message.other == OtherInformation(0x0059)
    assert message.payload.hex() == "d9200003e80001010001" + "0000000201ff" + "020100"
    assert message.signature == b""
    assert message.mac == bytes.fromhex("a25a51a93bafa5c9e2b224bd")
    assert encode(message) == NON_CRITICAL


def test_pre_command_ends_with_the_payload() -> None:
    message = decode(PRE_COMMAND)

    assert message.signature is None
    assert message.mac is None
    assert message.message_code == 0x004F
    assert encode(message) == PRE_COMMAND


def test_pre_command_may_end_with_an_empty_signature() -> None:
    message = decode(PRE_COMMAND + b"\x00")

    assert message.signature == b""
    assert message.mac is None
    assert encode(message) == PRE_COMMAND + b"\x00"


def test_broker_names_the_unknown_party_and_its_counter() -> None:
    message = decode(FOR_UNKNOWN_PARTY)

    assert message.originator == BROKER
    assert message.counter == 0x514
    assert message.other == OtherInformation(0x0129, SUPPLIER, 1000)
    assert encode(message) == FOR_UNKNOWN_PARTY


@given(messages())
def test_what_is_encoded_decodes_to_the_same(message: GbcsMessage) -> None:
    assert decode(encode(message)) == message


@given(messages(), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=2))
def test_what_is_read_has_one_encoding(message: GbcsMessage, changes: list[tuple[int, int]]) -> None:
    octets = bytearray(encode(message))
    for at, octet in changes:
        octets[at % len(octets)] = octet
    try:
        read = decode(bytes(octets))
    except GbcsError:
        return

    assert encode(replace(read)) == encode(read) == octets


def test_a_message_that_is_changed_is_encoded_anew() -> None:
    read = decode(NON_CRITICAL)

    changed = replace(read, counter=1001, target=SUPPLIER)

    assert decode(encode(changed)) == changed
    assert encode(changed) == encode(
        GbcsMessage(CRA.COMMAND, 1001, SUPPLIER, SUPPLIER, read.other, read.payload, b"", b"", read.mac)
    )


@pytest.mark.parametrize("octets", [NON_CRITICAL, PRE_COMMAND + b"\x00", FOR_UNKNOWN_PARTY])
def test_every_truncation_is_refused_with_an_offset(octets: bytes) -> None:
    for length in range(len(octets)):
        if octets[:length] == PRE_COMMAND:
            continue
        with pytest.raises(GbcsError) as refusal:
            decode(octets[:length])
        assert refusal.value.offset is not None
        assert 0 <= refusal.value.offset <= length


@pytest.mark.parametrize("octets", [NON_CRITICAL, PRE_COMMAND + b"\x00", FOR_UNKNOWN_PARTY])
def test_trailing_octets_are_refused_where_they_begin(octets: bytes) -> None:
    with pytest.raises(GbcsError) as refusal:
        decode(octets + b"\x00")

    assert refusal.value.offset == len(octets)
    assert refusal.value.code == "GBCS_TRAILING_OCTETS"


def test_length_in_a_longer_form_than_needed_is_refused() -> None:
    longer = NON_CRITICAL[:7] + b"\x81" + NON_CRITICAL[7:]

    with pytest.raises(GbcsError) as refusal:
        decode(longer)

    assert refusal.value.code == "GBCS_BAD_LENGTH"
    assert refusal.value.offset == 7


@pytest.mark.parametrize(
    ("place", "octet"),
    [(0, 0xDE), (1, 0x01), (8, 0x31), (12, 0x01), (13, 0xDC), (14, 8), (15, 4), (24, 7), (33, 9), (42, 5)],
)
def test_each_fixed_octet_is_checked_where_it_stands(place: int, octet: int) -> None:
    wrong = bytearray(NON_CRITICAL)
    wrong[place] = octet

    with pytest.raises(GbcsError) as refusal:
        decode(bytes(wrong))

    assert refusal.value.offset is not None
    assert place - 13 <= refusal.value.offset <= place


def test_other_information_without_its_predecessor_is_refused() -> None:
    for wrong in (
        OtherInformation(1, None, 5),
        OtherInformation(1, SUPPLIER, None, 5),
        OtherInformation(1, SUPPLIER, None, None, b"\x30\x00"),
        OtherInformation(0x10000),
    ):
        with pytest.raises(GbcsError):
            encode_other(wrong)


def test_mac_needs_a_signature_field() -> None:
    with pytest.raises(GbcsError):
        encode(GbcsMessage(CRA.COMMAND, 1, SUPPLIER, ESME, OtherInformation(1), b"", mac=bytes(12)))
