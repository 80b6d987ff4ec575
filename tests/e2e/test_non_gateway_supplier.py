"""A Supplier that is not a User puts its credentials on a home by the Non-Gateway Interface (checklist K1 to K5)."""

from __future__ import annotations

import base64
import json
import time

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, parse_pem
from dccemu_sdk.session import Dcc

ESME, HCALCS = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A5"
USER = "90-B3-D5-1F-30-04-00-00"
MPAN = "1312345678111"
LOSING = "90-B3-D5-1F-30-01-00-00"


def _signed(dcc: Dcc, mpxn: str) -> str:
    owner = Eui64.parse(USER)
    entries = {(entry.usage, entry.top_up): entry for entry in dcc.store if entry.eui == owner and entry.role == 2}
    names = {
        "DigitalSigningCertificate": (Usage.DIGITAL_SIGNATURE, False),
        "KeyAgreementCertificate": (Usage.KEY_AGREEMENT, False),
        "KeyAgreementTopUpCertificate": (Usage.KEY_AGREEMENT, True),
    }
    found = {name: entries[place].certificate for name, place in names.items()}
    signer, key = found["DigitalSigningCertificate"], entries[names["DigitalSigningCertificate"]].private_key
    assert signer is not None
    assert key is not None
    authorities = dcc.admin.call("GET", "/admin/smki/authorities")
    assert isinstance(authorities, list)
    issuers = [parse_pem(str(one["pem"]).encode()) for one in authorities if isinstance(one, dict)]
    issuer = next(one for one in issuers if one.ski == signer.aki)
    request = {
        "user": USER,
        "mpxn": mpxn,
        "certificates": {name: base64.b64encode(one.der).decode() for name, one in found.items() if one is not None},
        "path": [base64.b64encode(issuer.der).decode()],
        "floor": 0,
        "top_up_floor": 0,
    }
    octets = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(SHA256())))
    signature = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    return json.dumps(
        {"request": request, "signature": signature, "issuer": signer.issuer, "serial": signer.serial_hex}
    )


def _enrolled(dcc: Dcc) -> httpx.Client:
    """The interface of a Supplier that is registered for the home and not a User."""
    check = {"verified_by": "registration authority", "documents": ["passport"]}
    enrolled = dcc.admin.call("POST", "/admin/cos-party/suppliers", {"user": USER, "identity_check": check})
    assert isinstance(enrolled, dict)
    today = str(dcc.admin.clock()["now"])[:10]
    spans = [{"role": "IS", "user": USER, "effective_from": today}]
    dcc.admin.call("PUT", f"/admin/inventory/registrations/{MPAN}", {"spans": list[object](spans)})  # type: ignore[dict-item]
    headers = {"Authorization": f"Bearer {enrolled['token']}"}
    return httpx.Client(base_url=dcc.state.all["cos_party"], headers=headers, trust_env=False, timeout=10)


def _submitted(interface: httpx.Client, document: str) -> httpx.Response:
    """Sent until the registration of a moment ago is known: facts travel as events."""
    deadline = time.monotonic() + 20
    while (sent := interface.post("/ngi/requests", content=document)).status_code != 202:
        assert sent.json()["code"] == "COS_NOT_REGISTERED", sent.text
        assert time.monotonic() < deadline, sent.text
        time.sleep(0.05)
    return sent


def _ended(interface: httpx.Client, sent: httpx.Response) -> dict[str, tuple[str, str | None]]:
    """State and rule of each Device's part once none is under way."""
    deadline = time.monotonic() + 30
    while True:
        state = interface.get(f"/ngi/requests/{sent.json()['id']}").json()
        ended = {part["device"]: (part["state"], part["rule"]) for part in state["devices"]}
        if all(word in ("Succeeded", "Failed") for word, _ in ended.values()) or time.monotonic() > deadline:
            return ended
        time.sleep(0.05)


@pytest.mark.checklist("K1", "K2")
def test_its_credentials_reach_the_devices(own_suite: Dcc) -> None:
    losing = own_suite.user(LOSING)
    with _enrolled(own_suite) as interface:
        sent = _submitted(interface, _signed(own_suite, MPAN))
        reached = _ended(interface, sent)

    assert sent.json()["late"] is False
    assert reached == {ESME: ("Succeeded", None), HCALCS: ("Succeeded", None)}
    assert losing.receiver is not None
    losing.receiver.wait_for(lambda answer: answer.alert_code == "N27", timeout=20)


@pytest.mark.checklist("B7")
@pytest.mark.parametrize("own_suite", ["isolated, minted"], indirect=True)
def test_the_cos_party_refuses_a_certificate_that_was_revoked_a_second_ago(own_suite: Dcc) -> None:
    keys = [e.certificate for e in own_suite.store if (str(e.eui), e.role, e.usage) == (USER, 2, Usage.KEY_AGREEMENT)]
    document = _signed(own_suite, MPAN)
    with _enrolled(own_suite) as interface:
        for one in keys:
            assert one is not None
            own_suite.admin.call("POST", f"/admin/smki/certificates/{one.serial_hex}/revoke")
        revoked_at = sent_at = time.monotonic()

        outcome: dict[str, tuple[str, str | None]] = {}
        while {word for word, _ in outcome.values()} != {"Failed"}:
            assert sent_at - revoked_at < 1.0, "a certificate was taken a second after its revocation"
            sent = _submitted(interface, document)
            sent_at, outcome = time.monotonic(), _ended(interface, sent)

    assert outcome == {ESME: ("Failed", "COS_CERTIFICATE"), HCALCS: ("Failed", "COS_CERTIFICATE")}
