"""A Supplier that is not a User puts its credentials on a home by the Non-Gateway Interface (checklist K1 to K5)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, parse_pem
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack

ESME, HCALCS = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A5"
USER = "90-B3-D5-1F-30-04-00-00"
MPAN = "1312345678111"
LOSING = "90-B3-D5-1F-30-01-00-00"


@pytest.fixture
def dcc() -> Iterator[Dcc]:
    stack = Stack(timeout=120)
    try:
        with Dcc(stack.start()) as suite:
            yield suite
    finally:
        stack.close()


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


@pytest.mark.checklist("K1", "K2")
def test_its_credentials_reach_the_devices(dcc: Dcc) -> None:
    losing = dcc.user(LOSING)
    check = {"verified_by": "registration authority", "documents": ["passport"]}
    enrolled = dcc.admin.call("POST", "/admin/cos-party/suppliers", {"user": USER, "identity_check": check})
    assert isinstance(enrolled, dict)
    today = str(dcc.admin.clock()["now"])[:10]
    spans = [{"role": "IS", "user": USER, "effective_from": today}]
    dcc.admin.call("PUT", f"/admin/inventory/registrations/{MPAN}", {"spans": list[object](spans)})  # type: ignore[dict-item]
    headers = {"Authorization": f"Bearer {enrolled['token']}"}
    with httpx.Client(base_url=dcc.state.all["cos_party"], headers=headers, trust_env=False, timeout=10) as interface:
        sent = interface.post("/ngi/requests", content=_signed(dcc, MPAN))
        assert (sent.status_code, sent.json()["late"]) == (202, False), sent.text
        deadline = time.monotonic() + 30
        while True:
            state = interface.get(f"/ngi/requests/{sent.json()['id']}").json()
            reached = {part["device"]: part["state"] for part in state["devices"]}
            if set(reached.values()) == {"Succeeded"} or time.monotonic() > deadline:
                break
            time.sleep(0.05)
    assert reached == {ESME: "Succeeded", HCALCS: "Succeeded"}
    assert losing.receiver is not None
    losing.receiver.wait_for(lambda answer: answer.alert_code == "N27", timeout=20)
