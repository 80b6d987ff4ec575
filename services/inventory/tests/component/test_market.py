"""Parties, registration files, outgoing documents, the Certified Products List, suspension of rights."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from dccemu_contracts.entitlement import holder
from dccemu_contracts.firmware import FirmwareReport
from dccemu_protocol.gbcs import firmware
from dccemu_runtime.outbox import message_of

SUPPLIER, SECOND, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-02-00-00"
OTHER = "00-DB-12-34-56-78-00-04"
ESME, GSME, CHF, GPF = (f"00-DB-12-34-56-78-90-A{n}" for n in range(4))

pytestmark = pytest.mark.asyncio


def gas_file(generation: int, *rows: str, kind: str = "RDU", count: int | None = None) -> str:
    head = f'"A00",RDP1,"{kind}",20260302,093000,{generation:06d}'
    return "\n".join([head, *rows, f'"Z99",{len(rows) if count is None else count:010d}']) + "\n"


def electricity_file(generation: int, *rows: str, kind: str = "RDU") -> str:
    head = f"ZHV|{generation:010d}|{kind}|R|RDP1|Z|DCC|20260302093000||||"
    body = [row.replace(",", "|") for row in rows]
    return "\n".join([head, *body, f"ZPT|{generation:010d}|{len(rows)}||1|20260302093000"]) + "\n"


def row(point: str, supplier: str = "SUP1", since: str = "20200101", **changes: str) -> str:
    values = {
        "action": "I",
        "point": point,
        "direction": "",
        "supplier": supplier,
        "effective_from": since,
        "effective_to": "",
        "network": "NET1",
        "agent": "",
        "agent_from": "",
        "agent_to": "",
        "status": "traded",
        "energised": "Y",
        "domestic": "Y",
        "objection": "",
        "post_code": "EX1 1AA",
        "address_identifier": "1",
        "uprn": "77",
    }
    return ",".join({**values, **changes}.values())


async def feed(inventory: Any, text: str, provider: str = "RDP1") -> dict[str, Any]:
    response = await inventory.http.post(
        f"/admin/inventory/feeds/{provider}", content=text, headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 200, response.text
    return response.json()


def gas_suppliers(inventory: Any, point: str) -> list[str]:
    """The Suppliers registered at a gas point, in order of their dates."""
    fact = inventory.index.registration(point)
    return [span.user for span in fact.spans if span.role == "GS"] if fact else []


@pytest_asyncio.fixture
async def provider(inventory: Any) -> Any:
    await inventory.http.put("/admin/inventory/providers/RDP1", json={"networks": ["NET1"]})
    return inventory


@pytest.mark.checklist("H1", "H2")
async def test_both_file_forms_load_and_change_who_is_entitled(inventory: Any, provider: Any) -> None:
    gas = await feed(inventory, gas_file(1, row("3938424403", "SUP1"), row("3938424403", "SUP2", "20260401")))
    assert (gas["status"], gas["accepted"], gas["rejected"]) == ("accepted", 2, 0)
    electric = await feed(inventory, electricity_file(2, row("2000000000006", direction="export")))
    assert electric["status"] == "accepted"
    await inventory.eventually(lambda: inventory.index.registration("2000000000006") is not None)
    point = inventory.index.registration("3938424403")
    now = inventory.runtime.clock.now()
    assert (holder(point, "GS", now), holder(point, "GT", now)) == (SUPPLIER, NETWORK)
    assert holder(point, "GS", now + timedelta(days=31)) == SECOND
    export = inventory.index.registration("2000000000006")
    assert (holder(export, "ES", now), holder(export, "IS", now)) == (SUPPLIER, None)
    view = (await inventory.http.get("/admin/inventory/registrations/3938424403?at=2026-05-01T00:00:00Z")).json()
    assert view["held"] == {"GS": SECOND, "GT": NETWORK}
    assert (view["status"], view["energised"], view["spans"][0]["participant"]) == ("traded", True, "SUP1")


@pytest.mark.checklist("H2")
async def test_an_objection_holds_the_change_up_until_lifted(inventory: Any, provider: Any) -> None:
    await feed(inventory, gas_file(1, row("3938424403", "SUP1")))
    await feed(inventory, gas_file(2, row("3938424403", "SUP2", "20260301", objection="raised")))
    await inventory.eventually(lambda: gas_suppliers(inventory, "3938424403") == [SUPPLIER, SECOND])
    now = inventory.runtime.clock.now()
    assert holder(inventory.index.registration("3938424403"), "GS", now) == SUPPLIER
    await feed(inventory, gas_file(3, row("3938424403", "SUP2", "20260301", action="U", objection="lifted")))
    await inventory.eventually(lambda: holder(inventory.index.registration("3938424403"), "GS", now) == SECOND)


async def test_one_bad_row_is_rejected_alone_and_listed(inventory: Any, provider: Any) -> None:
    rows = [row(f"{number:010d}") for number in range(1, 2001)]
    rows[1000] = row("77", effective_from="20261301")
    rows[1500] = row("78", supplier="NOBODY")
    rows[1600] = row("79", network="NET9")
    rows[1700] = row("80", post_code="EX1")
    result = await feed(inventory, gas_file(1, *rows))
    assert (result["status"], result["accepted"], result["rejected"]) == ("accepted", 1996, 4)
    listed = [line for line in result["response"].splitlines() if line.startswith('"E01"')]
    assert [line.split(",")[1] for line in listed] == ["1002", "1502", "1602", "1702"]
    assert "NOBODY" in listed[1]
    assert "post_code" in listed[3]
    await inventory.eventually(lambda: inventory.index.registration("0000002000") is not None)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        gas_file(1, row("3938424403"), count=2),
        gas_file(1, row("3938424403")).rpartition('"Z99"')[0],
        gas_file(1, row("3938424403"), kind="XXX"),
        electricity_file(1, row("2000000000006")).replace("RDP1", "RDP9"),
    ],
)
async def test_a_bad_file_changes_nothing_and_raises_an_incident(inventory: Any, provider: Any, text: str) -> None:
    result = await feed(inventory, text)
    assert (result["status"], result["accepted"]) == ("rejected", 0)
    (incident,) = (await inventory.http.get("/admin/inventory/incidents")).json()
    assert incident["subject"] == "RDP1"
    assert (await inventory.http.get("/admin/inventory/registrations/3938424403")).status_code == 404
    # The same generation may then come as it should be.
    assert (await feed(inventory, gas_file(1, row("3938424403"))))["status"] == "accepted"


async def test_generations_rise_by_one(inventory: Any, provider: Any) -> None:
    first = gas_file(1, row("3938424403"))
    assert (await feed(inventory, first))["status"] == "accepted"
    # Repeated: the same answer, no effect.
    assert (await feed(inventory, first))["response"] == (await feed(inventory, first))["response"]
    assert (await feed(inventory, gas_file(1, row("3938424403", "SUP2"))))["status"] == "rejected"
    # Out of order: held until the missing one has come.
    third = await feed(inventory, gas_file(3, row("3938424403", "SUP2", "20260201")))
    assert (third["status"], "generation 2 is next" in third["response"]) == ("held", True)
    now = inventory.runtime.clock.now()
    await inventory.settled()
    assert holder(inventory.index.registration("3938424403"), "GS", now) == SUPPLIER
    assert (await feed(inventory, gas_file(2, row("1000000205"))))["status"] == "accepted"
    await inventory.eventually(lambda: holder(inventory.index.registration("3938424403"), "GS", now) == SECOND)
    states = {
        entry["generation"]: entry["status"] for entry in (await inventory.http.get("/admin/inventory/feeds")).json()
    }
    assert states == {1: "accepted", 2: "accepted", 3: "accepted"}


async def test_a_refresh_replaces_what_is_not_in_it(inventory: Any, provider: Any) -> None:
    await feed(inventory, gas_file(1, row("3938424403"), row("1000000205")))
    await feed(inventory, gas_file(2, row("3938424403", "SUP2"), kind="RDR"))
    await inventory.eventually(lambda: inventory.index.registration("1000000205") is None)
    point = inventory.index.registration("3938424403")
    assert [span.user for span in point.spans if span.role == "GS"] == [SECOND]
    # Points of other networks, and of the other fuel, stay.
    assert inventory.index.registration("1312345678111") is not None


async def test_a_registration_is_deleted(inventory: Any, provider: Any) -> None:
    await feed(inventory, gas_file(1, row("3938424403"), row("3938424403", "SUP2", "20260401")))
    await feed(inventory, gas_file(2, row("3938424403", "SUP2", "20260401", action="D")))
    await inventory.eventually(lambda: gas_suppliers(inventory, "3938424403") == [SUPPLIER])
    result = await feed(inventory, gas_file(3, row("3938424403", "SUP2", "20260401", action="D")))
    assert (result["accepted"], result["rejected"]) == (0, 1)


@pytest.mark.checklist("A3")
async def test_the_registration_port_answers_with_the_response_file(inventory: Any, provider: Any) -> None:
    send = inventory.port.post
    good = await send("/registration-data/RDP1", content=gas_file(1, row("3938424403")))
    assert (good.status_code, good.text.splitlines()[0]) == (200, '"R00",RDP1,"update",000001,"accepted"')
    assert (await send("/registration-data/RDP1", content="nonsense")).status_code == 422
    unknown = await send("/registration-data/RDP7", content=gas_file(1))
    assert unknown.json()["code"] == "FEED_PROVIDER_UNKNOWN"
    record = (await inventory.port.get("/parties")).json()
    assert {"party": "SUPPLIER2", "name": "GIT Test Supplier 2", "identifiers": [SECOND]} in record


@pytest.mark.checklist("H3", "H7")
async def test_market_shares_sum_to_one_and_name_no_point(inventory: Any, provider: Any) -> None:
    rows = [row(f"{number:010d}", f"SUP{1 + (number > 1)}") for number in range(1, 4)]
    rows += [row("0000000009", domestic="N"), row("0000000010", status="registered")]
    await feed(inventory, gas_file(1, *rows))
    text = (await inventory.http.get("/admin/inventory/market-share")).text
    lines = [line.split(",") for line in text.splitlines()]
    gas = {line[1]: line[2:] for line in lines if line[0] == "gas"}
    # The scenario's own gas point counts too.
    assert gas["SUP1"] == ["1", "0.250000"]
    assert gas["SUP2"] == ["2", "0.500000"]
    assert gas["TOTAL"] == ["4", "1.000000"]
    assert "0000000001" not in text


@pytest.mark.checklist("H4")
async def test_files_for_the_network(inventory: Any, provider: Any) -> None:
    await feed(inventory, electricity_file(1, row("1312345678111", action="I"), row("2000000000006", "SUP2")))
    record = (await inventory.http.get("/admin/inventory/suppliers-on-record/NET1")).text.splitlines()
    assert record[1:] == ["1312345678111,SUP1,20200101", "2000000000006,SUP2,20200101", '"Z99",2']
    flags = (await inventory.http.get("/admin/inventory/service-flags/NET1")).text.splitlines()
    assert flags[1:] == ['1312345678111,"Enrolled"', '"Z99",1']
    await inventory.ask("8.3", f"DecommissionDevice DeviceID={ESME}")
    flags = (await inventory.http.get("/admin/inventory/service-flags/NET1")).text.splitlines()
    assert flags[1:] == ['1312345678111,"Withdrawn"', '"Z99",1']


@pytest.mark.checklist("D9")
async def test_a_model_off_the_list_suspends_and_back_on_it_restores(inventory: Any) -> None:
    entry = {"device_type": "ESME", "manufacturer": "AB01", "model": "010A030B", "firmware_version": "0002012F"}
    entry |= {"smets_chts_version": "SMETS V1.58", "gbcs_version": "4.3"}
    off = await inventory.http.put("/admin/inventory/products", json={**entry, "status": "Withdrawn"})
    assert off.json() == {"devices": 2}
    await inventory.eventually(lambda: inventory.status(ESME) == "Suspended")
    assert inventory.device(ESME).cpl_status == "Withdrawn"
    await inventory.eventually(lambda: [a.recipients for a in inventory.alerts_of("N28")] == [(SUPPLIER, NETWORK)])
    await inventory.http.put("/admin/inventory/products", json=entry)
    await inventory.eventually(lambda: inventory.status(ESME) == "Commissioned")
    await inventory.eventually(lambda: len(inventory.alerts_of("N29")) == 1)
    history = (await inventory.http.get(f"/admin/inventory/devices/{ESME}")).json()["history"]
    assert [entry["new"] for entry in history] == ["Commissioned", "Suspended", "Commissioned"]


HUB_IMAGE = firmware.build(b"hub software", "00009002")
HUB_HASH = firmware.decode(HUB_IMAGE, signed=False).digest
LIST = (
    "device_type,manufacturer,model,firmware_version,smets_chts_version,gbcs_version,image_hash,status\n"
    "ESME,AB01,010A030B,0002012F,SMETS V1.58,4.3,,Active\n"
    f"CHF,106C,433100AC,00009002,CHTS V1.4,4.3,{HUB_HASH},Active\n"
    f"GPF,106C,433100AC,00009002,CHTS V1.4,4.3,{HUB_HASH},Active\n"
)


@pytest.mark.checklist("D11")
async def test_a_new_issue_of_the_list_moves_devices_and_the_dcc_upgrades_a_hub(inventory: Any) -> None:
    headers = {"Content-Type": "text/csv"}
    imported = await inventory.http.post("/admin/inventory/products", content=LIST, headers=headers)
    assert imported.json()["removed"] == 8
    await inventory.eventually(lambda: inventory.status(CHF) == "Suspended")
    assert (inventory.status(GPF), inventory.status(GSME), inventory.status(ESME)) == (
        "Suspended",
        "Suspended",
        "Commissioned",
    )
    url, image = f"/admin/inventory/hubs/{CHF}/firmware", base64.b64encode(HUB_IMAGE).decode()
    wrong = base64.b64encode(firmware.build(b"another", "00009002")).decode()
    refused = await inventory.http.post(url, json={"version": "00009002", "image": wrong})
    unlisted = await inventory.http.post(url, json={"version": "00009003", "image": image})
    assert (refused.json()["code"], unlisted.json()["code"]) == ("FIRMWARE_HASH", "FIRMWARE_VERSION")
    sent = await inventory.http.post(url, json={"version": "00009002", "image": image})
    assert sent.status_code == 202
    await inventory.eventually(lambda: len(inventory.orders) == 1)
    assert (inventory.orders[0].device, inventory.status(CHF)) == (CHF, "Suspended")
    report = FirmwareReport(
        id="report",
        at=inventory.runtime.clock.now(),
        device=CHF,
        hub=CHF,
        stage="activated",
        success=True,
        version="00009002",
    )
    await inventory.runtime.bus.publish([message_of(report)])
    await inventory.eventually(lambda: inventory.status(GPF) == "Commissioned")
    assert (inventory.status(CHF), inventory.device(GPF).firmware_version) == ("Commissioned", "00009002")
    await inventory.eventually(lambda: [one.recipients for one in inventory.alerts_of("N63")] == [(SUPPLIER,)])
    bad = await inventory.http.post("/admin/inventory/products", content=LIST + "TV,A,B,C,,,,Active\n", headers=headers)
    assert (bad.status_code, bad.json()["place"]) == (422, "line 5")


@pytest.mark.checklist("A1", "A2")
async def test_a_party_accedes_and_gets_identifiers(inventory: Any) -> None:
    post = inventory.http.post
    first = (await post("/admin/inventory/parties", json={"name": "Acme Energy", "participants": ["ACME"]})).json()
    second = (await post("/admin/inventory/parties", json={"name": "Acme Energy"})).json()
    assert first["party"] != second["party"]
    url = f"/admin/inventory/parties/{first['party']}/users"
    one = (await post(url, json={"roles": ["IS", "GS"]})).json()
    two = (await post(url, json={"roles": ["OU"]})).json()
    assert one["user"] != two["user"]
    assert one["user"][:14] == two["user"][:14] == "90-B3-D5-1F-31"
    assert (one["roles"], one["remote_party_role"]) == ({"IS": "Applied", "GS": "Applied"}, 2)
    taken = await post(url, json={"roles": ["IS"], "eui": SUPPLIER})
    assert (taken.status_code, taken.json()["code"]) == (422, "IDENTIFIER_TAKEN")
    conflict = await post(url, json={"roles": ["IS", "ED"]})
    assert conflict.json()["code"] == "ROLES_CONFLICT"
    await inventory.eventually(lambda: len(inventory.parties[first["party"]].users) == 2)
    given = (await inventory.http.get("/admin/inventory/identifiers")).json()
    assert {entry["purpose"] for entry in given} >= {"DCC broker", "DCC cos", "User ID"}


ELEMENTS = (
    "accession",
    "user id",
    "authorised subscriber",
    "gateway connection",
    "entry process tests",
    "security assessment",
    "credit cover",
    "anomaly thresholds",
    "contacts and forecasts",
)


@pytest.mark.checklist("A6")
async def test_the_entry_process_makes_a_role_active(inventory: Any) -> None:
    post = inventory.http.post
    party = (await post("/admin/inventory/parties", json={"name": "Newcomer"})).json()["party"]
    user = (await post(f"/admin/inventory/parties/{party}/users", json={"roles": ["IS"]})).json()["user"]
    url = f"/admin/inventory/parties/{party}/users/{user}/entry/IS"
    statuses = [(await post(url, json={"element": element})).json()["status"] for element in ELEMENTS]
    assert statuses == ["Applied"] * 3 + ["Testing"] + ["Eligible"] * 4 + ["Active"]
    await inventory.eventually(lambda: inventory.parties[party].users[0].roles["IS"] == "Active")
    # A second Party relies on the first one's proof of a shared system.
    other = (await post("/admin/inventory/parties", json={"name": "Sharer"})).json()["party"]
    shared = (await post(f"/admin/inventory/parties/{other}/users", json={"roles": ["IS"]})).json()["user"]
    url = f"/admin/inventory/parties/{other}/users/{shared}/entry/IS"
    assert (await post(url, json={"element": "entry process tests", "proven_by": party})).status_code == 200
    (done,) = (await inventory.http.get(url)).json()
    assert done["proven_by"] == party
    nobody = await post(url, json={"element": "credit cover", "proven_by": "SUPPLIER1"})
    assert nobody.json()["code"] == "NO_SUCH_PROOF"


@pytest.mark.checklist("E8")
async def test_rights_are_suspended_with_the_approval_they_need(inventory: Any) -> None:
    post = inventory.http.post
    at_once = (await post("/admin/inventory/suspensions", json={"party": "OTHERUSER1", "right": "other-user"})).json()
    assert at_once["state"] == "in force"
    await inventory.eventually(lambda: inventory.parties["OTHERUSER1"].users[0].roles == {"OU": "Suspended"})
    later = (await post("/admin/inventory/suspensions", json={"party": "SUPPLIER1", "right": "enrolment"})).json()
    assert later["state"] == "awaiting approval"
    await inventory.settled()
    assert inventory.parties["SUPPLIER1"].users[0].suspended_services == ()
    await post(f"/admin/inventory/suspensions/{later['id']}/approve")
    await inventory.eventually(lambda: inventory.parties["SUPPLIER1"].users[0].suspended_services == ("enrolment",))
    core = (await post("/admin/inventory/suspensions", json={"party": "SUPPLIER1", "right": "core"})).json()
    await post(f"/admin/inventory/suspensions/{core['id']}/approve")
    await inventory.eventually(lambda: set(inventory.parties["SUPPLIER1"].users[0].roles.values()) == {"Suspended"})
    for entry in (core, later, at_once):
        assert (await post(f"/admin/inventory/suspensions/{entry['id']}/lift")).status_code == 200
    await inventory.eventually(lambda: inventory.parties["OTHERUSER1"].users[0].roles == {"OU": "Active"})
    user = inventory.parties["SUPPLIER1"].users[0]
    assert (set(user.roles.values()), user.suspended_services) == ({"Active"}, ())
    again = await post(f"/admin/inventory/suspensions/{core['id']}/lift")
    assert again.json()["code"] == "SUSPENSION_STATE"


@pytest.mark.checklist("D3", "B9")
async def test_a_hub_without_device_certificates_is_not_delivered(inventory: Any) -> None:
    values = {"device": "00-DB-12-34-56-78-93-00", "gpf": "00-DB-12-34-56-78-93-01", "manufacturer": "106C"}
    values |= {"model": "433100AC", "firmware_version": "00009001"}
    refused = await inventory.http.post("/admin/inventory/hubs", json=values)
    assert (refused.status_code, refused.json()["code"]) == (422, "DEVICE_CERTIFICATES_MISSING")


async def test_reset_begins_again_and_followers_hear_of_it(inventory: Any) -> None:
    await inventory.http.put("/admin/inventory/devices/00-00-00-00-00-00-00-05", json={"type": "IHD"})
    await inventory.ask("8.3", f"DecommissionDevice DeviceID={ESME}")
    text = (inventory.scenario).read_text("utf-8")
    reset = await inventory.http.post(
        "/admin/inventory/reset", content=text, headers={"Content-Type": "application/yaml"}
    )
    assert reset.status_code == 204, reset.text
    await inventory.eventually(lambda: inventory.status(ESME) == "Commissioned")
    await inventory.eventually(lambda: inventory.index.device("00-00-00-00-00-00-00-05") is None)
    history = (await inventory.http.get(f"/admin/inventory/devices/{ESME}")).json()["history"]
    assert [entry["event"] for entry in history] == ["seeded"]
