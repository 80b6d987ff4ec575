"""Registration authority, organisation CSRs, lifecycle and revocation (smki.md sections 3, 5, 6 and 7)."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from prometheus_client import REGISTRY

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import TEST_POLICY, TrustStore, Usage, check_path, csr, keystore, parse, parse_pem

from ..conftest import device_csr

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from ..conftest import Eventually, House, Open

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
SUPPLIER, OTHER, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-02-00-00"


def pem(number: int, eui: str = SUPPLIER, role: int = 2, usage: Usage = Usage.DIGITAL_SIGNATURE) -> bytes:
    key = ec.derive_private_key(number, ec.SECP256R1())
    der = csr.build_organisation_csr(key, Eui64.parse(eui), role, usage)
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)


async def submit(house: House, body: bytes, party: str = "SUPPLIER1", **query: str) -> httpx.Response:
    return await house.client.post("/portal/organisation-requests", params={"apikey": party, **query}, content=body)


async def issued(house: House, body: bytes, party: str = "SUPPLIER1") -> str:
    number = (await submit(house, body, party)).json()["id"]
    answer = await house.admin.post(f"/admin/smki/requests/{number}", json={"approve": True})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["serial"])


@pytest.mark.checklist("B5")
async def test_a_request_is_approved_and_its_certificate_downloaded(house: House, eventually: Eventually) -> None:
    submitted = await submit(house, pem(11))
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
    first = (await submit(house, pem(12))).json()["id"]
    rejected = await house.admin.post(f"/admin/smki/requests/{first}", json={"approve": False, "reason": "name"})
    again = await house.admin.post(f"/admin/smki/requests/{first}", json={"approve": True})

    assert (rejected.json()["status"], rejected.json()["reason"]) == ("rejected", "name")
    assert again.json()["code"] == "BAD_STATUS"
    assert await issued(house, pem(12))


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
    answer = await submit(house, pem(13, eui, role), party)

    assert (answer.status_code, answer.json()["code"]) == (422, rule)
    assert answer.json()["source"]


@pytest.mark.checklist("B3")
async def test_the_dcc_may_have_its_own_roles(house: House) -> None:
    answer = await submit(house, pem(14, "90-B3-D5-1F-30-00-00-02", 4), "DCC")

    assert answer.status_code == 202


async def test_one_key_serves_one_purpose(house: House) -> None:
    await issued(house, pem(15))
    number = (await submit(house, pem(15, usage=Usage.KEY_AGREEMENT))).json()["id"]

    answer = await house.admin.post(f"/admin/smki/requests/{number}", json={"approve": True})

    assert answer.json()["code"] == "DUPLICATE_KEY"
    assert await issued(house, pem(15))  # renewal of the same purpose


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
    answer = await submit(house, body)

    assert answer.status_code == 422
    assert answer.json()["code"] in {"CSR_UNREADABLE", "CSR_TOO_LONG"}


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
    none = await submit(house, pem(21), key)
    orphan = {"id": "a1", "party": "SUPPLIER1", "name": "A", "duty": "ARO", "nominated_by": "s1"}
    early = await house.admin.post("/admin/smki/officers", json=orphan)
    await house.admin.post(
        "/admin/smki/officers",
        json={"id": "s1", "party": "SUPPLIER1", "name": "S", "duty": "SRO", "organisation": False},
    )
    await house.admin.post("/admin/smki/officers", json={**orphan, "users": [SUPPLIER]})
    good = await submit(house, pem(21), key, officer="a1")
    foreign = await submit(house, pem(22, OTHER), key, officer="a1")
    senior = await submit(house, pem(21), key, officer="s1")
    await house.admin.delete("/admin/smki/officers/a1")
    dismissed = await submit(house, pem(21), key, officer="a1")

    assert unknown.json()["code"] == "UNKNOWN_PARTY"
    assert none.json()["code"] == early.json()["code"] == "NOT_OFFICER"
    assert (good.status_code, good.json()["officer"]) == (202, "a1")
    assert foreign.json()["code"] == senior.json()["code"] == dismissed.json()["code"] == "NOT_OFFICER"
    assert (await submit(house, pem(21), "SUPPLIER1")).status_code == 401  # the Party ID is no key here


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

    stranger = await submit(house, pem(31), keys["SUPPLIER1"], test="true")
    device = base64.b64encode(device_csr(32, DEVICE))
    answers = [
        await house.client.post("/portal/device-requests", params={"apikey": key, "test": "true"}, content=device)
        for key in (keys["SUPPLIER1"], tester)
    ]
    assert stranger.json()["code"] == answers[0].json()["code"] == "NOT_TEST_PARTICIPANT"
    for_device = parse_pem(answers[1].json()["certificate"])
    assert (for_device.policies, for_device.issuer[:4]) == ((TEST_POLICY,), "CN=T")

    live = await submit(house, pem(31), tester)
    test = await submit(house, pem(31), tester, test="true")

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

    answer = await submit(house, pem(41, OTHER), row["api_key"])

    assert row["route"] == "light"
    assert answer.json()["status"] == "issued"


async def test_revocation_reaches_search_crl_and_bus_at_once(house: House, eventually: Eventually) -> None:
    serial = await issued(house, pem(51))
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
    serial = await issued(house, pem(52))

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
    number = (await submit(house, pem(53))).json()["id"]
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
    serial = await issued(house, pem(54))

    answer = await house.admin.post(
        f"/admin/smki/certificates/{old['serial']}/revoke", json={"grounds": "ca-compromised"}
    )

    assert answer.json()["status"] == "R"
    arl = x509.load_der_x509_crl((await house.client.get("/repository/arl/oca.arl")).content)
    assert arl.get_revoked_certificate_by_serial_number(int(old["serial"], 16)) is not None
    assert (await house.admin.get(f"/admin/smki/certificates/{serial}")).json()["issuer"] == added.json()["subject"]


async def test_statuses_walk_the_lifecycle_and_expire_on_the_clock(house: House, eventually: Eventually) -> None:
    serial = await issued(house, pem(71))

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

    async def get() -> httpx.Response:
        return await submit(house, pem(72))

    house.runtime.clock.advance(timedelta(seconds=1))
    from dccemu_protocol.pki import parse_serial

    async def released() -> bool:
        house.runtime.clock.advance(timedelta(minutes=61))
        return not house.service.unready()

    await eventually(released)
    serials: list[str] = []

    async def is_issued() -> bool:
        answer = await get()
        if answer.status_code == 202:
            serials.append(answer.json()["serial"])
        return bool(serials)

    await eventually(is_issued)
    assert parse_serial(serials[0])
    shown = (await house.admin.get(f"/admin/smki/certificates/{serials[0]}")).json()
    assert shown["status"] == "P"
    house.runtime.clock.advance(timedelta(hours=1, seconds=1))

    async def in_use() -> bool:
        return (await house.admin.get(f"/admin/smki/certificates/{serials[0]}")).json()["status"] == "I"

    await eventually(in_use)


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
    await submit(house, pem(81, SUPPLIER, 4))
    await submit(house, pem(81))

    entries = (await house.admin.get("/admin/smki/audit", params={"party": "SUPPLIER1"})).json()

    assert [(e["action"], e["outcome"]) for e in entries] == [
        ("organisation-csr", "submitted"),
        ("organisation-csr", "refused"),
    ]
    assert entries[1]["detail"]["rule"] == "NOT_ELIGIBLE"


async def test_whatever_a_subscriber_asks_for_is_audited_granted_or_refused(house: House) -> None:
    key, device = {"apikey": "SUPPLIER1"}, base64.b64encode(device_csr(84, DEVICE))
    number = (await submit(house, pem(83))).json()["id"]
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
