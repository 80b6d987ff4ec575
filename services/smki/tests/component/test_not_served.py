"""Who is not served, and when: nobody before the certificates of the DCC (checklist B8), nor who is not registered."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from dccemu_protocol.errors import EmulatorError

from ..conftest import SUPPLIER, base64_csr, device_csr

if TYPE_CHECKING:
    from dccemu_protocol.pki import Signer

    from ..conftest import Eventually, House, Open

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
DSP = {"Access Control Broker DS", "Access Control Broker KA", "Transitional CoS DS"}
MINTED_HERE = {
    "Root OCA",
    "Issuing OCA",
    "Root DCA",
    "Issuing DCA",
    "Recovery DS",
    "WAN Provider DS",
    "WAN Provider KA",
}


async def ad_hoc(house: House, number: int, key: str = "SUPPLIER1") -> tuple[str | None, str | None]:
    house.runtime.clock.advance(timedelta(seconds=5))
    body = (
        '<DeviceCertificateSigningRequest ID="m"><Version>1.0</Version><CertificateSigningRequest>'
        f"{base64_csr(number, DEVICE)}</CertificateSigningRequest></DeviceCertificateSigningRequest>"
    )
    answer = await house.client.post("/services/1.0/DeviceCSR", params={"apikey": key}, content=body.encode())
    assert answer.status_code == 200
    root = etree.fromstring(answer.content)
    return root.findtext("Status"), root.findtext("Error/ErrorCode")


async def batch(house: House, key: str = "SUPPLIER1") -> tuple[str | None, str | None]:
    item = f'<DeviceCSR ID="i">{base64_csr(1, DEVICE)}</DeviceCSR>'
    body = f'<SubmitCSRBatch ID="b"><Version>1.0</Version>{item}</SubmitCSRBatch>'.encode()
    answer = await house.client.post(
        "/services/1.0/PortalCSRBatch/SubmitCSRBatch", params={"apikey": key}, content=body
    )
    assert answer.status_code == 200
    root = etree.fromstring(answer.content)
    return root.findtext("BatchStatus"), root.findtext("Error/ErrorCode")


async def portal(house: House, number: int, key: str = "SUPPLIER1") -> tuple[int, str | None]:
    body = base64.b64encode(device_csr(number, DEVICE))
    answer = await house.client.post("/portal/device-requests", params={"apikey": key}, content=body)
    return answer.status_code, answer.json().get("code")


@pytest.mark.checklist("B8")
async def test_nobody_is_served_before_the_dccs_eight_kinds_of_certificate_are_there(
    open_house: Open, eventually: Eventually
) -> None:
    house = await open_house()
    await house.party("SUPPLIER1", {SUPPLIER: ["IS"]})
    await eventually(lambda: house.smki.parties.applicant("SUPPLIER1"))

    missing = (await house.admin.get("/admin/smki/established")).json()["missing"]
    before = [await ad_hoc(house, 1), await batch(house), await portal(house, 1)]
    issued = await house.smki.database.pool.fetchval("SELECT count(*) FROM certificates WHERE kind = 'device'")
    await eventually(lambda: any(set(one.partition(": ")[2].split(", ")) >= DSP for one in house.service.unready()))
    await house.dcc_services()
    await eventually(lambda: not house.service.unready())

    assert set(missing) == DSP
    assert before == [("CA_ERROR", "CA:AA9"), ("WORKFLOW_ERROR", "WF:AC9"), (503, "NOT_ESTABLISHED")]
    assert issued == 0
    assert await portal(house, 1) == (201, None)
    assert await ad_hoc(house, 2) == ("SUCCESS", None)
    held = {f"{role} {usage}" for _, role, usage in await house.smki.store.held(house.smki.database.pool)}
    assert {"1 digitalSignature", "4 digitalSignature", "4 keyAgreement", "5 digitalSignature"} <= held
    assert {"6 digitalSignature", "6 keyAgreement", "0 keyCertSign", "7 keyCertSign", "None keyCertSign"} <= held


async def test_organisation_and_device_certificates_are_registered_for_separately(
    open_house: Open, eventually: Eventually
) -> None:
    house = await open_house(open_subscribers=False)
    await house.dcc_services()
    await house.party("SUPPLIER1", {SUPPLIER: ["IS"]})
    await eventually(lambda: not house.service.unready() and house.smki.parties.applicant("SUPPLIER1"))
    register = {"party": "SUPPLIER1", "organisation": True, "device": False}
    key = (await house.admin.post("/admin/smki/subscribers", json=register)).json()["api_key"]

    no_subscriber = [await ad_hoc(house, 1, key), await batch(house, key), await portal(house, 1, key)]
    await house.admin.post("/admin/smki/subscribers", json={**register, "device": True})
    no_officer = [await ad_hoc(house, 1, key), await batch(house, key), await portal(house, 1, key)]
    officer = {"id": "s1", "party": "SUPPLIER1", "name": "S", "duty": "SRO", "organisation": True, "device": True}
    await house.admin.post("/admin/smki/officers", json=officer)

    anomaly, failed = "ISSUANCE_ANOMALY", "WORKFLOW_ERROR"
    assert no_subscriber == [(anomaly, "CA:AB2"), (failed, "WF:AB2"), (422, "NOT_SUBSCRIBER")]
    assert no_officer == [(anomaly, "CA:AB3"), (failed, "WF:AB3"), (422, "NOT_OFFICER")]
    assert await portal(house, 1, key) == (201, None)
    assert await ad_hoc(house, 2, key) == ("SUCCESS", None)
    assert await batch(house, key) == ("PENDING", None)


async def test_what_fails_within_is_told_and_leaves_nothing_behind(house: House) -> None:
    assert await portal(house, 1) == (201, None)
    keys, pool = house.smki.keys, house.smki.database.pool

    class Broken:
        """A key store whose token has gone."""

        async def signer(self, name: str) -> Signer:
            raise EmulatorError(f"the token does not sign with {name}")

    house.smki.keys = Broken()  # type: ignore[assignment]
    of_the_ca = await ad_hoc(house, 2)
    house.smki.keys = keys
    await pool.execute("ALTER TABLE certificates ADD CONSTRAINT no_more CHECK (kind <> 'device') NOT VALID")
    of_the_workflow = await ad_hoc(house, 2)
    await pool.execute("ALTER TABLE certificates DROP CONSTRAINT no_more")

    assert (of_the_ca, of_the_workflow) == (("CA_ERROR", "CA:AA7"), ("WORKFLOW_ERROR", "WF:AA1"))
    assert await ad_hoc(house, 2) == ("SUCCESS", None)
    assert await pool.fetchval("SELECT issued FROM device_counts") == 2
