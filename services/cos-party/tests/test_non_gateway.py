"""The Non-Gateway Interface: identity check, credentials, requests within 24 hours, thresholds, later User Entry."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from dccemu_contracts.inventory import PartyFact, UserFact
from dccemu_cos_party.domain.ngi import canonical
from dccemu_protocol.gbcs.envelope import decode

ESME, GSME, GPF, HCALCS = (f"00-DB-12-34-56-78-90-A{n}" for n in (0, 1, 3, 5))
SECOND_HCALCS = "00-DB-12-34-56-78-90-99"
USER = "90-B3-D5-1F-30-04-00-00"
MPAN, MPRN = "1312345678111", "1000999888"
CHECK = {"verified_by": "DCC registration authority", "documents": ["certificate of incorporation", "passport"]}

pytestmark = pytest.mark.asyncio


def party(version: int, status: str, gateway_user: bool = False) -> PartyFact:
    user = UserFact(user=USER, roles={"IS": status, "GS": status}, is_gateway_user=gateway_user)
    return PartyFact.model_validate(
        {
            "id": f"party-{version}",
            "at": "2026-01-01T00:00:00Z",
            "version": version,
            "party": "SMALLSUPPLIER",
            "name": "Small Supplier",
            "users": [user],
        }
    )


class Small:
    """A Non-Gateway Supplier with its certificates and credentials."""

    def __init__(self, cos_party: Any, token: str) -> None:
        self.cos_party = cos_party
        self.supplier = cos_party.small
        self.headers = {"Authorization": f"Bearer {token}"}

    def document(self, mpxn: str = MPAN, **changes: Any) -> str:
        certificates = self.supplier.certificates
        request = {
            "user": USER,
            "mpxn": mpxn,
            "certificates": {name: base64.b64encode(one.der).decode() for name, one in certificates.items()},
            "path": [base64.b64encode(self.cos_party.smki.issuing.der).decode()],
            "floor": 0,
            "top_up_floor": 0,
            "contact": "operations@example.org",
        }
        request |= changes
        signer = certificates["DigitalSigningCertificate"]
        r, s = decode_dss_signature(self.cos_party.smki.keys[signer.point].sign(canonical(request), ec.ECDSA(SHA256())))
        signature = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
        signed = {"request": request, "signature": signature, "issuer": signer.issuer, "serial": signer.serial_hex}
        return json.dumps(signed)

    async def send(self, document: str) -> Any:
        return await self.cos_party.ngi.post("/ngi/requests", content=document, headers=self.headers)

    async def state(self, identifier: str) -> Any:
        return (await self.cos_party.ngi.get(f"/ngi/requests/{identifier}", headers=self.headers)).json()


@pytest_asyncio.fixture
async def small(cos_party: Any) -> Small:
    """Enrolled, and registered for electricity and gas of the home since this morning."""
    before = len(cos_party.smki.facts)
    cos_party.small = type(cos_party.supplier)(cos_party.smki, USER)
    await cos_party.tell(party(1, "Testing"), *cos_party.smki.facts[before:])
    today = cos_party.runtime.clock.now().date().isoformat()
    await cos_party.register(MPAN, 2, {"role": "IS", "user": USER, "effective_from": today})
    await cos_party.register(MPRN, 2, {"role": "GS", "user": USER, "effective_from": today}, fuel="gas")
    enrolled = await cos_party.http.post("/admin/cos-party/suppliers", json={"user": USER, "identity_check": CHECK})
    assert enrolled.status_code == 201, enrolled.text
    return Small(cos_party, enrolled.json()["token"])


@pytest.mark.checklist("K2")
async def test_enrolment_needs_an_identity_check(cos_party: Any, small: Small) -> None:
    refused = await cos_party.http.post("/admin/cos-party/suppliers", json={"user": USER})
    assert refused.json()["code"] == "NGI_IDENTITY_CHECK"
    stranger = {"user": "00-00-00-00-00-00-00-01", "identity_check": CHECK}
    assert (await cos_party.http.post("/admin/cos-party/suppliers", json=stranger)).json()["code"] == "UNKNOWN_USER"
    record = (await cos_party.http.get("/admin/cos-party/suppliers")).json()
    assert record["suppliers"][0]["identity_check"] == CHECK


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic dXNlcg=="}])
@pytest.mark.checklist("K1")
async def test_the_interface_takes_its_own_credentials_only(cos_party: Any, small: Small, header: Any) -> None:
    answer = await cos_party.ngi.post("/ngi/requests", content=small.document(), headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "NGI_CREDENTIALS")


async def test_all_devices_of_the_fuel_get_a_command(cos_party: Any, small: Small) -> None:
    answer = await small.send(small.document())
    assert (answer.status_code, answer.json()["late"]) == (202, False)
    await cos_party.eventually(lambda: len(cos_party.decisions) == 3)
    assert {decision.device for decision in cos_party.decisions} == {ESME, HCALCS, SECOND_HCALCS}
    assert {(decision.outcome, decision.submitter) for decision in cos_party.decisions} == {("signed", "ngi")}
    for decision in cos_party.decisions:
        command = decode(bytes.fromhex(decision.payload))
        top_up = small.supplier.certificates["KeyAgreementTopUpCertificate"].der
        assert (top_up in command.payload) is (decision.device == ESME)
    state = await small.state(answer.json()["id"])
    assert {part["state"] for part in state["devices"]} == {"Sent"}


async def test_gas_includes_the_gas_proxy_function_and_success_shows(cos_party: Any, small: Small) -> None:
    answer = (await small.send(small.document(MPRN))).json()
    await cos_party.eventually(lambda: len(cos_party.decisions) == 2)
    assert {decision.device for decision in cos_party.decisions} == {GSME, GPF}
    known = cos_party.facts.records.device(GSME)
    cells = [cell.model_copy(update={"eui": USER}) if cell.role == 2 else cell for cell in known.cells]
    await cos_party.tell(known.model_copy(update={"version": 9, "cells": tuple(cells)}))
    state = await small.state(answer["id"])
    assert {part["device"]: part["state"] for part in state["devices"]} == {GSME: "Succeeded", GPF: "Sent"}


@pytest.mark.checklist("K3")
async def test_a_late_request_is_processed_and_reported(cos_party: Any, small: Small) -> None:
    cos_party.runtime.clock.advance(timedelta(hours=24))
    answer = (await small.send(small.document(devices=[ESME]))).json()
    assert answer["late"] is True
    await cos_party.eventually(lambda: [decision.outcome for decision in cos_party.decisions] == ["signed"])
    assert (await cos_party.http.get("/admin/cos-party/suppliers")).json()["late"] == [answer["id"]]


@pytest.mark.parametrize("kind", ["not registered", "tampered", "other signer", "other device", "not json"])
@pytest.mark.checklist("K4")
async def test_what_is_wrong_is_refused(cos_party: Any, small: Small, kind: str) -> None:
    document, code = small.document(), ""
    match kind:
        case "not registered":
            await cos_party.register(MPAN, 3, {"role": "IS", "user": "X", "effective_from": "2020-01-01"})
            code = "COS_NOT_REGISTERED"
        case "tampered":
            document, code = document.replace('"floor": 0', '"floor": 1'), "SIGNATURE_VALUE"
        case "other signer":
            value = json.loads(document)
            other = cos_party.supplier.certificates["DigitalSigningCertificate"]
            document = json.dumps({**value, "issuer": other.issuer, "serial": other.serial_hex})
            code = "CERTIFICATE_OWNER"
        case "other device":
            document, code = small.document(devices=[GSME]), "COS_MPXN"
        case "not json":
            document, code = "<request/>", "NGI_INVALID"
    answer = await small.send(document)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert cos_party.decisions == []


@pytest.mark.checklist("K4")
async def test_the_cos_party_makes_its_own_checks_as_for_any_other(cos_party: Any, small: Small) -> None:
    own = small.supplier.certificates
    foreign = {**own, "KeyAgreementCertificate": cos_party.supplier.certificates["KeyAgreementCertificate"]}
    encoded = {name: base64.b64encode(one.der).decode() for name, one in foreign.items()}
    assert (await small.send(small.document(certificates=encoded, devices=[ESME]))).status_code == 202
    await cos_party.eventually(lambda: len(cos_party.decisions) == 1)
    assert (cos_party.decisions[0].rule, cos_party.decisions[0].ecos_error_code) == ("COS_CERTIFICATE", "C03")


@pytest.mark.checklist("E6", "E7")
async def test_the_suppliers_own_anomalous_number_stops_excess(cos_party: Any, small: Small) -> None:
    body = {"month": date(2026, 3, 1).isoformat(), "expected": 2, "anomalous": 1}
    assert (await cos_party.ngi.put("/ngi/forecast", json=body, headers=small.headers)).status_code == 204
    answer = (await small.send(small.document())).json()
    await cos_party.eventually(lambda: len(cos_party.decisions) == 3)
    assert sorted(decision.outcome for decision in cos_party.decisions) == ["quarantined", "quarantined", "signed"]
    state = await small.state(answer["id"])
    assert sorted(part["state"] for part in state["devices"]) == ["Quarantined", "Quarantined", "Sent"]
    (forecast,) = (await cos_party.http.get("/admin/cos-party/suppliers")).json()["forecasts"]
    assert (forecast["expected"], forecast["received"], forecast["exceeded"]) == (2, 1, False)
    for _ in range(2):
        await small.send(small.document())
    (forecast,) = (await cos_party.http.get("/admin/cos-party/suppliers")).json()["forecasts"]
    assert (forecast["received"], forecast["exceeded"]) == (3, True)


@pytest.mark.checklist("K5")
async def test_once_a_user_it_keeps_its_certificates_and_leaves_the_interface(cos_party: Any, small: Small) -> None:
    await cos_party.tell(party(2, "Active", gateway_user=True))
    answer = await small.send(small.document())
    assert (answer.status_code, answer.json()["code"]) == (403, "NGI_IS_A_USER")
    decision = await cos_party.ask(small.supplier.document(1))
    assert decision.outcome == "signed"
