"""Officers, testing participants, and Parties without a connection (smki.md section 5.1; SEC stage 4, 193 to 220)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.pki import TEST_POLICY, TrustStore, check_path, parse, parse_pem

from ..conftest import device_csr, organisation_pem

if TYPE_CHECKING:
    import httpx

    from ..conftest import Eventually, Open

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
SUPPLIER, OTHER = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"


async def test_officers_act_within_their_nomination(open_house: Open, eventually: Eventually) -> None:
    house = await open_house(open_subscribers=False)
    await house.dcc_services()
    await house.party("SUPPLIER1", {SUPPLIER: ["IS"], OTHER: ["GS"]})
    await eventually(lambda: not house.service.unready())

    async def register() -> httpx.Response:
        return await house.admin.post("/admin/smki/subscribers", json={"party": "SUPPLIER1"})

    async def is_registered() -> bool:
        return (await register()).status_code == 201

    unknown = await house.admin.post("/admin/smki/subscribers", json={"party": "NOBODY"})
    await eventually(is_registered)
    key = (await register()).json()["api_key"]
    none = await house.submit(organisation_pem(21), key)
    orphan = {"id": "a1", "party": "SUPPLIER1", "name": "A", "duty": "ARO", "nominated_by": "s1"}
    early = await house.admin.post("/admin/smki/officers", json=orphan)
    await house.admin.post(
        "/admin/smki/officers",
        json={"id": "s1", "party": "SUPPLIER1", "name": "S", "duty": "SRO", "organisation": False},
    )
    await house.admin.post("/admin/smki/officers", json={**orphan, "users": [SUPPLIER]})
    good = await house.submit(organisation_pem(21), key, officer="a1")
    foreign = await house.submit(organisation_pem(22, OTHER), key, officer="a1")
    senior = await house.submit(organisation_pem(21), key, officer="s1")
    await house.admin.delete("/admin/smki/officers/a1")
    dismissed = await house.submit(organisation_pem(21), key, officer="a1")

    assert unknown.json()["code"] == "UNKNOWN_PARTY"
    assert none.json()["code"] == early.json()["code"] == "NOT_OFFICER"
    assert (good.status_code, good.json()["officer"]) == (202, "a1")
    assert foreign.json()["code"] == senior.json()["code"] == dismissed.json()["code"] == "NOT_OFFICER"
    assert (await house.submit(organisation_pem(21), "SUPPLIER1")).status_code == 401  # the Party ID is no key here


@pytest.mark.checklist("B12")
async def test_test_certificates_differ_and_are_for_testing_participants(
    open_house: Open, eventually: Eventually
) -> None:
    house = await open_house(open_subscribers=False, approve_requests=True)
    await house.dcc_services()
    await house.party("SUPPLIER1", {SUPPLIER: ["IS"]})
    await eventually(lambda: not house.service.unready() and house.smki.parties.applicant("SUPPLIER1"))
    both = {"organisation": True, "device": True}
    keys = {}
    for party, participates in (("LAB1", True), ("SUPPLIER1", False)):
        call = {**both, "party": party, "test_participant": participates}
        keys[party] = (await house.admin.post("/admin/smki/subscribers", json=call)).json()["api_key"]
        officer = {"id": party, "party": party, "name": "S", "duty": "SRO"}
        assert (await house.admin.post("/admin/smki/officers", json=officer)).status_code == 201
    tester = keys["LAB1"]

    stranger = await house.submit(organisation_pem(31), keys["SUPPLIER1"], test="true")
    device = base64.b64encode(device_csr(32, DEVICE))
    answers = [
        await house.client.post("/portal/device-requests", params={"apikey": key, "test": "true"}, content=device)
        for key in (keys["SUPPLIER1"], tester)
    ]
    assert stranger.json()["code"] == answers[0].json()["code"] == "NOT_TEST_PARTICIPANT"
    for_device = parse_pem(answers[1].json()["certificate"])
    assert (for_device.policies, for_device.issuer[:4]) == ((TEST_POLICY,), "CN=T")

    live = await house.submit(organisation_pem(31), tester)
    test = await house.submit(organisation_pem(31), tester, test="true")

    assert live.json()["code"] == "NOT_ELIGIBLE"
    got = await house.client.get(
        f"/portal/organisation-requests/{test.json()['id']}/certificate", params={"apikey": tester}
    )
    certificate = parse_pem(got.content)
    assert certificate.policies == (TEST_POLICY,)
    assert certificate.issuer.startswith("CN=T")
    assert not any(fact.issuer.startswith("CN=T") for fact in house.certificates().values())
    store = TrustStore()
    for fact in house.certificates().values():
        store.learn(parse(bytes.fromhex(fact.der)), pinned=fact.pinned)
    with pytest.raises(ProtocolError, match="CERTIFICATE_ISSUER_UNKNOWN"):
        check_path(certificate, store, house.runtime.clock.now())


@pytest.mark.checklist("B11")
async def test_a_party_without_a_connection_gets_certificates_by_the_light_route(
    open_house: Open, eventually: Eventually
) -> None:
    house = await open_house(open_subscribers=False, approve_requests=True)
    await house.dcc_services()
    await house.party("SMALL1", {OTHER: ["GS"]})
    await eventually(lambda: not house.service.unready())

    async def registered() -> bool:
        call = {"party": "SMALL1", "route": "light"}
        return (await house.admin.post("/admin/smki/subscribers", json=call)).status_code == 201

    await eventually(registered)
    (row,) = (await house.admin.get("/admin/smki/subscribers")).json()
    await house.admin.post("/admin/smki/officers", json={"id": "x", "party": "SMALL1", "name": "X", "duty": "SRO"})

    answer = await house.submit(organisation_pem(41, OTHER), row["api_key"])

    assert row["route"] == "light"
    assert answer.json()["status"] == "issued"
