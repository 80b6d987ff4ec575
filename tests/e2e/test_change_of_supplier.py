"""A home changes Supplier: gateway, CoS Party, Device and both Suppliers, each with its own part (cos-party.md)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from time import monotonic

import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, issuing_oca_z1, keystore, parse_pem
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack
from dccemu_sdk.user import Outcome, User

ESME = "00-DB-12-34-56-78-90-A0"
GAINING = "90-B3-D5-1F-30-03-00-00"
LOSING = "90-B3-D5-1F-30-01-00-00"
MPAN = "1312345678111"
CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>{:%Y-%m-%dT%H:%M:%SZ}</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
)


@pytest.fixture(params=["one process, minted", "one process, imported", "isolated, minted"])
def own_suite(request: pytest.FixtureRequest, suites: dict[str, tuple[str, ...]], vectors: Path) -> Iterator[Dcc]:
    """A suite that this test may change for good."""
    arguments = suites[request.param]
    if "import" in arguments and not vectors.exists():
        pytest.skip("the published test keys are not here (../shared/vectors)")
    stack = Stack(arguments, timeout=120)
    try:
        with Dcc(stack.start()) as suite:
            yield suite
    finally:
        stack.close()


def _register_gaining_supplier(dcc: Dcc) -> None:
    point = dcc.admin.call("GET", f"/admin/inventory/registrations/{MPAN}")
    assert isinstance(point, dict)
    spans = point["spans"]
    assert isinstance(spans, list)
    today = str(dcc.admin.clock()["now"])[:10]
    gained = {"role": "IS", "user": GAINING, "effective_from": today}
    dcc.admin.call("PUT", f"/admin/inventory/registrations/{MPAN}", {"spans": [*spans, gained]})


def _gaining_user(dcc: Dcc) -> User:
    """The second Supplier; the published set lacks its XML signing key, so the suite makes one where it is missing."""
    if dcc.store.xml_signer(Eui64.parse(GAINING)) is None:
        made = dcc.admin.call("POST", "/admin/smki/certificate-sets", {"eui": GAINING, "role": 2})
        assert isinstance(made, dict)
        for entry in keystore.load(str(made["keystore"]).encode()):
            if entry.role == 135:
                dcc.store.add(entry)
    return dcc.user(GAINING)


def _take_over(dcc: Dcc, gaining: User, document: bytes) -> Outcome:
    """Send 6.23 until the registration of a moment ago is known to gateway and CoS Party: facts travel as events."""
    deadline = monotonic() + 20
    while True:
        outcome = gaining.send(document, timeout=60)
        if outcome.code not in {"E4", "E062301"} or monotonic() > deadline:
            return outcome


def _body(dcc: Dcc) -> str:
    owner = Eui64.parse(GAINING)
    held = {
        (entry.usage, entry.top_up): entry.certificate
        for entry in dcc.store
        if entry.eui == owner and entry.role == 2 and entry.certificate.not_after.year > 2026
    }
    if not held:
        held = {(e.usage, e.top_up): e.certificate for e in dcc.store if e.eui == owner and e.role == 2}

    def text(usage: Usage, top_up: bool = False) -> str:
        return base64.b64encode(held[usage, top_up].der).decode()

    issuers = [issuing_oca_z1()]
    authorities = dcc.admin.call("GET", "/admin/smki/authorities")
    assert isinstance(authorities, list)
    issuers += [parse_pem(str(authority["pem"]).encode()) for authority in authorities if isinstance(authority, dict)]
    signing = held[Usage.DIGITAL_SIGNATURE, False]
    issuer = next(one for one in issuers if one.ski == signing.aki)
    return (
        "<sr:UpdateSecurityCredentialsCoS><sr:SupplierFloorSeqNumber>0</sr:SupplierFloorSeqNumber>"
        "<sr:SupplierPrepaymentTopUpFloorSeqNumber>0</sr:SupplierPrepaymentTopUpFloorSeqNumber>"
        "<sr:SupplierReplacementCertificates>"
        f"<sr:DigitalSigningCertificate>{text(Usage.DIGITAL_SIGNATURE)}</sr:DigitalSigningCertificate>"
        f"<sr:KeyAgreementCertificate>{text(Usage.KEY_AGREEMENT)}</sr:KeyAgreementCertificate>"
        f"<sr:KeyAgreementTopUpCertificate>{text(Usage.KEY_AGREEMENT, True)}</sr:KeyAgreementTopUpCertificate>"
        "</sr:SupplierReplacementCertificates><sr:CertificationPathCertificates>"
        f"<sr:Certificate>{base64.b64encode(issuer.der).decode()}</sr:Certificate></sr:CertificationPathCertificates>"
        f"<sr:ApplyTimeBasedCPVChecks>false</sr:ApplyTimeBasedCPVChecks><sr:ImportMPxN>{MPAN}</sr:ImportMPxN>"
        "</sr:UpdateSecurityCredentialsCoS>"
    )


@pytest.mark.checklist("C15")
def test_the_gaining_supplier_takes_over_and_both_are_told(own_suite: Dcc, request_of: Callable[..., bytes]) -> None:
    dcc = own_suite
    losing, gaining = dcc.user(LOSING), _gaining_user(dcc)
    _register_gaining_supplier(dcc)

    outcome = _take_over(dcc, gaining, request_of("6.23", 1, _body(dcc), ESME, GAINING))

    assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
    message = dcc.describe(outcome)[-1]["gbcs"]
    assert isinstance(message, dict)
    assert (message["use_case"], message["signature"]) == ("CS02bSupplierByTransCoS", "valid")
    assert losing.receiver is not None
    told = losing.receiver.wait_for(lambda answer: answer.kind == "DCCAlertMessage", timeout=20)
    assert told


def test_afterwards_the_device_obeys_the_gaining_supplier_only(
    own_suite: Dcc, request_of: Callable[..., bytes]
) -> None:
    dcc = own_suite
    losing, gaining = dcc.user(LOSING), _gaining_user(dcc)
    _register_gaining_supplier(dcc)
    now = datetime.fromisoformat(str(dcc.admin.clock()["now"]))
    _take_over(dcc, gaining, request_of("6.23", 1, _body(dcc), ESME, GAINING))

    obeyed = gaining.send(request_of("6.11", 4, CLOCK.format(now), ESME, GAINING), timeout=60)
    refused = losing.send(request_of("6.11", 4, CLOCK.format(now), ESME, LOSING))

    assert obeyed.code == "I0"
    assert refused.code == "E4"
