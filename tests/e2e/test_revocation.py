"""A revocation reaches every process: signer, credentials in a body, Devices (smki.md section 7; checklist B7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from dccemu_protocol.duis import DuisRequest, DuisResponse, parse_document, read_request
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, Usage, keystore
from dccemu_sdk.identity import Identity
from dccemu_sdk.session import Dcc, running
from dccemu_sdk.user import User

ESME = "00-DB-12-34-56-78-90-A0"
SUPPLIER, GAINING = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
OTHER_ESME, MPAN = "00-DB-12-34-56-78-90-B0", "1300000000001"
READ = "<sr:ReadInstantaneousImportRegisters/>"
Build, Credentials = Callable[..., bytes], Callable[..., str]


@pytest.fixture(scope="module", params=["one process, minted", "isolated, minted"])
def suite(request: pytest.FixtureRequest, suites: dict[str, tuple[str, ...]]) -> Iterator[Dcc]:
    """For all tests of the module: each revokes certificates of its own, the change of Supplier has its own meter."""
    with running(suites[request.param]) as found:
        yield found


def _revoke(dcc: Dcc, serial: str) -> None:
    answer = dcc.admin.call("POST", f"/admin/smki/certificates/{serial}/revoke", {"grounds": "key-compromised"})
    assert isinstance(answer, dict)
    assert answer["status"] == "R"


def _set(dcc: Dcc, eui: str) -> Keystore:
    answer = dcc.admin.call("POST", "/admin/smki/certificate-sets", {"eui": eui, "role": 2})
    assert isinstance(answer, dict)
    return keystore.load(str(answer["keystore"]))


def _code(user: User, document: bytes) -> str:
    return user.send(document, timeout=60).code or ""


@pytest.mark.checklist("B7")
def test_the_next_request_of_a_revoked_signer_is_refused_within_a_second(suite: Dcc, request_of: Build) -> None:
    made, known = _set(suite, SUPPLIER), suite.user(SUPPLIER)
    user = User(Identity(made, known.identity.eui), known.gateway, known.receiver, counters=suite.counters)
    signer = made.xml_signer(known.identity.eui)
    assert signer is not None
    made_at = monotonic()
    while (code := _code(user, request_of("4.1.1", 1, READ, ESME))) == "E100":
        assert monotonic() - made_at < 10, "the gateway does not hear of a new certificate"
    assert code == "I0"

    _revoke(suite, signer[1].serial_hex)
    revoked_at = monotonic()

    code, sent_at = "I0", revoked_at
    while code == "I0":
        assert sent_at - revoked_at < 1.0, "a revoked signer was served a second after its revocation"
        sent_at = monotonic()
        code = _code(user, request_of("4.1.1", 1, READ, ESME))
    assert code == "E100"


def _key_agreement(made: Keystore, eui: str) -> str:
    found = made.certificate(Eui64.parse(eui), Usage.KEY_AGREEMENT, 2)
    assert found is not None
    return found.serial_hex


@pytest.mark.checklist("B7")
def test_a_change_of_supplier_with_a_revoked_certificate_is_refused(
    suite: Dcc, request_of: Build, credentials_of: Credentials
) -> None:
    made = _set(suite, GAINING)
    gaining = suite.user(GAINING)
    point = suite.admin.call("GET", f"/admin/inventory/registrations/{MPAN}")
    assert isinstance(point, dict)
    spans = point["spans"]
    assert isinstance(spans, list)
    today = str(suite.admin.clock()["now"])[:10]
    gained = {"role": "IS", "user": GAINING, "effective_from": today}
    suite.admin.call("PUT", f"/admin/inventory/registrations/{MPAN}", {"spans": [*spans, gained]})
    _revoke(suite, _key_agreement(made, GAINING))
    revoked_at = monotonic()
    body = credentials_of("6.23", suite, GAINING, made, mpxn=MPAN)

    # A second is what the services have to hear of it: a change that came earlier would rightly go through.
    while monotonic() - revoked_at < 1.0:
        _code(suite.user(SUPPLIER), request_of("4.1.1", 1, READ, ESME))
    deadline = monotonic() + 20
    while (code := _code(gaining, request_of("6.23", 1, body, OTHER_ESME, GAINING))) in {"E4", "E062301"}:
        assert monotonic() < deadline, "the registration of a moment ago is not known"

    assert code in {"E46", "E062303"}


def _transformed(user: User, document: bytes) -> tuple[DuisRequest, DuisResponse]:
    """A critical request and what it is answered with, a Pre-Command as a rule."""
    signed = user.prepare(document)
    return read_request(parse_document(signed)), user.gateway.submit(signed, 4)


@pytest.mark.checklist("B7")
def test_a_credential_update_with_a_certificate_revoked_a_second_ago_is_refused(
    suite: Dcc, request_of: Build, credentials_of: Credentials
) -> None:
    made = _set(suite, SUPPLIER)
    user = suite.user(SUPPLIER)
    body = credentials_of("6.15.1", suite, SUPPLIER, made)
    before = suite.admin.device(ESME)["cells"]
    earlier, pre_command = _transformed(user, request_of("6.15.1", 4, body, ESME))
    assert pre_command.kind == "PreCommand"

    _revoke(suite, _key_agreement(made, SUPPLIER))
    revoked_at = monotonic()

    answer, sent_at = pre_command, revoked_at
    while answer.kind == "PreCommand":
        assert sent_at - revoked_at < 1.0, "a certificate was taken a second after its revocation"
        sent_at = monotonic()
        answer = _transformed(user, request_of("6.15.1", 4, body, ESME))[1]
    assert answer.response_code == "E061505"
    assert user.sign_and_submit(earlier, pre_command, 5).response_code == "E061505"
    assert suite.admin.device(ESME)["cells"] == before
