"""Open Commands, originators and the fate of predecessors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dccemu_contracts.inventory import DeviceFact, TrustAnchorCell
from dccemu_gateway.domain.commands import Command, OpenCommands, key_of_response
from dccemu_gateway.domain.interest import INSTRUCTIONS, READ_SERVICES, instructions_of
from dccemu_gateway.domain.lifecycle import CommandState, RequestState
from dccemu_gateway.domain.originator import is_known_to, standing
from dccemu_gateway.domain.sequence import Fate, fate_of
from dccemu_protocol import catalogue
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation
from dccemu_protocol.identifiers import Eui64

USER, OTHER = Eui64.parse("90-B3-D5-1F-30-01-00-00"), Eui64.parse("90-B3-D5-1F-30-02-00-00")
DEVICE = Eui64.parse("00-DB-12-34-56-78-90-A0")
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def command(name: str = "c1", counter: int = 7) -> Command:
    return Command(
        id=name,
        request_id=f"{USER}:{DEVICE}:{counter}",
        kind="request",
        user=str(USER),
        device=str(DEVICE),
        srv="4.1.1",
        service_reference="4.1",
        schema_version="5.4",
        use_case="ECS17b",
        originator=str(USER),
        counter=counter,
        message_code=0x27,
        state=CommandState.SENT,
        sent_at=NOW,
        expires_at=NOW,
        execution_at=None,
        extra={},
    )


def test_a_response_finds_its_command_by_swapped_parties_and_counter() -> None:
    commands = OpenCommands()
    commands.put(command())
    response = GbcsMessage(CRA.RESPONSE, 7, DEVICE, USER, OtherInformation(0x27), b"")

    assert commands.find(key_of_response(response)) == command()
    assert commands.find((str(DEVICE), str(OTHER), 7)) is None
    commands.close(command())
    assert commands.find(key_of_response(response)) is None
    assert len(commands) == 0


def test_closing_an_older_command_leaves_the_newer_one_of_the_same_key() -> None:
    commands = OpenCommands()
    commands.put(command("old"))
    commands.put(command("new"))
    commands.close(command("old"))

    found = commands.find(command().key)
    assert found is not None
    assert found.id == "new"


def device(*cells: tuple[int, Eui64]) -> DeviceFact:
    held = tuple(TrustAnchorCell(role=role, usage="digitalSignature", eui=str(eui)) for role, eui in cells)
    return DeviceFact(id="x", at=NOW, version=1, device=str(DEVICE), type="ESME", cells=held)


@pytest.mark.parametrize(
    ("cells", "user", "role", "known", "name"),
    [
        (((2, USER),), USER, "IS", True, "Supplier"),
        (((2, USER),), USER, "ED", False, "NetworkOperator"),
        (((3, OTHER),), OTHER, "ED", True, "NetworkOperator"),
        (((2, USER),), OTHER, "IS", False, "Supplier"),
        (((8, OTHER),), OTHER, "OU", True, "LoadController"),
        ((), OTHER, "OU", False, "Other"),
        (((2, USER),), USER, "RSA", False, "Other"),
    ],
)
def test_a_user_is_known_by_the_cell_of_the_role_it_acts_in(cells, user, role, known, name) -> None:
    assert is_known_to(user, device(*cells), role) is known
    assert standing(user, device(*cells), role) == (known, name)


@pytest.mark.parametrize(
    ("rows", "fate"),
    [
        ([], Fate.UNKNOWN),
        ([(RequestState.HELD, None)], Fate.PENDING),
        ([(RequestState.SENT, CommandState.SENT)], Fate.PENDING),
        ([(RequestState.SENT, CommandState.ANSWERED)], Fate.GOOD),
        ([(RequestState.SENT, CommandState.EXPIRED)], Fate.FAILED),
        ([(RequestState.FAILED, None)], Fate.FAILED),
        ([(RequestState.ANSWERED, None)], Fate.GOOD),
    ],
)
def test_the_fate_of_a_predecessor(rows, fate) -> None:
    assert fate_of(rows) is fate


def test_instructions_are_counted_by_use_case() -> None:
    assert instructions_of("ECS01a") == 6
    assert instructions_of("CS02bSupplierByTransCoS") == 1
    assert instructions_of("ECS70") == 1
    assert all(count >= 1 for count in INSTRUCTIONS.values())


def test_every_service_whose_response_is_read_exists() -> None:
    assert set(catalogue.service_requests) >= READ_SERVICES
