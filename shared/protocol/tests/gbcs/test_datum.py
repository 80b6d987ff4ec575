"""DLMS data types: round trips, the example of gbcs.md section 6.3, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import datum
from dccemu_protocol.gbcs.datum import Datum, TypeDescription
from dccemu_protocol.gbcs.errors import GbcsError

ascii_text = st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=20)
scalars: st.SearchStrategy[Datum] = st.one_of(
    st.booleans().map(datum.Boolean),
    st.text("01", max_size=40).map(datum.BitString),
    st.integers(-(2**31), 2**31 - 1).map(datum.DoubleLong),
    st.integers(0, 2**32 - 1).map(datum.DoubleLongUnsigned),
    st.binary(max_size=300).map(datum.OctetString),
    ascii_text.map(datum.VisibleString),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20).map(datum.Utf8String),
    st.integers(-128, 127).map(datum.Integer),
    st.integers(-(2**15), 2**15 - 1).map(datum.Long),
    st.integers(0, 255).map(datum.Unsigned),
    st.integers(0, 2**16 - 1).map(datum.LongUnsigned),
    st.integers(0, 255).map(datum.Enum),
)
BY_TAG: dict[int, st.SearchStrategy[Datum]] = {
    0x03: st.booleans().map(datum.Boolean),
    0x04: st.text("01", max_size=20).map(datum.BitString),
    0x05: st.integers(-(2**31), 2**31 - 1).map(datum.DoubleLong),
    0x06: st.integers(0, 2**32 - 1).map(datum.DoubleLongUnsigned),
    0x09: st.binary(max_size=10).map(datum.OctetString),
    0x0A: ascii_text.map(datum.VisibleString),
    0x0F: st.integers(-128, 127).map(datum.Integer),
    0x10: st.integers(-(2**15), 2**15 - 1).map(datum.Long),
    0x11: st.integers(0, 255).map(datum.Unsigned),
    0x12: st.integers(0, 2**16 - 1).map(datum.LongUnsigned),
    0x16: st.integers(0, 255).map(datum.Enum),
}
row_types: st.SearchStrategy[TypeDescription] = st.recursive(
    st.sampled_from(sorted(BY_TAG)).map(datum.SimpleType),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(lambda types: datum.StructureType(tuple(types)))
        | st.builds(datum.ArrayType, st.integers(1, 4), inner)
    ),
    max_leaves=6,
)


def rows_of(row_type: TypeDescription) -> st.SearchStrategy[Datum]:
    match row_type:
        case datum.SimpleType(tag):
            return BY_TAG[tag]
        case datum.StructureType(elements):
            return st.tuples(*[rows_of(element) for element in elements]).map(datum.Structure)
        case datum.ArrayType(count, element):
            return st.tuples(*[rows_of(element)] * count).map(datum.Array)


compact_arrays = row_types.flatmap(
    lambda row_type: st.lists(rows_of(row_type), max_size=4).map(lambda rows: datum.CompactArray(row_type, tuple(rows)))
)
data: st.SearchStrategy[Datum] = st.recursive(
    scalars | st.just(datum.NULL) | compact_arrays,
    lambda inner: (
        st.lists(inner, max_size=5).map(lambda elements: datum.Structure(tuple(elements)))
        | st.lists(inner, max_size=5).map(lambda elements: datum.Array(tuple(elements)))
    ),
    max_leaves=12,
)


@given(data)
def test_every_datum_comes_back(value: Datum) -> None:
    assert datum.decode(datum.encode(value)) == value


@given(data)
def test_truncated_or_followed_data_are_refused(value: Datum) -> None:
    octets = datum.encode(value)

    for wrong in (octets[:-1], octets + b"\x00"):
        with pytest.raises(GbcsError) as refusal:
            datum.decode(wrong)
        assert refusal.value.offset is not None


@given(st.binary(max_size=60))
def test_octets_are_data_or_refused_and_nothing_is_lost(octets: bytes) -> None:
    try:
        value = datum.decode(octets)
    except GbcsError:
        return
    assert datum.encode(value) == octets


def test_prepayment_credit_log_example() -> None:
    value = datum.decode(bytes.fromhex("130202060608" + "1c3204800000005f"))

    assert value == datum.CompactArray(
        datum.StructureType((datum.SimpleType(6), datum.SimpleType(6))),
        (datum.structure(datum.DoubleLongUnsigned(0x1C320480), datum.DoubleLongUnsigned(95)),),
    )


def test_first_bit_is_the_most_significant() -> None:
    assert datum.encode(datum.BitString("1100100")).hex() == "0407c8"


def test_true_is_ff() -> None:
    assert datum.encode(datum.TRUE).hex() == "03ff"
    assert datum.encode(datum.FALSE).hex() == "0300"


@pytest.mark.parametrize(
    ("octets", "offset"),
    [
        ("0301", 1),  # a boolean is 00 or FF
        ("0407c9", 2),  # padding bit set
        ("09810100", 1),  # longer length form than needed
        ("07", 0),  # not a type in use
        ("0a0180", 2),  # not ASCII
        ("0c01ff", 2),  # not UTF-8
        ("0105", 2),  # five elements in no octets
        ("13000100", 1),  # rows of null-data have no octets
        ("13020000", 1),  # rows of nothing
        ("1301000000", 1),  # arrays of nothing
        ("1302010603000000", 5),  # three quarters of a row
    ],
)
def test_what_is_not_canonical_is_refused_where_it_stands(octets: str, offset: int) -> None:
    with pytest.raises(GbcsError) as refusal:
        datum.decode(bytes.fromhex(octets))

    assert refusal.value.offset == offset


def test_nesting_is_bounded() -> None:
    with pytest.raises(GbcsError) as refusal:
        datum.decode(b"\x02\x01" * 100 + b"\x00")

    assert refusal.value.code == "GBCS_TOO_DEEP"


def test_deep_types_are_bounded() -> None:
    with pytest.raises(GbcsError):
        datum.decode(b"\x13" + b"\x02\x01" * 100 + b"\x06\x00")


@pytest.mark.parametrize(
    "value",
    [
        datum.Unsigned(256),
        datum.Integer(128),
        datum.Long(-32769),
        datum.DoubleLongUnsigned(-1),
        datum.VisibleString("£"),
        datum.BitString("012"),
        datum.CompactArray(datum.SimpleType(6), (datum.Unsigned(1),)),
        datum.CompactArray(datum.StructureType((datum.SimpleType(6),)), (datum.structure(),)),
        datum.CompactArray(datum.SimpleType(0), ()),
    ],
)
def test_values_a_type_cannot_hold_are_refused(value: Datum) -> None:
    with pytest.raises(GbcsError):
        datum.encode(value)
