"""Lives of requests, Commands and deliveries: every cell of every table."""

from __future__ import annotations

import pytest

from dccemu_gateway.domain import lifecycle as life
from dccemu_protocol import catalogue

TABLES = (
    (life.REQUEST_LIFE, life.RequestState, life.RequestEvent),
    (life.COMMAND_LIFE, life.CommandState, life.CommandEvent),
    (life.DELIVERY_LIFE, life.DeliveryState, life.DeliveryEvent),
)


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_every_cell_is_a_state_or_impossible(table, states, events) -> None:
    for state in states:
        for event in events:
            if (state, event) in table:
                assert life.advance(table, state, event) in states
            else:
                with pytest.raises(life.ImpossibleEvent):
                    life.advance(table, state, event)


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_every_state_and_event_is_used(table, states, events) -> None:
    assert {state for state, _ in table} | set(table.values()) == set(states)
    assert {event for _, event in table} == set(events)


@pytest.mark.parametrize(
    ("table", "ends"),
    [
        (
            life.REQUEST_LIFE,
            {
                life.RequestState.ANSWERED,
                life.RequestState.FAILED,
                life.RequestState.CANCELLED,
                life.RequestState.DELETED,
                life.RequestState.TRANSFORMED,
            },
        ),
        (life.COMMAND_LIFE, {life.CommandState.ANSWERED, life.CommandState.UNDELIVERED, life.CommandState.EXPIRED}),
        (life.DELIVERY_LIFE, {life.DeliveryState.DELIVERED}),
    ],
)
def test_ends_are_final(table, ends) -> None:
    assert not {state for state, _ in table} & ends


def test_a_signed_pre_command_is_another_kind_of_message_than_its_request() -> None:
    kinds = {cv: life.kind_of(cv) for cv in range(1, 9)}

    assert kinds[4] is life.Kind.TRANSFORM
    assert {cv for cv, kind in kinds.items() if kind is life.Kind.SIGNED} == catalogue.SIGNED_PRE_COMMAND_VARIANTS
