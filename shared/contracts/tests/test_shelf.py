"""Facts kept as octets: nothing is lost by it, whatever a record holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dccemu_contracts.device_index import DeviceIndex, InventoryKey
from dccemu_contracts.inventory import DeviceFact, TrustAnchorCell
from dccemu_contracts.shelf import Shelf
from dccemu_contracts.trust_anchors import cells_of

AT = datetime(2026, 1, 1, tzinfo=UTC)
CELLS = cells_of("ESME", "4.3", dict.fromkeys(range(9), "90-B3-D5-1F-30-01-00-00"))
#: Texts that look like the places where a record is cut.
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from([',"cells":[', '"cells":[]', "cells", "]", "[{", '\\"', "}"]))


def device(number: int = 1, version: int = 1, **fields: Any) -> DeviceFact:
    eui = number.to_bytes(8, "big").hex("-").upper()
    return DeviceFact(
        **{"id": f"{number} {version}", "at": AT, "version": version, "device": eui, "type": "ESME"} | fields
    )


def whole(data: bytes) -> DeviceFact:
    """What the contract alone makes of the octets."""
    return DeviceFact.model_validate_json(data)


@given(
    cells=st.lists(st.builds(TrustAnchorCell, role=st.integers(0, 8), usage=st.just("keyAgreement"), eui=TEXTS)),
    text=TEXTS,
    extra=st.dictionaries(TEXTS, TEXTS, max_size=2),
)
def test_a_record_comes_back_from_its_parts_as_it_was(
    cells: list[TrustAnchorCell], text: str, extra: dict[str, str]
) -> None:
    data = device(cells=tuple(cells), model=text, installation=extra, chf_log_backup={"cells": [extra]}).to_bytes()

    fact, parts = DeviceFact.read(data)

    assert fact == whole(data)
    assert DeviceFact.from_parts(parts) == fact
    assert fact.to_bytes() == data


@given(
    members=st.permutations(
        [
            ("id", "1"),
            ("at", "2026-01-01T00:00:00Z"),
            ("version", 1),
            ("device", "00-00-00-00-00-00-00-01"),
            ("type", "ESME"),
            ("cells", [{"role": 1, "usage": "keyAgreement", "eui": "x", "unknown": [1]}]),
            ("installation", {"cells": [{"role": 2}]}),
            ("from_a_later_version", {"cells": [1]}),
        ]
    )
)
def test_members_may_come_in_any_order(members: list[tuple[str, Any]]) -> None:
    data = json.dumps(dict(members), separators=(",", ":")).encode()

    fact, parts = DeviceFact.read(data)

    assert fact == whole(data) == DeviceFact.from_parts(parts)


def test_devices_with_the_same_cells_share_them() -> None:
    parts = [DeviceFact.read(device(number, cells=CELLS).to_bytes())[1] for number in (1, 2)]

    assert parts[0][1] is parts[1][1]
    assert len(parts[0][0]) < 300


@pytest.mark.parametrize("cells", ['[{"role":1}]', '[{"role":1,"usage":"none","eui":""}]', '{"role":1}', "[", "null"])
def test_a_record_with_bad_cells_is_refused_and_the_place_named(cells: str) -> None:
    data = device(cells=()).to_bytes().replace(b'"cells":[]', b'"cells":' + cells.encode())

    with pytest.raises(ValidationError, match=r"cells|Invalid JSON"):
        DeviceFact.from_bytes(data)


def test_a_shelf_gives_each_fact_also_when_it_has_long_not_been_asked_for() -> None:
    shelf = Shelf(DeviceFact, at_hand=3)
    facts = {fact.device: fact for fact in (device(number, cells=CELLS) for number in range(20))}

    shelf.update(facts)

    assert dict(shelf) == facts
    assert {key: shelf.find(key) for key in reversed(facts)} == facts
    assert len(shelf) == 20
    assert shelf.find("nobody") is None


def test_a_shelf_answers_the_newest_and_forgets_what_was_taken_down() -> None:
    shelf = Shelf(DeviceFact, at_hand=2)
    for version in range(1, 5):
        for number in range(4):
            fact = device(number, version)
            shelf[fact.device] = fact
            assert shelf[fact.device].version == version

    del shelf[device(3).device]

    assert [fact.version for fact in shelf.values()] == [4, 4, 4]
    assert shelf.find(device(3).device) is None
    assert not shelf.holds(device(3).device, device(3, 4).to_bytes())
    assert shelf.holds(device(2).device, device(2, 4).to_bytes())
    assert not shelf.holds(device(2).device, device(2, 3).to_bytes())


def test_an_index_over_a_shelf_follows_a_device_that_moves() -> None:
    shelf = Shelf(DeviceFact, at_hand=1)
    index = DeviceIndex(shelf)
    home = {"import_mpxn": "1", "post_code": "AB1 2CD", "address_identifier": "1"}
    for number in range(3):
        index.put(device(number, **home))

    index.put(device(1, 2, import_mpxn="2", post_code="ab12cd", address_identifier="2"))
    index.put(device(2, 2, removed=True))

    def found(**key: str) -> list[int]:
        return [int(fact.device[-2:]) for fact in index._find(InventoryKey(**key))]

    assert found(mpxn="1") == [0]
    assert found(mpxn="2") == [1]
    assert found(post_code="AB12CD", address_identifier="1") == [0]
    assert found(post_code="ab1 2cd", address_identifier="2") == [1]
    assert found(device=device(2).device) == []
