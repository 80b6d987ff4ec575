"""Organisation CSRs by request and approval, and who is eligible (smki.md sections 3, 4 and 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dccemu_protocol.pki import Usage, parse_pem

from ..conftest import organisation_pem

if TYPE_CHECKING:
    from ..conftest import Eventually, House

pytestmark = pytest.mark.asyncio
SUPPLIER, OTHER, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-02-00-00"


@pytest.mark.checklist("B5")
async def test_a_request_is_approved_and_its_certificate_downloaded(house: House, eventually: Eventually) -> None:
    submitted = await house.submit(organisation_pem(11))
    number = submitted.json()["id"]
    early = await house.client.get(
        f"/portal/organisation-requests/{number}/certificate", params={"apikey": "SUPPLIER1"}
    )
    approved = await house.admin.post(f"/admin/smki/requests/{number}", json={"approve": True})
    got = await house.client.get(f"/portal/organisation-requests/{number}/certificate", params={"apikey": "SUPPLIER1"})
    foreign = await house.client.get(f"/portal/organisation-requests/{number}", params={"apikey": "SUPPLIER2"})

    assert (submitted.status_code, submitted.json()["status"], early.status_code) == (202, "submitted", 404)
    certificate = parse_pem(got.content)
    assert (str(certificate.eui), certificate.role, certificate.serial_hex) == (SUPPLIER, 2, approved.json()["serial"])
    assert foreign.status_code == 404
    await eventually(lambda: any(f.serial == certificate.serial_hex for f in house.certificates().values()))


async def test_a_rejected_request_may_come_again_with_the_same_key(house: House) -> None:
    first = (await house.submit(organisation_pem(12))).json()["id"]
    rejected = await house.admin.post(f"/admin/smki/requests/{first}", json={"approve": False, "reason": "name"})
    again = await house.admin.post(f"/admin/smki/requests/{first}", json={"approve": True})

    assert (rejected.json()["status"], rejected.json()["reason"]) == ("rejected", "name")
    assert again.json()["code"] == "BAD_STATUS"
    assert await house.issued(organisation_pem(12))


@pytest.mark.parametrize(
    ("party", "eui", "role", "rule"),
    [
        ("SUPPLIER1", SUPPLIER, 3, "NOT_ELIGIBLE"),  # a Supplier is no Network Operator
        ("NETWORK1", NETWORK, 2, "NOT_ELIGIBLE"),
        ("SUPPLIER1", SUPPLIER, 4, "NOT_ELIGIBLE"),  # roles of the DCC
        ("SUPPLIER1", SUPPLIER, 137, "NOT_ELIGIBLE"),
        ("SUPPLIER1", OTHER, 2, "NOT_ELIGIBLE"),  # the EUI-64 of another
        ("SUPPLIER1", SUPPLIER, 8, "NOT_ELIGIBLE"),
        ("SUPPLIER1", SUPPLIER, 99, "NOT_ELIGIBLE"),
    ],
)
@pytest.mark.checklist("B2", "B3")
async def test_who_is_not_an_eligible_subscriber_is_refused_with_the_reason(
    house: House, party: str, eui: str, role: int, rule: str
) -> None:
    answer = await house.submit(organisation_pem(13, eui, role), party)

    assert (answer.status_code, answer.json()["code"]) == (422, rule)
    assert answer.json()["source"]


@pytest.mark.checklist("B3")
async def test_the_dcc_may_have_its_own_roles(house: House) -> None:
    answer = await house.submit(organisation_pem(14, "90-B3-D5-1F-30-00-00-02", 4), "DCC")

    assert answer.status_code == 202


async def test_one_key_serves_one_purpose(house: House) -> None:
    await house.issued(organisation_pem(15))
    number = (await house.submit(organisation_pem(15, usage=Usage.KEY_AGREEMENT))).json()["id"]

    answer = await house.admin.post(f"/admin/smki/requests/{number}", json={"approve": True})

    assert answer.json()["code"] == "DUPLICATE_KEY"
    assert await house.issued(organisation_pem(15))  # renewal of the same purpose


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xe9\xe9\xe9",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\né\n-----END CERTIFICATE REQUEST-----".encode("latin-1"),
        b"A" * 10_000,
        b"\x00" * 100,
    ],
)
async def test_a_broken_request_is_refused_by_name(house: House, body: bytes) -> None:
    answer = await house.submit(body)

    assert answer.status_code == 422
    assert answer.json()["code"] in {"CSR_UNREADABLE", "CSR_TOO_LONG"}
