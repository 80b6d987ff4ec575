"""Acceptance, rejection, revocation and expiry of certificates (smki.md sections 5.6, 6 and 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from ..conftest import organisation_pem

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Eventually, House, Open

pytestmark = pytest.mark.asyncio
SUPPLIER = "90-B3-D5-1F-30-01-00-00"


async def test_revocation_reaches_search_crl_and_bus_at_once(house: House, eventually: Eventually) -> None:
    serial = await house.issued(organisation_pem(51))
    before = x509.load_der_x509_crl((await house.client.get("/repository/crl/organisation.crl")).content)

    answer = await house.client.post(
        "/portal/revocations", params={"apikey": "SUPPLIER1"}, json={"serial": serial, "grounds": "key-compromised"}
    )

    assert answer.json() == {"serial": serial, "status": "R"}
    after = x509.load_der_x509_crl((await house.client.get("/repository/crl/organisation.crl")).content)
    numbers = [crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for crl in (before, after)]
    assert numbers[1] == numbers[0] + 1
    entry = after.get_revoked_certificate_by_serial_number(int(serial, 16))
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    await eventually(lambda: [fact.serial for fact in house.revocations()] == [serial], within=1.0)
    await eventually(lambda: any(f.serial == serial and f.status == "R" for f in house.certificates().values()))
    shown = (await house.admin.get(f"/admin/smki/certificates/{serial}")).json()
    assert shown["status"] == "R"


async def test_revocation_is_for_the_owner_with_grounds_and_once(house: House) -> None:
    serial = await house.issued(organisation_pem(52))

    async def ask(party: str, grounds: str, number: str = serial) -> str:
        answer = await house.client.post(
            "/portal/revocations", params={"apikey": party}, json={"serial": number, "grounds": grounds}
        )
        return str(answer.json().get("code", "done"))

    assert await ask("SUPPLIER2", "key-compromised") == "NOT_ELIGIBLE"
    assert await ask("SUPPLIER1", "weather") == "BAD_GROUNDS"
    assert await ask("SUPPLIER1", "no-longer-needed") == "done"
    assert await ask("SUPPLIER1", "no-longer-needed") == "BAD_STATUS"
    root = next(a for a in (await house.admin.get("/admin/smki/authorities")).json() if a["duty"] == "root-oca")
    answer = await house.admin.post(f"/admin/smki/certificates/{root['serial']}/revoke")
    assert answer.json()["code"] == "NOT_REVOCABLE"


@pytest.mark.checklist("B5")
async def test_a_rejected_organisation_certificate_is_revoked(house: House) -> None:
    number = (await house.submit(organisation_pem(53))).json()["id"]
    await house.admin.post(f"/admin/smki/requests/{number}", json={"approve": True})

    answer = await house.client.post(f"/portal/organisation-requests/{number}/reject", params={"apikey": "SUPPLIER1"})

    assert answer.json()["status"] == "R"
    told = await house.client.get(f"/portal/organisation-requests/{number}", params={"apikey": "SUPPLIER1"})
    assert told.json()["certificate_status"] == "R"
    crl = x509.load_der_x509_crl((await house.client.get("/repository/crl/organisation.crl")).content)
    assert crl.get_revoked_certificate_by_serial_number(int(answer.json()["serial"], 16)) is not None
    search = f"<CertificateSearchRequest><CertificateSubjectName>{SUPPLIER}</CertificateSubjectName>"
    found = await house.client.post("/services/certificatesearch", content=f"{search}</CertificateSearchRequest>")
    assert b"<CertificateStatus>R</CertificateStatus>" in found.content
    assert b"<CertificateStatus>I</CertificateStatus>" not in found.content


async def test_an_issuing_ca_goes_on_the_arl_and_a_new_one_takes_over(house: House, tmp_path: Path) -> None:
    authorities = (await house.admin.get("/admin/smki/authorities")).json()
    old = next(a for a in authorities if a["duty"] == "issuing-oca" and a["hierarchy"] == "live")
    added = await house.admin.post("/admin/smki/authorities", json={"duty": "issuing-oca"})
    serial = await house.issued(organisation_pem(54))

    answer = await house.admin.post(
        f"/admin/smki/certificates/{old['serial']}/revoke", json={"grounds": "ca-compromised"}
    )

    assert answer.json()["status"] == "R"
    arl = x509.load_der_x509_crl((await house.client.get("/repository/arl/oca.arl")).content)
    assert arl.get_revoked_certificate_by_serial_number(int(old["serial"], 16)) is not None
    assert (await house.admin.get(f"/admin/smki/certificates/{serial}")).json()["issuer"] == added.json()["subject"]


async def test_statuses_walk_the_lifecycle_and_expire_on_the_clock(house: House, eventually: Eventually) -> None:
    serial = await house.issued(organisation_pem(71))

    async def status() -> str:
        return str((await house.admin.get(f"/admin/smki/certificates/{serial}")).json()["status"])

    assert await status() == "I"
    answer = await house.admin.post(f"/admin/smki/certificates/{serial}/status", json={"event": "replaced"})
    assert answer.json()["status"] == "N"
    answer = await house.admin.post(f"/admin/smki/certificates/{serial}/status", json={"event": "reused"})
    assert answer.json()["code"] == "BAD_STATUS"
    house.runtime.clock.advance(timedelta(days=3653))
    assert await status() == "E"
    await eventually(lambda: any(f.serial == serial and f.status == "E" for f in house.certificates().values()))


async def test_an_acceptance_window_keeps_a_certificate_pending(open_house: Open, eventually: Eventually) -> None:
    house = await open_house(acceptance_window="PT1H", approve_requests=True)
    await house.dcc_services()
    await house.party("SUPPLIER1", {SUPPLIER: ["IS"]})

    async def released() -> bool:
        """The windows of the DCC's own certificates are over, too."""
        house.runtime.clock.advance(timedelta(minutes=61))
        return not house.service.unready()

    await eventually(released)
    serials: list[str] = []

    async def is_issued() -> bool:
        answer = await house.submit(organisation_pem(72))
        if answer.status_code == 202:
            serials.append(answer.json()["serial"])
        return bool(serials)

    await eventually(is_issued)
    shown = (await house.admin.get(f"/admin/smki/certificates/{serials[0]}")).json()
    assert shown["status"] == "P"
    house.runtime.clock.advance(timedelta(hours=1, seconds=1))

    async def in_use() -> bool:
        return (await house.admin.get(f"/admin/smki/certificates/{serials[0]}")).json()["status"] == "I"

    await eventually(in_use)
