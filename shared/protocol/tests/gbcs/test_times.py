"""COSEM dates and times and seconds since 2000 (gbcs.md sections 3.4 and 6.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccemu_protocol.gbcs import times
from dccemu_protocol.gbcs.errors import GbcsError

dates = st.builds(
    times.CosemDate,
    st.none() | st.integers(0, 0xFFFE),
    st.none() | st.integers(1, 12) | st.sampled_from([0xFD, 0xFE]),
    st.none() | st.integers(1, 31) | st.sampled_from([0xFD, 0xFE]),
    st.none() | st.integers(1, 7),
)
clock_times = st.builds(
    times.CosemTime,
    st.none() | st.integers(0, 23),
    st.none() | st.integers(0, 59),
    st.none() | st.integers(0, 59),
    st.none() | st.integers(0, 99),
)
date_times = st.builds(
    times.CosemDateTime,
    dates,
    clock_times,
    st.just(times.UNSPECIFIED_DEVIATION) | st.integers(-720, 840),
    st.integers(0, 255),
)


@given(dates)
def test_dates_come_back(date: times.CosemDate) -> None:
    assert times.decode_date(times.encode_date(date)) == date


@given(clock_times)
def test_times_come_back(time: times.CosemTime) -> None:
    assert times.decode_time(times.encode_time(time)) == time


@given(date_times)
def test_date_times_come_back(value: times.CosemDateTime) -> None:
    assert times.decode_date_time(times.encode_date_time(value)) == value


@given(st.integers(0, 2**32 - 2))
def test_instants_come_back_to_the_second(seconds: int) -> None:
    at = times.from_seconds(seconds)

    assert times.instant(times.date_time_octets(at)) == at
    assert times.seconds_since_2000(at) == seconds


def test_date_time_as_devices_write_it() -> None:
    assert times.date_time_octets(datetime(2015, 1, 1, tzinfo=UTC)).hex() == "07df0101ff000000008000ff"


def test_wild_year_of_the_gas_free_date() -> None:
    assert times.encode_date(times.CosemDate(None, 4, 29, None)).hex() == "ffff041dff"


def test_last_day_of_the_month_is_fe() -> None:
    date = times.CosemDate(None, None, times.LAST_DAY_OF_MONTH, None)

    assert times.encode_date(date).hex() == "fffffffeff"
    assert str(date) == "****-**-last"


def test_now_and_never_are_no_instants() -> None:
    assert times.instant(times.NOW) is None
    assert times.instant(times.NEVER) is None
    with pytest.raises(GbcsError):
        times.decode_date_time(times.NOW)


def test_issuer_event_id_of_the_vectors() -> None:
    assert times.seconds_since_2000(datetime(2015, 1, 1, tzinfo=UTC)) == 0x1C374A80


def test_other_time_zones_are_turned_into_utc() -> None:
    at = datetime(2015, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))

    assert times.date_time_octets(at) == times.date_time_octets(datetime(2015, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("octets", ["07df0d01ff", "07df0120ff", "07df010108", "07df0101"])
def test_dates_out_of_range_are_refused(octets: str) -> None:
    with pytest.raises(GbcsError):
        times.decode_date(bytes.fromhex(octets))


@pytest.mark.parametrize("octets", ["18000000", "003c0000", "00003c00", "00000064", "0000"])
def test_times_out_of_range_are_refused(octets: str) -> None:
    with pytest.raises(GbcsError):
        times.decode_time(bytes.fromhex(octets))


@pytest.mark.parametrize("at", [datetime(1999, 12, 31, tzinfo=UTC), datetime(2137, 1, 1, tzinfo=UTC)])
def test_instants_beyond_32_bits_of_seconds_are_refused(at: datetime) -> None:
    with pytest.raises(GbcsError):
        times.seconds_since_2000(at)


def test_naive_instants_are_refused() -> None:
    with pytest.raises(GbcsError):
        times.date_time_octets(datetime(2020, 1, 1))  # noqa: DTZ001


@given(
    st.binary(min_size=12, max_size=12)
    | st.tuples(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32)).map(
        lambda date: date[0].to_bytes(2, "big") + bytes((date[1], date[2], 0xFF, 12, 30, 0, 0, 0x80, 0, 0xFF))
    )
)
def test_an_instant_is_what_its_date_and_time_say(octets: bytes) -> None:
    try:
        value = times.decode_date_time(octets)
    except GbcsError:
        assert octets == times.NOW or refuses(octets)
        return
    parts = [value.date.year, value.date.month, value.date.day, value.time.hour, value.time.minute, value.time.second]
    found = times.instant(octets)

    if found is not None:
        offset = 0 if value.deviation == times.UNSPECIFIED_DEVIATION else value.deviation
        assert found == datetime(*parts, tzinfo=UTC) + timedelta(minutes=offset)
    else:
        assert None in parts or not is_date(parts)


def refuses(octets: bytes) -> bool:
    with pytest.raises(GbcsError):
        times.instant(octets)
    return True


def is_date(parts: list[int]) -> bool:
    try:
        datetime(*parts, tzinfo=UTC)
    except ValueError:
        return False
    return True
