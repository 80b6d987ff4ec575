"""Search and retrieve, exactly as published clients use them (smki.md section 8.1)."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from lxml import etree

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from ..conftest import House, Open

pytestmark = pytest.mark.asyncio


async def post(house: House, service: str, body: str, **headers: str) -> httpx.Response:
    return await house.client.post(
        f"/services/{service}?apikey=anything",
        content=f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode(),
        headers={"content-type": "application/xml", **headers},
    )


async def search(house: House, name: str, eui: str) -> httpx.Response:
    body = f"<CertificateSearchRequest><{name}>{eui}</{name}></CertificateSearchRequest>"
    return await post(house, "certificatesearch", body)


async def retrieve(house: House, serial: str) -> httpx.Response:
    body = f"<CertificateDataRequest><CertificateSerial>{serial}</CertificateSerial></CertificateDataRequest>"
    return await post(house, "retrievecertificate", body)


async def test_an_organisation_is_found_by_its_name(house: House) -> None:
    answer = await search(house, "CertificateSubjectName", "90-B3-D5-1F-30-00-00-02")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    root = etree.fromstring(answer.content)
    assert [child.tag for child in root[:3]] == ["ResponseCode", "ResponseMessage", "AuditReference"]
    results = [{child.tag: child.text for child in result} for result in root.findall("Result")]
    assert [(r["CertificateRole"], r["CertificateUsage"]) for r in results] == [("4", "DS"), ("4", "KA"), ("137", "DS")]
    assert all(r["CertificateStatus"] == "I" and r["ManufacturingFlag"] == "false" for r in results)
    assert all(len(str(r["CertificateSerial"])) == 32 for r in results)


@pytest.mark.checklist("B6")
async def test_a_device_is_found_in_either_case_and_retrieved(house: House, eventually: object) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    from dccemu_protocol.identifiers import Eui64
    from dccemu_protocol.pki import Usage, csr, parse

    device = "00-DB-12-34-56-78-90-A4"
    request = csr.build_device_csr(ec.derive_private_key(5, ec.SECP256R1()), Eui64.parse(device), Usage.KEY_AGREEMENT)
    await house.ask("sm-wan", request, "device")
    await eventually(  # type: ignore[operator]
        lambda: any(fact.eui == device for fact in house.certificates().values())
    )

    upper = await search(house, "CertificateSubjectAltName", device)
    lower = await search(house, "CertificateSubjectAltName", device.lower())

    root = etree.fromstring(upper.content)
    serial = root.findtext("Result/CertificateSerial")
    assert root.find("Result/CertificateRole") is None
    assert etree.fromstring(lower.content).findtext("Result/CertificateSerial") == serial
    assert serial
    answer = etree.fromstring((await retrieve(house, f"{int(serial, 16):x}")).content)
    certificate = parse(base64.b64decode(answer.findtext("CertificateResponse/CertificateBody") or ""))
    assert (str(certificate.eui), certificate.serial_hex) == (device, serial)
    assert 418 <= len(certificate.der) <= 422


async def test_nothing_found_is_402(house: House) -> None:
    assert (await search(house, "CertificateSubjectAltName", "00-00-00-00-00-00-00-01")).status_code == 402
    assert (await search(house, "CertificateSubjectName", "00-00-00-00-00-00-00-01")).status_code == 402
    assert (await retrieve(house, "1")).status_code == 402
    assert (await retrieve(house, "f" * 40)).status_code == 402


HOSTILE_SEARCHES = (
    "",
    "<a/>",
    "<CertificateSearchRequest/>",
    "<CertificateSearchRequest><CertificateSubjectName/></CertificateSearchRequest>",
    "<CertificateSearchRequest><CertificateSubjectName>90-B3</CertificateSubjectName></CertificateSearchRequest>",
    "<CertificateSearchRequest><CertificateSubjectName>90-B3-D5-1F-30-00-00-02</CertificateSubjectName>"
    "<CertificateSubjectAltName>90-B3-D5-1F-30-00-00-02</CertificateSubjectAltName></CertificateSearchRequest>",
    "<CertificateSearchRequest><Other>1</Other></CertificateSearchRequest>",
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><CertificateSearchRequest>'
    "<CertificateSubjectName>&b;</CertificateSubjectName></CertificateSearchRequest>",
    "<CertificateSearchRequest>" + "<a>" * 400,
    "\x00",
)


async def test_search_parameters_that_are_not_valid_are_401(house: House) -> None:
    statuses = {body[:80]: (await post(house, "certificatesearch", body)).status_code for body in HOSTILE_SEARCHES}

    assert set(statuses.values()) == {401}, statuses


async def test_serials_that_are_not_hexadecimal_are_401(house: House) -> None:
    serials = ["", "xyz", "0x12", "f" * 41, "-1", "１２"]
    statuses = {serial: (await retrieve(house, serial)).status_code for serial in serials}

    assert set(statuses.values()) == {401}, statuses


@pytest.mark.checklist("B6")
async def test_optional_criteria_narrow_the_search(house: House) -> None:
    body = (
        "<CertificateSearchRequest><CertificateSubjectName>90-B3-D5-1F-30-00-00-02</CertificateSubjectName>"
        "<CertificateUsage>KA</CertificateUsage></CertificateSearchRequest>"
    )

    root = etree.fromstring((await post(house, "certificatesearch", body)).content)

    assert [r.findtext("CertificateUsage") for r in root.findall("Result")] == ["KA"]


async def test_a_configured_api_key_is_asked_for(open_house: Open) -> None:
    house = await open_house(api_key="secret")

    assert (await search(house, "CertificateSubjectName", "90-B3-D5-1F-30-00-00-01")).status_code == 401
    answer = await house.client.post(
        "/services/certificatesearch?apikey=secret",
        content=b"<CertificateSearchRequest><CertificateSubjectName>90-B3-D5-1F-30-00-00-01</CertificateSubjectName>"
        b"</CertificateSearchRequest>",
    )
    assert answer.status_code == 200


async def test_the_published_set_is_served_when_imported(open_house: Open, vectors: Path, eventually: object) -> None:
    house = await open_house(keystore=vectors / "keystore.json")

    short = await retrieve(house, "f4889ef197d41e9016966f9d5ab0402")
    suppliers = await search(house, "CertificateSubjectName", "90-b3-d5-1f-30-01-00-00")
    devices = await search(house, "CertificateSubjectAltName", "00-db-12-34-56-78-90-01")

    found = etree.fromstring(short.content)
    assert found.findtext("CertificateResponse/CertificateSerial") == "0F4889EF197D41E9016966F9D5AB0402"
    assert found.findtext("CertificateResponse/CertificateRole") == "137"
    serials = {r.findtext("CertificateSerial") for r in etree.fromstring(suppliers.content).findall("Result")}
    assert {"4FBC525201A1D7586C1BC1C4734DEB9F", "4A07BC01D9253B51FAF01F7EC7DA5B2F"} <= serials
    assert len(etree.fromstring(devices.content).findall("Result")) == 2
    await eventually(lambda: not house.service.unready())  # type: ignore[operator]

    def pinned() -> set[int | None]:
        facts = house.certificates().values()
        return {fact.role for fact in facts if fact.pinned and fact.kind == "organisation"}

    await eventually(lambda: {135, 137} <= pinned())  # type: ignore[operator]
    assert not any(fact.dated for fact in house.certificates().values() if fact.issuer == "CN=Z1,OU=07")


async def test_the_key_bundle_pairs_certificates_with_keys(open_house: Open, vectors: Path) -> None:
    house = await open_house(keystore=vectors / "keystore.json")

    head = await house.client.head("/assets/crypto/org-crypto.zip")
    got = await house.client.get("/assets/crypto/org-crypto.zip")

    assert got.headers["content-type"] == head.headers["content-type"] == "application/zip"
    assert int(head.headers["content-length"]) == len(got.content) > 0
    names = set(zipfile.ZipFile(io.BytesIO(got.content)).namelist())
    certificates = {name for name in names if name.endswith(".pem")}
    assert "org-crypto/cert/Z1-supplier-ds.pem" in certificates
    assert {name.replace("/cert/", "/key/").replace(".pem", ".key") for name in certificates} == names - certificates


async def test_full_and_delta_files_hold_every_certificate_with_an_index(house: House) -> None:
    full = zipfile.ZipFile(io.BytesIO((await house.client.get("/repository/full.zip")).content))
    today = house.runtime.clock.now().date().isoformat()
    delta = zipfile.ZipFile(io.BytesIO((await house.client.get(f"/repository/delta/{today}.zip")).content))
    nothing = zipfile.ZipFile(io.BytesIO((await house.client.get("/repository/delta/2020-01-01.zip")).content))

    rows = full.read("index.csv").decode().splitlines()
    assert rows[0].startswith("CertificateSerial,CertificateSubjectName,CertificateSubjectAltName")
    assert len(rows) == len(full.namelist())
    assert set(delta.namelist()) == set(full.namelist())
    assert nothing.namelist() == ["index.csv"]
    assert (await house.client.get("/repository/delta/yesterday.zip")).status_code == 400
    for name in ("certificate-policy", "registration-authority"):
        assert b"TEST ONLY" in (await house.client.get(f"/repository/policies/{name}.md")).content
    assert (await house.client.get("/repository/policies/..%2f__init__.py")).status_code == 404
