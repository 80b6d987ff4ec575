"""Every cell of the status table: what is in it leads where it says, what is not is refused (inventory.md 3.1)."""

from __future__ import annotations

import itertools

import pytest

from dccemu_inventory.domain.transitions import (
    EVERY_TYPE,
    NEW,
    NO_STATUS,
    PRIOR,
    STATUSES,
    TABLE,
    TYPE_2,
    Event,
    is_reached,
    next_status,
    transition,
)
from dccemu_protocol.errors import ProtocolError

SOURCES = (NEW, NO_STATUS, *STATUSES)
ALLOWED = {(row.event, source, kind): row for row in TABLE for source in row.sources for kind in row.device_types}


def test_no_cell_is_given_twice() -> None:
    cells = [(row.event, source, kind) for row in TABLE for source in row.sources for kind in row.device_types]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("event", list(Event))
def test_every_cell(event: Event) -> None:
    for source, kind in itertools.product(SOURCES, sorted(EVERY_TYPE)):
        row = ALLOWED.get((event, source, kind))
        assert transition(event, source, kind) is row
        if row is not None:
            expected = "Whitelisted" if row.target is PRIOR else row.target
            assert next_status(event, source, kind, "Whitelisted") == expected
        elif is_reached(event, source, kind):
            assert next_status(event, source, kind, None) == source
        else:
            with pytest.raises(ProtocolError) as refused:
                next_status(event, source, kind, None)
            assert refused.value.rule == "INVENTORY_STATUS_CHANGE"


@pytest.mark.parametrize(
    ("event", "source", "kind", "target"),
    [
        (Event.NOTIFIED, NEW, "ESME", "Pending"),
        (Event.NOTIFIED, NEW, "IHD", NO_STATUS),
        (Event.WHITELISTED, "Pending", "PPMID", "Whitelisted"),
        (Event.FIRST_CONTACT, "InstalledNotCommissioned", "CHF", "Commissioned"),
        (Event.HUB_IN_PLACE, "Pending", "GPF", "InstalledNotCommissioned"),
        (Event.GAS_METER_JOINED, "InstalledNotCommissioned", "GPF", "Commissioned"),
        (Event.CLOCK_SET, "Whitelisted", "GSME", "Commissioned"),
        (Event.NOTIFIED_AGAIN, "Decommissioned", "ESME", "Pending"),
        (Event.SET_WITHDRAWN, "Suspended", "CHF", "Withdrawn"),
    ],
)
def test_rows_as_the_source_prints_them(event: Event, source: str, kind: str, target: str) -> None:
    assert next_status(event, source, kind, None) == target


@pytest.mark.parametrize(
    ("event", "source", "kind"),
    [
        (Event.SET_PENDING, "Commissioned", "ESME"),
        (Event.SET_COMMISSIONED, "Decommissioned", "CHF"),
        (Event.NOTIFIED_AGAIN, "Decommissioned", "CHF"),
        (Event.NOTIFIED_AGAIN, "Decommissioned", "GPF"),
        (Event.DELETED, "Commissioned", "ESME"),
        (Event.DECOMMISSIONED, "Pending", "ESME"),
        (Event.CLOCK_SET, "Suspended", "ESME"),
        (Event.CLOCK_SET, "Pending", "HCALCS"),
    ],
)
def test_changes_that_the_source_forbids(event: Event, source: str, kind: str) -> None:
    with pytest.raises(ProtocolError):
        next_status(event, source, kind, None)


def test_nothing_but_use_again_leaves_decommissioned() -> None:
    leaving = {row.event for row in TABLE if "Decommissioned" in row.sources}
    assert leaving == {Event.NOTIFIED_AGAIN}


def test_type_2_devices_never_have_a_status() -> None:
    rows = [row for row in TABLE if row.device_types & TYPE_2]
    assert {row.target for row in rows} <= {NO_STATUS, "(removed)"}
