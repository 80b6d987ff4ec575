"""Ready sets, audit and targets: what the service does beside issuing (SEC stage 4, 185; checklist B16)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from prometheus_client import REGISTRY

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import keystore

from ..conftest import device_csr, organisation_pem

if TYPE_CHECKING:
    from ..conftest import House

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
SUPPLIER, OTHER, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-02-00-00"


async def test_a_ready_set_for_a_supplier_comes_in_one_call(house: House) -> None:
    answer = await house.admin.post("/admin/smki/certificate-sets", json={"eui": OTHER, "role": 2})
    clients = await house.admin.post(
        "/admin/smki/certificate-sets", params={"format": "clients"}, json={"eui": NETWORK, "role": 3}
    )
    dcc = await house.admin.post("/admin/smki/certificate-sets", json={"eui": OTHER, "role": 4})

    made = keystore.load(answer.json()["keystore"])
    held = [(entry.role, entry.usage.short, entry.top_up) for entry in made]
    assert held == [(2, "DS", False), (2, "KA", False), (2, "KA", True), (135, "DS", False)]
    assert made.xml_signer(Eui64.parse(OTHER)) is not None
    assert len(keystore.load(clients.json()["keystore"])) == 3
    assert dcc.json()["code"] == "NOT_ELIGIBLE"


async def test_every_request_is_audited(house: House) -> None:
    await house.submit(organisation_pem(81, SUPPLIER, 4))
    await house.submit(organisation_pem(81))

    entries = (await house.admin.get("/admin/smki/audit", params={"party": "SUPPLIER1"})).json()

    assert [(e["action"], e["outcome"]) for e in entries] == [
        ("organisation-csr", "submitted"),
        ("organisation-csr", "refused"),
    ]
    assert entries[1]["detail"]["rule"] == "NOT_ELIGIBLE"


async def test_whatever_a_subscriber_asks_for_is_audited_granted_or_refused(house: House) -> None:
    key, device = {"apikey": "SUPPLIER1"}, base64.b64encode(device_csr(84, DEVICE))
    number = (await house.submit(organisation_pem(83))).json()["id"]
    await house.admin.post(f"/admin/smki/requests/{number}", json={"approve": True, "by": "officer 7"})
    made = await house.client.post("/portal/device-requests", params=key, content=device)
    of_device = f"/portal/device-certificates/{made.json()['serial']}/reject"
    asked = [
        ("/portal/device-requests", key, device),
        ("/portal/device-requests", {**key, "test": "maybe"}, device),
        ("/services/1.0/DeviceCSR", key, b"<a/>"),
        ("/services/1.0/PortalCSRBatch/SubmitCSRBatch", key, b"<a/>"),
        ("/portal/batches", {**key, "name": "a.zip"}, b"PK"),
        (of_device, {"apikey": "SUPPLIER2"}, b""),
        (of_device, key, b""),
        (f"/portal/organisation-requests/{number}/reject", key, b""),
        (f"/portal/organisation-requests/{number}/reject", key, b""),
    ]
    for place, params, body in asked:
        await house.client.post(place, params=params, content=body)
    serial = "AB" * 16
    await house.client.post("/portal/revocations", params=key, json={"serial": serial, "grounds": "key-compromised"})

    entries = (await house.admin.get("/admin/smki/audit")).json()
    found = [(one["action"], one["outcome"], one["party"]) for one in reversed(entries) if one["party"] != "gateway"]

    me, other = "SUPPLIER1", "SUPPLIER2"
    assert [one for one in found if one[2] in (me, other)] == [
        ("organisation-csr", "submitted", me),
        ("organisation-csr", "issued", me),
        ("device-csr", "issued", me),
        ("device-csr", "refused", me),
        ("device-csr", "refused", me),
        ("batch", "refused", me),
        ("batch", "refused", me),
        ("reject", "refused", other),
        ("status", "rejected", me),
        ("revoke", "revoked", me),
        ("reject", "refused", me),
        ("revoke", "refused", me),
    ]
    assert all(one["at"] and one["detail"] for one in entries)


@pytest.mark.checklist("B16")
async def test_targets_count_only_once_the_stage_2_report_is_recorded(house: House) -> None:
    before = (await house.admin.get("/admin/smki/compliance")).json()
    await house.admin.post("/admin/smki/compliance", json={"stage": 1, "reference": "r1"})
    after_first = (await house.admin.get("/admin/smki/compliance")).json()

    def counted(verdict: str) -> float:
        return REGISTRY.get_sample_value("dccemu_smki_targets_total", {"kind": "ad-hoc", "verdict": verdict}) or 0.0

    async def asked() -> tuple[float, float]:
        """Measured, and met, after one more ad hoc request."""
        await house.client.post("/services/1.0/DeviceCSR", params={"apikey": "SUPPLIER1"}, content=b"<a/>")
        measured = REGISTRY.get_sample_value("dccemu_smki_issue_seconds_count", {"kind": "ad-hoc"}) or 0.0
        return measured, counted("met") + counted("missed")

    was = await asked()
    off = await asked()
    await house.admin.post("/admin/smki/compliance", json={"stage": 2, "reference": "r2"})
    after = (await house.admin.get("/admin/smki/compliance")).json()
    on = await asked()

    assert [x["targets_in_force"] for x in (before, after_first, after)] == [False, False, True]
    assert (off[0] - was[0], on[0] - off[0]) == (1, 1)
    assert (off[1] - was[1], on[1] - off[1]) == (0, 1)
    assert after["targets_seconds"] == {"ad-hoc": 30.0, "batch": 86400.0}
    assert [report["name"] for report in after["reports"]] == ["compliance stage 1", "compliance stage 2"]
