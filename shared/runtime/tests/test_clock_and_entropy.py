"""The Clock and the source of randomness."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_runtime.clock import Clock
from dccemu_runtime.entropy import Entropy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_frozen_clock_stands_still() -> None:
    clock = Clock(NOON)

    assert clock.now() == clock.now() == NOON
    assert clock.is_frozen


def test_a_running_clock_follows_real_time_from_where_it_was_set() -> None:
    clock = Clock()
    clock.set(NOON)

    assert NOON <= clock.now() < NOON + timedelta(seconds=5)


def test_a_resumed_clock_runs_on_from_where_it_stood() -> None:
    clock = Clock(NOON)
    clock.resume()

    assert NOON <= clock.now() < NOON + timedelta(seconds=5)
    assert not clock.is_frozen


def test_a_clock_cannot_be_advanced_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        Clock(NOON).advance(timedelta(seconds=-1))


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(NOON.replace(tzinfo=None))


@pytest.mark.asyncio
async def test_a_sleeper_wakes_when_a_frozen_clock_is_advanced_past_its_time() -> None:
    clock = Clock(NOON)
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)

    clock.advance(timedelta(minutes=59))
    await asyncio.sleep(0.01)
    assert not sleeper.done()
    clock.advance(timedelta(minutes=1))

    async with asyncio.timeout(5):
        await sleeper


def test_one_clock_follows_another_by_messages() -> None:
    one, other = Clock(NOON), Clock()

    other.apply(one.control("1"))
    assert other.now() == NOON
    one.resume()
    one.advance(timedelta(days=30))
    other.apply(one.control("2"))

    assert not other.is_frozen
    assert abs(other.now() - one.now()) < timedelta(seconds=1)


def test_a_message_that_changes_nothing_wakes_nobody() -> None:
    clock, changes = Clock(NOON), list[int]()
    clock.on_change(lambda: changes.append(1))

    clock.apply(Clock(NOON).control("1"))

    assert changes == []


def test_the_same_seed_gives_the_same_octets() -> None:
    one, other = Entropy(7), Entropy(7)

    assert one.octets(40) == other.octets(40)
    assert one.uuid() == other.uuid()
    assert [one.number(10) for _ in range(5)] == [other.number(10) for _ in range(5)]
    numbers = [source.private_key().private_numbers().private_value for source in (one, other)]
    assert numbers[0] == numbers[1]


def test_another_seed_gives_other_octets() -> None:
    assert Entropy(7).octets(16) != Entropy(8).octets(16)
    assert Entropy().octets(16) != Entropy().octets(16)


def test_what_one_child_draws_does_not_change_another() -> None:
    one, other = Entropy(7), Entropy(7)
    one.child("gateway").octets(100)

    assert one.child("smki").octets(16) == other.child("smki").octets(16)
    assert one.child("smki").octets(16) != one.child("gateway").octets(16)


def test_a_later_start_draws_anew_what_has_no_name() -> None:
    first, second, third = (Entropy(7).child("gateway").after(starts) for starts in range(3))

    assert first.uuid() == Entropy(7).child("gateway").uuid()
    assert len({first.uuid(), second.uuid(), third.uuid()}) == 3
    assert second.stream("key").octets(16) == first.stream("key").octets(16)
    assert second.child("courier").octets(16) == first.child("courier").octets(16)
    assert Entropy().after(1).octets(16) != Entropy().after(1).octets(16)


def test_private_keys_are_of_the_p256_group() -> None:
    assert isinstance(Entropy(1).private_key().curve, ec.SECP256R1)


def test_what_is_drawn_for_one_thing_does_not_depend_on_what_others_draw_meanwhile() -> None:
    one, other = Entropy(7), Entropy(7)
    other.octets(5)
    other.stream("another").octets(5)

    drawn = [one.stream("key").octets(16), one.stream("key").octets(16)]

    assert [other.stream("key").octets(16) for _ in drawn] == drawn
    assert drawn[0] != drawn[1]
    assert Entropy().stream("key").octets(16) != Entropy().stream("key").octets(16)
