"""A revocation reaches every process: signer, credentials in a body, Devices (smki.md section 7; checklist B7)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, Usage, keystore, parse_pem
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack
from dccemu_sdk.user import User

ESME = "00-DB-12-34-56-78-90-A0"
GAINING = "90-B3-D5-1F-30-03-00-00"
MPAN = "1312345678111"
READ = "<sr:ReadInstantaneousImportRegisters/>"
Build = Callable[..., bytes]


@pytest.fixture(params=["one process, minted", "isolated, minted"])
def own_suite(request: pytest.FixtureRequest, suites: dict[str, tuple[str, ...]]) -> Iterator[Dcc]:
    """A suite that this test may change for good."""
    stack = Stack(suites[request.param], timeout=120)
    try:
        with Dcc(stack.start()) as suite:
            yield suite
    finally:
        stack.close()


def _revoke(dcc: Dcc, serial: str) -> None:
    answer = dcc.admin.call("POST", f"/admin/smki/certificates/{serial}/revoke", {"grounds": "key-compromised"})
    assert isinstance(answer, dict)
    assert answer["status"] == "R"


def _code(user: User, document: bytes) -> str:
    return user.send(document, timeout=60).code or ""


@pytest.mark.checklist("B7")
def test_the_next_request_of_a_revoked_signer_is_refused_within_a_second(own_suite: Dcc, request_of: Build) -> None:
    user = own_suite.user()
    signer = own_suite.store.xml_signer(Eui64.parse(str(own_suite.state.supplier)))
    assert signer is not None
    assert _code(user, request_of("4.1.1", 1, READ, ESME)) == "I0"

    _revoke(own_suite, signer[1].serial_hex)
    revoked_at = monotonic()

    while (code := _code(user, request_of("4.1.1", 1, READ, ESME))) == "I0":
        assert monotonic() - revoked_at < 1.0, "a revoked signer was served a second after its revocation"
    assert code == "E100"


def _body(dcc: Dcc, made: Keystore) -> str:
    owner = Eui64.parse(GAINING)

    def text(usage: Usage, *, top_up: bool = False) -> str:
        found = made.certificate(owner, usage, 2, top_up=top_up)
        assert found is not None
        return base64.b64encode(found.der).decode()

    signing = made.certificate(owner, Usage.DIGITAL_SIGNATURE, 2)
    assert signing is not None
    authorities = dcc.admin.call("GET", "/admin/smki/authorities")
    assert isinstance(authorities, list)
    issuers = [parse_pem(str(one["pem"])) for one in authorities if isinstance(one, dict)]
    issuer = next(one for one in issuers if one.ski == signing.aki)
    return (
        "<sr:UpdateSecurityCredentialsCoS><sr:SupplierFloorSeqNumber>0</sr:SupplierFloorSeqNumber>"
        "<sr:SupplierPrepaymentTopUpFloorSeqNumber>0</sr:SupplierPrepaymentTopUpFloorSeqNumber>"
        "<sr:SupplierReplacementCertificates>"
        f"<sr:DigitalSigningCertificate>{text(Usage.DIGITAL_SIGNATURE)}</sr:DigitalSigningCertificate>"
        f"<sr:KeyAgreementCertificate>{text(Usage.KEY_AGREEMENT)}</sr:KeyAgreementCertificate>"
        f"<sr:KeyAgreementTopUpCertificate>{text(Usage.KEY_AGREEMENT, top_up=True)}</sr:KeyAgreementTopUpCertificate>"
        "</sr:SupplierReplacementCertificates><sr:CertificationPathCertificates>"
        f"<sr:Certificate>{base64.b64encode(issuer.der).decode()}</sr:Certificate></sr:CertificationPathCertificates>"
        f"<sr:ApplyTimeBasedCPVChecks>false</sr:ApplyTimeBasedCPVChecks><sr:ImportMPxN>{MPAN}</sr:ImportMPxN>"
        "</sr:UpdateSecurityCredentialsCoS>"
    )


@pytest.mark.checklist("B7")
def test_a_credential_update_with_a_revoked_certificate_is_refused(own_suite: Dcc, request_of: Build) -> None:
    answer = own_suite.admin.call("POST", "/admin/smki/certificate-sets", {"eui": GAINING, "role": 2})
    assert isinstance(answer, dict)
    made = keystore.load(str(answer["keystore"]))
    gaining = own_suite.user(GAINING)
    point = own_suite.admin.call("GET", f"/admin/inventory/registrations/{MPAN}")
    assert isinstance(point, dict)
    spans = point["spans"]
    assert isinstance(spans, list)
    today = str(own_suite.admin.clock()["now"])[:10]
    gained = {"role": "IS", "user": GAINING, "effective_from": today}
    own_suite.admin.call("PUT", f"/admin/inventory/registrations/{MPAN}", {"spans": [*spans, gained]})
    revoked = made.certificate(Eui64.parse(GAINING), Usage.KEY_AGREEMENT, 2)
    assert revoked is not None
    _revoke(own_suite, revoked.serial_hex)

    deadline = monotonic() + 20
    while (code := _code(gaining, request_of("6.23", 1, _body(own_suite, made), ESME, GAINING))) in {"E4", "E062301"}:
        assert monotonic() < deadline, "the registration of a moment ago is not known"

    assert code in {"E46", "E062303"}
