"""A revocation reaches every process: signer, credentials in a body, Devices (smki.md section 7; checklist B7)."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import pytest

from dccemu_protocol.duis import DuisRequest, DuisResponse, parse_document, read_request
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, Usage, keystore
from dccemu_sdk.session import Dcc
from dccemu_sdk.user import User

ESME = "00-DB-12-34-56-78-90-A0"
SUPPLIER, GAINING = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
MPAN = "1312345678111"
READ = "<sr:ReadInstantaneousImportRegisters/>"
Build, Credentials = Callable[..., bytes], Callable[..., str]


pytestmark = pytest.mark.parametrize("own_suite", ["one process, minted", "isolated, minted"], indirect=True)


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

    code, sent_at = "I0", revoked_at
    while code == "I0":
        assert sent_at - revoked_at < 1.0, "a revoked signer was served a second after its revocation"
        sent_at = monotonic()
        code = _code(user, request_of("4.1.1", 1, READ, ESME))
    assert code == "E100"


def _set(dcc: Dcc, eui: str) -> Keystore:
    answer = dcc.admin.call("POST", "/admin/smki/certificate-sets", {"eui": eui, "role": 2})
    assert isinstance(answer, dict)
    return keystore.load(str(answer["keystore"]))


def _key_agreement(made: Keystore, eui: str) -> str:
    found = made.certificate(Eui64.parse(eui), Usage.KEY_AGREEMENT, 2)
    assert found is not None
    return found.serial_hex


@pytest.mark.checklist("B7")
def test_a_change_of_supplier_with_a_revoked_certificate_is_refused(
    own_suite: Dcc, request_of: Build, credentials_of: Credentials
) -> None:
    made = _set(own_suite, GAINING)
    gaining = own_suite.user(GAINING)
    point = own_suite.admin.call("GET", f"/admin/inventory/registrations/{MPAN}")
    assert isinstance(point, dict)
    spans = point["spans"]
    assert isinstance(spans, list)
    today = str(own_suite.admin.clock()["now"])[:10]
    gained = {"role": "IS", "user": GAINING, "effective_from": today}
    own_suite.admin.call("PUT", f"/admin/inventory/registrations/{MPAN}", {"spans": [*spans, gained]})
    _revoke(own_suite, _key_agreement(made, GAINING))
    body = credentials_of("6.23", own_suite, GAINING, made, mpxn=MPAN)

    deadline = monotonic() + 20
    while (code := _code(gaining, request_of("6.23", 1, body, ESME, GAINING))) in {"E4", "E062301"}:
        assert monotonic() < deadline, "the registration of a moment ago is not known"

    assert code in {"E46", "E062303"}


def _transformed(user: User, document: bytes) -> tuple[DuisRequest, DuisResponse]:
    """A critical request and what it is answered with, a Pre-Command as a rule."""
    signed = user.prepare(document)
    return read_request(parse_document(signed)), user.gateway.submit(signed, 4)


@pytest.mark.checklist("B7")
def test_a_credential_update_with_a_certificate_revoked_a_second_ago_is_refused(
    own_suite: Dcc, request_of: Build, credentials_of: Credentials
) -> None:
    made = _set(own_suite, SUPPLIER)
    user = own_suite.user(SUPPLIER)
    body = credentials_of("6.15.1", own_suite, SUPPLIER, made)
    before = own_suite.admin.device(ESME)["cells"]
    earlier, pre_command = _transformed(user, request_of("6.15.1", 4, body, ESME))
    assert pre_command.kind == "PreCommand"

    _revoke(own_suite, _key_agreement(made, SUPPLIER))
    revoked_at = monotonic()

    while (answer := _transformed(user, request_of("6.15.1", 4, body, ESME))[1]).kind == "PreCommand":
        assert monotonic() - revoked_at < 1.0, "a certificate was taken a second after its revocation"
    assert answer.response_code == "E061505"
    assert user.sign_and_submit(earlier, pre_command, 5).response_code == "E061505"
    assert own_suite.admin.device(ESME)["cells"] == before
