"""The Device CSR web services, ad hoc and batch, with every status and code (smki.md sections 5.3 to 5.5)."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, csr, parse

if TYPE_CHECKING:
    import httpx

    from ..conftest import Eventually, House

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
SUPPLIER, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-02-00-00"
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)


def request(number: int, device: str = DEVICE, usage: Usage = Usage.DIGITAL_SIGNATURE) -> str:
    key = ec.derive_private_key(number, ec.SECP256R1())
    return base64.b64encode(csr.build_device_csr(key, Eui64.parse(device), usage)).decode()


def ad_hoc(text: str, message_id: str = "m1") -> bytes:
    return (
        f'<DeviceCertificateSigningRequest ID="{message_id}"><Version>1.0</Version>'
        f"<CertificateSigningRequest>{text}</CertificateSigningRequest></DeviceCertificateSigningRequest>"
    ).encode()


async def send(house: House, body: bytes, party: str = "SUPPLIER1") -> etree._Element:
    house.runtime.clock.advance(timedelta(seconds=5))
    answer = await house.client.post("/services/1.0/DeviceCSR", params={"apikey": party}, content=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/xml;charset=UTF-8"
    root = etree.fromstring(answer.content)
    assert root.tag == "DeviceCertificateSigningResponse"
    assert int(root.findtext("TransactionId") or "0") > 0
    code = root.findtext("Error/ErrorCode")
    assert code is None or (re.fullmatch(r"[A-Z]{2}:[A-Za-z0-9]+", code) and len(code) <= 10)
    return root


async def first_certificate(house: House, number: int = 1) -> None:
    answer = await house.client.post(
        "/portal/device-requests", params={"apikey": "SUPPLIER1"}, content=request(number).encode()
    )
    assert answer.status_code == 201, answer.text


async def test_a_replacement_is_issued_at_once(house: House) -> None:
    await first_certificate(house)

    root = await send(house, ad_hoc(request(2)))

    assert [child.tag for child in root] == ["Version", "Build", "TransactionId", "Status", "Certificate"]
    assert (root.get("ID"), root.findtext("Status")) == ("m1", "SUCCESS")
    certificate = parse(base64.b64decode(root.findtext("Certificate") or ""))
    assert (str(certificate.eui), certificate.usage, certificate.subject) == (DEVICE, Usage.DIGITAL_SIGNATURE, "")


async def test_a_device_without_an_earlier_certificate_is_unknown(house: House) -> None:
    root = await send(house, ad_hoc(request(3)))

    assert (root.findtext("Status"), root.findtext("Error/ErrorCode")) == ("UNKNOWN_DEVICE", "UD:AA1")


async def test_a_duplicate_request_is_not_permitted(house: House) -> None:
    await first_certificate(house)

    same = await send(house, ad_hoc(request(1)))
    other_usage = await send(house, ad_hoc(request(1, usage=Usage.KEY_AGREEMENT)))

    assert same.findtext("Status") == other_usage.findtext("Status") == "CSR_ERROR"
    assert "duplicate" in (same.findtext("Error/ErrorText") or "")


async def test_the_hundred_and_first_certificate_is_an_anomaly_until_the_limit_is_raised(house: House) -> None:
    await first_certificate(house, 1)
    await house.admin.put(f"/admin/smki/device-limits/{DEVICE}", json={"allowed": 3})
    assert (await send(house, ad_hoc(request(2)))).findtext("Status") == "SUCCESS"
    assert (await send(house, ad_hoc(request(3)))).findtext("Status") == "SUCCESS"

    refused = await send(house, ad_hoc(request(4)))
    await house.admin.put(f"/admin/smki/device-limits/{DEVICE}", json={"allowed": 4})
    granted = await send(house, ad_hoc(request(4)))

    assert (refused.findtext("Status"), refused.findtext("Error/ErrorCode")) == ("ISSUANCE_ANOMALY", "CA:AA1")
    assert granted.findtext("Status") == "SUCCESS"


async def test_only_suppliers_and_the_dcc_may_use_the_ad_hoc_service(house: House) -> None:
    await first_certificate(house)

    root = await send(house, ad_hoc(request(7)), party="NETWORK1")

    assert (root.findtext("Status"), root.findtext("Error/ErrorCode")) == ("ISSUANCE_ANOMALY", "CA:AB1")


@pytest.mark.checklist("B4")
async def test_a_commissioned_meter_is_for_its_responsible_supplier_only(house: House, eventually: Eventually) -> None:
    await first_certificate(house)
    await house.registered("1312345678111", "electricity", "IS", SUPPLIER)
    await house.device(DEVICE, "ESME", "Commissioned", "1312345678111")

    async def refused() -> bool:
        root = await send(house, ad_hoc(request(20)), party="SUPPLIER2")
        return "Responsible Supplier" in (root.findtext("Error/ErrorText") or "")

    await house.admin.put(f"/admin/smki/device-limits/{DEVICE}", json={"allowed": 1})
    await eventually(refused)
    await house.admin.put(f"/admin/smki/device-limits/{DEVICE}", json={"allowed": 100})
    assert (await send(house, ad_hoc(request(21)), party="SUPPLIER1")).findtext("Status") == "SUCCESS"


async def test_csrs_come_at_the_pace_of_the_code_of_connection(house: House) -> None:
    await first_certificate(house)
    assert (await send(house, ad_hoc(request(2)))).findtext("Status") == "SUCCESS"

    answer = await house.client.post(
        "/services/1.0/DeviceCSR", params={"apikey": "SUPPLIER1"}, content=ad_hoc(request(3))
    )
    too_fast = etree.fromstring(answer.content)
    house.runtime.clock.advance(timedelta(seconds=0.8))
    answer = await house.client.post(
        "/services/1.0/DeviceCSR", params={"apikey": "SUPPLIER1"}, content=ad_hoc(request(3))
    )

    assert (too_fast.findtext("Status"), too_fast.findtext("Error/ErrorCode")) == ("CA_ERROR", "CA:AA8")
    assert etree.fromstring(answer.content).findtext("Status") == "SUCCESS"


async def test_a_system_that_is_nobodys_is_not_served(house: House) -> None:
    for params in ({}, {"apikey": "NOBODY"}):
        answer = await house.client.post("/services/1.0/DeviceCSR", params=params, content=ad_hoc(request(3)))
        assert answer.status_code == 401


def organisation() -> str:
    key = ec.derive_private_key(9, ec.SECP256R1())
    return base64.b64encode(csr.build_organisation_csr(key, Eui64.parse(SUPPLIER), 2, Usage.DIGITAL_SIGNATURE)).decode()


BAD_MESSAGES = (
    b"",
    b"\xff\xfe<",
    b"<a/>",
    b"<DeviceCertificateSigningRequest/>",
    b'<DeviceCertificateSigningRequest ID="'
    + b"x" * 33
    + b'"><Version>1.0</Version></DeviceCertificateSigningRequest>',
    ad_hoc("AAAA").replace(b"1.0", b"2.0"),
    ad_hoc("AAAA").replace(b"</Version>", b"</Version><Version>1.0</Version>"),
    b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + ad_hoc("&b;"),
    b"<?xml-stylesheet href='x'?>" + ad_hoc("AAAA"),
    b"<DeviceCertificateSigningRequest>" * 500,
    ad_hoc("\xe9").replace("é".encode(), b"\xe9"),
    b"<a " + b" ".join(b'a%d="1"' % n for n in range(5000)) + b"/>",
)


async def test_a_bad_message_is_a_format_error(house: House) -> None:
    for body in BAD_MESSAGES:
        root = await send(house, body)

        assert (root.findtext("Status"), root.findtext("Error/ErrorCode")) == ("FORMAT_ERROR", "FM:AA1"), body[:80]
        # Echoed where it could be read, absent where not.
        assert root.get("ID") == ("m1" if b"1.0</Version><Version>" in body or b"2.0" in body else None), body[:80]


def batch(items: dict[str, str], message_id: str = "b1") -> bytes:
    inner = "".join(f'<DeviceCSR ID="{name}">{text}</DeviceCSR>' for name, text in items.items())
    return f'<SubmitCSRBatch ID="{message_id}"><Version>1.0</Version>{inner}</SubmitCSRBatch>'.encode()


async def submit(house: House, body: bytes, party: str = "SUPPLIER1") -> etree._Element:
    answer = await house.client.post(
        "/services/1.0/PortalCSRBatch/SubmitCSRBatch", params={"apikey": party}, content=body
    )
    assert answer.status_code == 200
    return etree.fromstring(answer.content)


async def result(house: House, number: str, party: str = "SUPPLIER1") -> etree._Element:
    answer: httpx.Response = await house.client.get(
        "/services/1.0/PortalCSRBatch/CSRBatchResult", params={"apikey": party, "BatchId": number}
    )
    assert answer.status_code == 200
    return etree.fromstring(answer.content)


async def completed(house: House, number: str, eventually: Eventually) -> etree._Element:
    async def is_completed() -> bool:
        rows = (await house.admin.get("/admin/smki/batches")).json()
        return any(row["batch"] == int(number) and row["status"] == "COMPLETED" for row in rows)

    await eventually(is_completed)
    return await result(house, number)


async def test_a_batch_is_paused_by_day_and_completed_at_night(house: House, eventually: Eventually) -> None:
    items = {
        "good": request(31),
        "again": request(31),
        "second": request(32, usage=Usage.KEY_AGREEMENT),
        "broken": "AAAA",
        "organisation": organisation(),
    }
    submitted = await submit(house, batch(items))
    number = submitted.findtext("BatchId") or ""
    assert (submitted.get("ID"), submitted.findtext("BatchStatus")) == ("b1", "PENDING")

    async def is_paused() -> bool:
        rows = (await house.admin.get("/admin/smki/batches")).json()
        return rows[0]["status"] == "PAUSED"

    await eventually(is_paused)
    by_day = await result(house, number)
    house.runtime.clock.set(NIGHT)
    by_night = await completed(house, number, eventually)

    assert (by_day.findtext("BatchStatus"), by_day.find("DeviceCertificate")) == ("PAUSED", None)
    outcomes = {
        item.get("ID"): (item.findtext("Status"), item.findtext("Error/ErrorCode"))
        for item in by_night.findall("DeviceCertificate")
    }
    assert outcomes == {
        "good": ("SUCCESS", None),
        "again": ("CSR_ERROR", "CR:AA9"),
        "second": ("SUCCESS", None),
        "broken": ("CSR_ERROR", "CR:AA1"),
        "organisation": ("CSR_ERROR", "CR:AA6"),
    }
    good = parse(base64.b64decode(by_night.findtext("DeviceCertificate[@ID='good']/Certificate") or ""))
    assert str(good.eui) == DEVICE
    await eventually(lambda: any(f.serial == good.serial_hex for f in house.certificates().values()))


async def test_ineligible_and_anomalous_items_of_a_batch(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    await house.registered("1312345678111", "electricity", "IS", SUPPLIER)
    await house.device(DEVICE, "ESME", "Commissioned", "1312345678111")
    await house.device("00-DB-12-34-56-78-90-C1", "CHF", "Pending")
    await house.device("00-DB-12-34-56-78-90-D1", "IHD", "Pending")
    await house.admin.put("/admin/smki/device-limits/00-DB-12-34-56-78-90-B2", json={"allowed": 1})
    items = {
        "commissioned": request(41),
        "hub": request(42, "00-DB-12-34-56-78-90-C1"),
        "type2": request(43, "00-DB-12-34-56-78-90-D1"),
        "first": request(44, "00-DB-12-34-56-78-90-B2"),
        "second": request(45, "00-DB-12-34-56-78-90-B2"),
    }

    known = (DEVICE, "00-DB-12-34-56-78-90-C1", "00-DB-12-34-56-78-90-D1")
    await eventually(lambda: all(house.smki.parties.device(Eui64.parse(device)) for device in known))
    number = (await submit(house, batch(items), party="SUPPLIER2")).findtext("BatchId") or ""

    async def is_completed() -> bool:
        rows = (await house.admin.get("/admin/smki/batches")).json()
        return rows[0]["status"] == "COMPLETED"

    await eventually(is_completed)
    done = await result(house, number, party="SUPPLIER2")
    outcomes = {i.get("ID"): i.findtext("Status") for i in done.findall("DeviceCertificate")}
    assert outcomes == {
        "commissioned": "INELIGIBLE",
        "hub": "INELIGIBLE",
        "type2": "INELIGIBLE",
        "first": "SUCCESS",
        "second": "ISSUANCE_ANOMALY",
    }


async def test_keys_are_certified_once_whichever_service_took_them(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    await first_certificate(house, 61)
    whole = await submit(house, batch({"new": request(62), "other": request(63, usage=Usage.KEY_AGREEMENT)}))
    await completed(house, whole.findtext("BatchId") or "", eventually)
    mixed = await submit(house, batch({"ad-hoc": request(61), "batch": request(62), "fresh": request(64)}, "b2"))
    by_night = await completed(house, mixed.findtext("BatchId") or "", eventually)

    ad_hoc_again = await send(house, ad_hoc(request(63)))

    outcomes = {i.get("ID"): i.findtext("Error/ErrorCode") for i in by_night.findall("DeviceCertificate")}
    assert outcomes == {"ad-hoc": "CR:AA9", "batch": "CR:AA9", "fresh": None}
    assert ad_hoc_again.findtext("Status") == "CSR_ERROR"


async def test_a_refused_item_takes_no_key_and_counts_for_nothing(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    barred = "00-DB-12-34-56-78-90-D1"
    await house.device(barred, "IHD", "Pending")
    await eventually(lambda: house.smki.parties.device(Eui64.parse(barred)))
    items = {"before": request(72), "barred": request(73, barred), "after": request(74)}
    number = (await submit(house, batch(items))).findtext("BatchId") or ""
    done = await completed(house, number, eventually)

    again = (await submit(house, batch({"same-key": request(73)}, "b2"))).findtext("BatchId") or ""
    granted = await completed(house, again, eventually)

    outcomes = {i.get("ID"): i.findtext("Status") for i in done.findall("DeviceCertificate")}
    assert outcomes == {"before": "SUCCESS", "barred": "INELIGIBLE", "after": "SUCCESS"}
    assert granted.findtext("DeviceCertificate/Status") == "SUCCESS"
    pool = house.smki.database.pool
    assert await pool.fetch("SELECT eui, issued FROM device_counts") == [(Eui64.parse(DEVICE).octets, 3)]


async def test_a_batch_is_fetched_by_its_own_subscriber_for_thirty_days(house: House, eventually: Eventually) -> None:
    house.runtime.clock.set(NIGHT)
    number = (await submit(house, batch({"a": request(51)}))).findtext("BatchId") or ""
    await completed(house, number, eventually)

    foreign = await result(house, number, party="SUPPLIER2")
    unknown = await result(house, "999999")
    nonsense = await result(house, "x")
    house.runtime.clock.advance(timedelta(days=30))
    last = await result(house, number)
    house.runtime.clock.advance(timedelta(seconds=1))
    gone = await result(house, number)
    file = await house.client.get(f"/portal/batches/{number}/report", params={"apikey": "SUPPLIER1"})

    for root in (foreign, unknown, nonsense):
        assert (root.findtext("BatchStatus"), root.findtext("Error/ErrorCode")) == ("FORMAT_ERROR", "FM:AA3")
    assert last.findtext("DeviceCertificate/Status") == "SUCCESS"
    assert gone.findtext("Error/ErrorCode") == "FM:AA4"
    assert (file.status_code, file.json()["code"]) == (410, "RESULTS_GONE")


async def test_more_than_was_announced_is_noted_and_served(house: House) -> None:
    now, pool = house.runtime.clock.now(), house.smki.database.pool
    await pool.execute(
        "INSERT INTO audit (at, action, party, outcome, detail) "
        "SELECT $1, 'device-csr', 'SUPPLIER1', 'issued', '{}' FROM generate_series(1, 150)",
        now,
    )
    await pool.execute(
        "INSERT INTO batches (party, source, name, status, content_digest, size, submitted_at) "
        "VALUES ('SUPPLIER1', 'service', 'b', 'REJECTED', '', 50000, $1)",
        now,
    )

    await first_certificate(house)
    assert (await submit(house, batch({"a": request(91)}))).findtext("BatchStatus") == "PENDING"

    entries = (await house.admin.get("/admin/smki/audit", params={"action": "forecast"})).json()
    assert [one["detail"] for one in entries] == [{"batch_csrs": 50001}, {"portal_csrs": 151}]


async def test_a_batch_in_progress_is_polled_hourly(house: House) -> None:
    number = (await submit(house, batch({"a": request(52)}))).findtext("BatchId") or ""

    first = await result(house, number)
    second = await result(house, number)
    house.runtime.clock.advance(timedelta(hours=1))
    third = await result(house, number)

    assert first.findtext("BatchId") == third.findtext("BatchId") == number
    assert second.findtext("Error/ErrorCode") == "FM:AA5"


BAD_BATCHES = (
    (b"<SubmitCSRBatch", "FM:AA1"),
    (b'<SubmitCSRBatch ID="b"><Version>1.0</Version></SubmitCSRBatch>', "FM:AA1"),
    (batch({"1": "AAAA"}), "FM:AA1"),
    (batch({"a" * 101: "AAAA"}), "FM:AA1"),
    (
        batch({"a": "AAAA"}).replace(b"</SubmitCSRBatch>", b'<DeviceCSR ID="a">A</DeviceCSR></SubmitCSRBatch>'),
        "FM:AA1",
    ),
    (batch({"a": "AAAA"}, "b" * 257), "FM:AA1"),
    (batch({"a": ""}), "FM:AA1"),
    (batch({f"a{n}": "A" for n in range(50_001)}), "FM:AA2"),
)


async def test_a_bad_batch_is_refused_whole(house: House) -> None:
    for body, code in BAD_BATCHES:
        root = await submit(house, body)

        found = (root.findtext("BatchStatus"), root.findtext("Error/ErrorCode"))
        assert found == ("FORMAT_ERROR", code), body[:80]
    assert (await house.admin.get("/admin/smki/batches")).json() == []
