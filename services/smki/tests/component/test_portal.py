"""Portal batches and single Device CSRs (smki.md sections 5.2, 5.5 and 5.6)."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, csr, parse

if TYPE_CHECKING:
    from ..conftest import Eventually, House, Open

pytestmark = pytest.mark.asyncio
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)
KEY = {"apikey": "SUPPLIER1"}


def request(number: int, device: str = "00-DB-12-34-56-78-90-A4") -> bytes:
    key = ec.derive_private_key(number, ec.SECP256R1())
    return base64.b64encode(csr.build_device_csr(key, Eui64.parse(device), Usage.DIGITAL_SIGNATURE))


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


async def test_a_zip_comes_back_as_report_and_certificates(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    content = zipped({"meter1.csr": request(1), "meter2.csr": request(2), "bad.csr": b"\xe9"})

    submitted = await house.client.post("/portal/batches", params={**KEY, "name": "night.zip"}, content=content)
    number = submitted.json()["batch"]

    async def is_completed() -> bool:
        rows = (await house.admin.get("/admin/smki/batches")).json()
        return rows[0]["status"] == "COMPLETED"

    await eventually(is_completed)
    report = await house.client.get(f"/portal/batches/{number}/report", params=KEY)
    response = await house.client.get(f"/portal/batches/{number}/response", params=KEY)
    foreign = await house.client.get(f"/portal/batches/{number}/report", params={"apikey": "SUPPLIER2"})
    assert submitted.status_code == 202
    assert [line.rsplit(",", 2)[1:] for line in report.text.splitlines()[1:]] == [
        ["success", ""],
        ["success", ""],
        ["error", "CR:AA1"],
    ]
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.namelist() == ["meter1.crt", "meter2.crt"]
    assert parse(base64.b64decode(archive.read("meter1.crt"))).usage is Usage.DIGITAL_SIGNATURE
    assert 'filename="night-response.zip"' in response.headers["content-disposition"]
    assert foreign.status_code == 404


async def test_what_is_no_zip_of_csrs_is_refused_with_its_code(house: House) -> None:
    for content in (b"", b"PK", zipped({"a.txt": b"A"})):
        answer = await house.client.post("/portal/batches", params={**KEY, "name": "x"}, content=content)
        assert (answer.status_code, answer.json()["error_code"]) == (422, "FM:AA1")


async def test_the_registration_authority_decides_on_batches(open_house: Open, eventually: Eventually) -> None:
    house = await open_house(approve_batches=False)
    await house.dcc_services()
    await house.party("SUPPLIER1", {"90-B3-D5-1F-30-01-00-00": ["IS"]})
    await eventually(lambda: not house.service.unready())
    house.runtime.clock.set(NIGHT)
    numbers: list[int] = []

    async def submitted() -> bool:
        content = zipped({"a.csr": request(len(numbers) + 1)})
        answer = await house.client.post("/portal/batches", params={**KEY, "name": "x.zip"}, content=content)
        if answer.status_code == 202:
            numbers.append(answer.json()["batch"])
        return len(numbers) == 2

    await eventually(submitted)
    rejected = await house.admin.post(f"/admin/smki/batches/{numbers[0]}", json={"approve": False})
    approved = await house.admin.post(f"/admin/smki/batches/{numbers[1]}", json={"approve": True})
    again = await house.admin.post(f"/admin/smki/batches/{numbers[0]}", json={"approve": True})

    assert rejected.json()["status"] == "REJECTED"
    assert approved.json()["status"] in {"PARSING", "QUEUED", "PROCESSING", "COMPLETED"}
    assert again.json()["code"] == "BAD_STATUS"
    early = await house.client.get(f"/portal/batches/{numbers[0]}/report", params=KEY)
    assert early.status_code == 409

    async def is_completed() -> bool:
        rows = (await house.admin.get("/admin/smki/batches")).json()
        return {row["batch"]: row["status"] for row in rows}[numbers[1]] == "COMPLETED"

    await eventually(is_completed)


async def test_a_rejected_device_certificate_goes_out_of_use(house: House) -> None:
    made = await house.client.post("/portal/device-requests", params=KEY, content=request(5))
    serial = made.json()["serial"]

    foreign = await house.client.post(f"/portal/device-certificates/{serial}/reject", params={"apikey": "SUPPLIER2"})
    answer = await house.client.post(f"/portal/device-certificates/{serial}/reject", params=KEY)
    revoked = await house.admin.post(f"/admin/smki/certificates/{serial}/revoke")
    reused = await house.admin.post(f"/admin/smki/certificates/{serial}/status", json={"event": "reused"})

    assert foreign.json()["code"] == "NOT_ELIGIBLE"
    assert answer.json() == {"serial": serial, "status": "N"}
    assert revoked.json()["code"] == "NOT_REVOCABLE"
    assert reused.json()["status"] == "I"


async def test_a_device_that_holds_a_new_key_leaves_the_old_certificate_out_of_use(
    house: House, eventually: Eventually
) -> None:
    device = "00-DB-12-34-56-78-90-A5"
    for number in (11, 12, 12):
        key = ec.derive_private_key(number, ec.SECP256R1())
        await house.ask("sm-wan", csr.build_device_csr(key, Eui64.parse(device), Usage.KEY_AGREEMENT), "device")

    def statuses() -> list[str]:
        return sorted(fact.status for fact in house.certificates().values() if fact.eui == device)

    await eventually(lambda: statuses() == ["I", "N"])


async def test_services_ask_for_their_own_roles_only(house: House, eventually: Eventually) -> None:
    broker = Eui64.parse("90-B3-D5-1F-30-00-00-02")
    key = ec.derive_private_key(77, ec.SECP256R1())
    await house.ask("cos-party", csr.build_organisation_csr(key, broker, 4, Usage.DIGITAL_SIGNATURE))
    await house.ask("gateway", b"\x30\x00")

    async def refused() -> bool:
        entries = (await house.admin.get("/admin/smki/audit", params={"action": "certificate-request"})).json()
        rules = {entry["detail"].get("rule") for entry in entries if entry["outcome"] == "refused"}
        return rules == {"NOT_ELIGIBLE", "CSR_UNREADABLE"}

    await eventually(refused)
