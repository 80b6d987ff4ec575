"""Who may use which service: User Entry Process, suspension of rights, the matrix of roles (checks 7 and 8)."""

from __future__ import annotations

import json
from importlib.resources import files
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from dccemu_contracts.inventory import PartyFact, UserFact
from dccemu_gateway.domain.directory import User
from dccemu_gateway.domain.refusal import Refusal
from dccemu_gateway.domain.rules.authority import role_eligible
from dccemu_protocol import catalogue
from dccemu_runtime.outbox import message_of

SUPPLIER, OTHER_USER = "90-B3-D5-1F-30-01-00-00", "00-DB-12-34-56-78-00-04"
ESME, DCC = "00-DB-12-34-56-78-90-A0", "90-B3-D5-1F-30-00-00-02"
CHF = "00-DB-12-34-56-78-90-A2"
READ = "<sr:ReadInstantaneousImportRegisters/>"
INVENTORY = f"<sr:ReadInventory><sr:DeviceID>{ESME}</sr:DeviceID></sr:ReadInventory>"
ADD = (
    f"<sr:UpdateHANDeviceLog><sr:DeviceID>{ESME}</sr:DeviceID><sr:RequestType>Add</sr:RequestType>"
    "<sr:AddDeviceToCHFWhitelist><sr:JoinTimePeriod>90</sr:JoinTimePeriod><sr:InstallCode>30313233343536</sr:InstallCode>"
    "<sr:ImportMPxN>2000000000006</sr:ImportMPxN></sr:AddDeviceToCHFWhitelist></sr:UpdateHANDeviceLog>"
)


@pytest.fixture
def tell(world, eventually):
    """What the inventory publishes of a Party; done when the gateway knows it."""
    versions = iter(range(2, 100))

    async def publish(party: str, user: str, roles: dict[str, str], suspended: tuple[str, ...] = ()) -> None:
        version = next(versions)
        known = world.directory.user(user)
        made = UserFact(user=user, roles=roles, receive_url=known.receive_url, suspended_services=suspended)
        fact = PartyFact(
            id=f"{party} {version}",
            at=world.runtime.clock.now(),
            version=version,
            party=party,
            name=party,
            users=(made,),
        )
        await world.runtime.bus.publish([message_of(fact)])

        def is_known() -> bool:
            found = world.directory.user(user)
            return (dict(found.roles), tuple(found.suspended_services)) == (roles, suspended)

        await eventually(is_known)

    return publish


@pytest.mark.asyncio
@pytest.mark.checklist("A6")
async def test_until_entry_is_complete_a_user_gets_e3_and_afterwards_i99(world, tell, eventually) -> None:
    codes = []
    for status in ("Applied", "Testing", "Eligible", "Active"):
        await tell("SUPP", SUPPLIER, {"IS": status, "GS": status})

        codes.append((await world.send("4.1.1", READ)).response_code)

    assert codes == ["E3", "E3", "E3", "I99"]
    await eventually(lambda: len(world.commands) == 1)


@pytest.mark.asyncio
@pytest.mark.checklist("A6")
async def test_a_role_whose_entry_is_not_complete_does_not_lend_its_rights(world, tell) -> None:
    await tell("SUPP", SUPPLIER, {"IS": "Testing", "OU": "Active"})

    assert (await world.send("4.1.1", READ)).response_code == "E3"
    assert (await world.send("8.2", INVENTORY, cv=8, service="D", device=DCC)).response_code == "I0"


@pytest.mark.asyncio
@pytest.mark.checklist("E8")
async def test_a_suspended_role_gets_e3_and_works_again_when_the_suspension_is_lifted(world, tell) -> None:
    codes = []
    for status in ("Active", "Suspended", "Active"):
        await tell("OTHR", OTHER_USER, {"OU": status})

        answer = await world.send("8.2", INVENTORY, cv=8, service="D", device=DCC, user=OTHER_USER)
        codes.append(answer.response_code)

    assert codes == ["I0", "E3", "I0"]


@pytest.mark.asyncio
@pytest.mark.checklist("E8")
async def test_suspended_rights_to_enrolment_leave_every_other_service(world, tell) -> None:
    await tell("SUPP", SUPPLIER, {"IS": "Active", "GS": "Active"}, ("enrolment",))

    assert (await world.send("8.11", ADD, device=CHF)).response_code == "E3"
    assert (await world.send("4.1.1", READ)).response_code == "I99"

    await tell("SUPP", SUPPLIER, {"IS": "Active", "GS": "Active"})
    assert (await world.send("8.11", ADD, device=CHF)).response_code != "E3"


def may(role: str, srv: str) -> str:
    """Answer of check 8 for a User who holds just that role."""
    sender = User(SUPPLIER, "SUPP", {role: "Active"})
    examination = SimpleNamespace(variant=catalogue.service_requests[srv], sender=sender, roles=())
    try:
        role_eligible(examination)  # type: ignore[arg-type]
    except Refusal as refusal:
        return catalogue.response_code(refusal.rule)
    return "passed"


PUBLISHED = {
    "1.1.1": {"IS", "GS"},
    "8.1.1": {"IS", "GS"},
    "8.7.2": {"IS", "GS", "OU"},
    "8.2": {"IS", "ES", "GS", "RSA", "ED", "GT", "OU"},
    "4.16": {"IS", "ED"},
    "11.1": {"IS", "GS"},
}
"""Rows of the published request matrix, typed by hand."""


@pytest.mark.checklist("A5")
@pytest.mark.parametrize("srv", sorted(catalogue.service_requests))
def test_a_role_that_the_matrix_does_not_name_gets_e2(srv: str) -> None:
    eligible = PUBLISHED.get(srv, set(catalogue.service_requests[srv].eligible_user_roles))

    for role in ("IS", "ES", "GS", "ED", "GT", "RSA", "OU"):
        assert may(role, srv) == ("passed" if role in eligible else "E2"), role


@pytest.mark.asyncio
@pytest.mark.checklist("C2")
async def test_the_services_schedule_is_served_and_equals_the_published_matrix(world) -> None:
    app = FastAPI()
    app.include_router(world.service.admin)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://admin") as admin:
        served = (await admin.get("/admin/gateway/services")).json()

    matrix = json.loads((files("dccemu_protocol.catalogue") / "data/service_requests.json").read_text("utf-8"))
    columns = ("srv", "name", "critical", "non_device")
    assert [tuple(row[column] for column in columns) for row in served] == [
        tuple(row[column] for column in columns) for row in matrix["service_requests"]
    ]
    for row, published in zip(served, matrix["service_requests"], strict=True):
        for column in ("command_variants", "eligible_user_roles", "target_device_types"):
            assert row[column] == sorted(published[column]), (row["srv"], column)
