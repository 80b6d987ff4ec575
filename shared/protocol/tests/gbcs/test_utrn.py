"""UTRNs (gbcs.md section 13): the worked example, every digit checked, counters rebuilt."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import utrn
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.keysource import KeystoreKeys
from dccemu_protocol.gbcs.verdicts import secrets
from dccemu_protocol.identifiers import Eui64

SUPPLIER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
SECOND_SUPPLIER = Eui64.parse("90-B3-D5-1F-30-03-00-00")
ESME = Eui64.parse("00-DB-12-34-56-78-90-A0")
COUNTER = 0x0000000300000000
EXAMPLE = "73946144332040217315"
SECRET = bytes(range(32))
counters = st.integers(0, 2**32 - 1).map(lambda upper: upper << 32)


def test_example_is_taken_apart() -> None:
    top_up = utrn.read(EXAMPLE)

    assert top_up == utrn.TopUp(3, utrn.POUNDS, 10, bytes.fromhex("9cd029e3"))
    assert top_up.pence == 1000
    assert top_up.upper_word.hex() == "0001a00a"


def test_check_digit_of_the_example() -> None:
    assert utrn.check_digit(EXAMPLE[:19]) == "5"


def test_example_is_generated_and_validated_with_the_published_keys(published_keys: KeystoreKeys) -> None:
    made = {
        utrn.of_value(utrn.POUNDS, 10, COUNTER, SUPPLIER, ESME, one) for one in secrets(SUPPLIER, ESME, published_keys)
    }

    assert EXAMPLE in made
    for secret in secrets(SECOND_SUPPLIER, ESME, published_keys):
        with pytest.raises(GbcsError):
            utrn.validate(EXAMPLE, COUNTER, SUPPLIER, ESME, secret)


@given(counters, st.integers(0, 8191) | st.integers(0, 8191).map(lambda pounds: 100 * pounds))
def test_generated_numbers_validate(counter: int, pence: int) -> None:
    made = utrn.generate(pence, counter, SUPPLIER, ESME, SECRET)

    assert len(made) == 20
    assert 73 <= int(made[:2]) <= 96
    assert utrn.validate(made, counter, SUPPLIER, ESME, SECRET).pence == pence


@given(counters, st.integers(0, 8191), st.integers(0, 19), st.integers(1, 9))
def test_any_single_wrong_digit_is_detected(counter: int, pence: int, place: int, change: int) -> None:
    made = utrn.generate(pence, counter, SUPPLIER, ESME, SECRET)
    digit = (int(made[place]) + change) % 10
    wrong = f"{made[:place]}{digit}{made[place + 1 :]}"

    with pytest.raises(GbcsError):
        utrn.read(wrong)


@given(counters, st.integers(0, 18))
def test_swapped_neighbours_are_detected(counter: int, place: int) -> None:
    made = utrn.generate(1000, counter, SUPPLIER, ESME, SECRET)
    assume(made[place] != made[place + 1])
    swapped = made[:place] + made[place + 1] + made[place] + made[place + 2 :]

    with pytest.raises(GbcsError):
        utrn.read(swapped)


@pytest.mark.parametrize("pence", [-1, 8192, 819101, 819200, 10001])
def test_amounts_a_utrn_cannot_say_are_refused(pence: int) -> None:
    with pytest.raises(GbcsError):
        utrn.generate(pence, COUNTER, SUPPLIER, ESME, SECRET)


@pytest.mark.parametrize("counter", [1, (3 << 32) + 1, -(1 << 32), 1 << 64])
def test_counters_are_multiples_of_two_to_the_32(counter: int) -> None:
    with pytest.raises(GbcsError):
        utrn.generate(100, counter, SUPPLIER, ESME, SECRET)


@pytest.mark.parametrize("text", ["", EXAMPLE[:19], EXAMPLE + "0", "7394614433204021731X", "٧٣946144332040217315"])
def test_texts_that_are_no_utrn_are_refused(text: str) -> None:
    with pytest.raises(GbcsError):
        utrn.read(text)


def test_number_below_the_constant_is_refused() -> None:
    digits = "0" * 19

    with pytest.raises(GbcsError):
        utrn.read(digits + utrn.check_digit(digits))


@pytest.mark.parametrize("change", ["counter", "supplier", "device", "secret"])
def test_mac_binds_counter_supplier_device_and_key(change: str) -> None:
    made = utrn.generate(1000, COUNTER, SUPPLIER, ESME, SECRET)
    arguments = {"counter": COUNTER, "supplier": SUPPLIER, "device": ESME, "secret": SECRET}
    arguments |= {
        change: {"counter": COUNTER + (1024 << 32), "supplier": ESME, "device": SUPPLIER, "secret": bytes(32)}[change]
    }

    with pytest.raises(GbcsError):
        utrn.validate(made, **arguments)  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1 - 512), st.integers(-511, 511))
def test_counter_is_rebuilt_within_half_a_round(highest: int, step: int) -> None:
    assume(highest + step >= 0)
    counter = highest + step

    assert utrn.rebuild_counter(counter & 0x3FF, highest) == counter << 32
