"""Faults: matched by point and attributes, as often as they say."""

from __future__ import annotations

from datetime import timedelta

from dccemu_runtime.entropy import Entropy
from dccemu_runtime.faults import Fault, Faults
from dccemu_runtime.testing import START


def faults(*wanted: Fault) -> Faults:
    made = Faults(Entropy(1))
    for fault in wanted:
        made.put(fault)
    return made


def test_a_fault_hits_its_point_and_attributes_only() -> None:
    made = faults(Fault(id="1", point="delivery", effect="refuse", match={"user": "U"}))

    assert made.at("delivery", user="U", device="D") is not None
    assert made.at("delivery", user="V") is None
    assert made.at("wan", user="U") is None


def test_a_fault_with_a_number_of_times_ends_after_them() -> None:
    made = faults(Fault(id="1", point="wan", effect="drop", times=2))

    assert [made.at("wan") is not None for _ in range(3)] == [True, True, False]
    assert made.all() == []


def test_a_fault_ends_at_its_time() -> None:
    made = faults(Fault(id="1", point="wan", effect="drop", until=START))

    assert made.at("wan", now=START - timedelta(seconds=1)) is not None
    assert made.at("wan", now=START) is None


def test_a_fault_hits_its_share_of_matches() -> None:
    made = faults(Fault(id="1", point="wan", effect="drop", chance=0.25))

    hits = sum(made.at("wan") is not None for _ in range(2000))

    assert 400 < hits < 600


def test_the_list_travels_to_other_processes() -> None:
    made, other = faults(Fault(id="1", point="wan", effect="drop", times=1)), faults()

    other.apply(made.control("message", START))

    assert other.all() == made.all()
    assert other.at("wan") is not None
    assert other.at("wan") is None
