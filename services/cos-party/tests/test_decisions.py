"""Change of Supplier requests: every check of cos-party.md 3 B, and what is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dccemu_protocol.gbcs.crypto import verify_signature
from dccemu_protocol.gbcs.envelope import CRA, decode
from dccemu_protocol.pki import Usage
from dccemu_runtime.journal import Filter

SUPPLIER, SECOND = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00"
COS = "90-B3-D5-1F-30-00-00-04"
ESME, GSME, CHF, HCALCS = (f"00-DB-12-34-56-78-90-A{n}" for n in (0, 1, 2, 5))

pytestmark = pytest.mark.asyncio


@pytest.mark.checklist("C16")
async def test_a_registered_suppliers_request_becomes_a_signed_command(cos_party: Any) -> None:
    decision = await cos_party.ask(cos_party.supplier.document(1, floor=7))
    assert (decision.outcome, decision.rule) == ("signed", None)
    message = decode(bytes.fromhex(decision.payload))
    assert (message.cra, str(message.originator), str(message.target)) == (CRA.COMMAND, COS, ESME)
    assert (message.other.message_code, message.mac, message.counter) == (0x0107, None, decision.counter)
    verify_signature(message, cos_party.own.public_key)
    for certificate in cos_party.supplier.certificates.values():
        assert certificate.der in message.payload
    assert cos_party.smki.issuing.der in message.payload


async def test_the_counter_rises_over_all_users_and_with_the_clock_moved_back(cos_party: Any) -> None:
    await cos_party.register("1312345678222", 2, {"role": "IS", "user": SECOND, "effective_from": "2020-01-01"})
    counters = [(await cos_party.ask(cos_party.supplier.document(number))).counter for number in (1, 2)]
    cos_party.runtime.clock.set(cos_party.runtime.clock.now() - timedelta(days=2))
    counters.append((await cos_party.ask(cos_party.supplier.document(3))).counter)
    assert counters == sorted(set(counters))


async def test_the_registration_at_the_execution_time_decides(cos_party: Any) -> None:
    await cos_party.register(
        "1312345678111",
        2,
        {"role": "IS", "user": SUPPLIER, "effective_from": "2020-01-01"},
        {"role": "IS", "user": SECOND, "effective_from": "2026-03-05"},
    )
    assert (await cos_party.ask(cos_party.second.document(1))).rule == "COS_NOT_REGISTERED"
    early = await cos_party.ask(cos_party.second.document(2, at="2026-03-04T23:59:59.00Z"))
    assert (early.outcome, early.rule, early.ecos_error_code) == ("refused", "COS_NOT_REGISTERED", "C06")
    due = await cos_party.ask(cos_party.second.document(3, at="2026-03-05T00:00:00.00Z"))
    assert due.outcome == "signed"
    assert b"20260305000000Z" in bytes.fromhex(due.payload)


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "another service": ({"srv": "6.24.1", "reference": "6.24"}, "REFERENCE_MISMATCH", "C01"),
    "not schema-valid": ({"floor": -1}, "SCHEMA_INVALID", "C01"),
    "command variant of a critical service": ({"variant": 4}, "CV_NOT_ALLOWED", "C01"),
    "MPxN of nobody": ({"mpxn": "9999999999999"}, "COS_MPXN", "C05"),
    "MPxN of another Device": ({"mpxn": "1000999888"}, "COS_MPXN", "C05"),
    "no key agreement certificate": ({"certificates": {"KeyAgreementCertificate": None}}, "COS_CERTIFICATE", "C07"),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_request_that_breaks_a_check_is_refused(cos_party: Any, name: str) -> None:
    changes, rule, code = CASES[name]
    decision = await cos_party.ask(cos_party.supplier.document(1, **changes))
    assert (decision.outcome, decision.rule, decision.ecos_error_code) == ("refused", rule, code)
    assert decision.payload is None
    (entry,) = await cos_party.service.journal.find(Filter(request_id=decision.request_id))
    assert entry.checks[-1].rule == rule
    assert not entry.checks[-1].passed
    assert len(entry.checks) == int(code[1:])


async def test_a_tampered_document_is_a_security_event(cos_party: Any) -> None:
    document = cos_party.supplier.document(1).replace(b"1312345678111", b"1312345678222")
    decision = await cos_party.ask(document)
    assert (decision.outcome, decision.rule, decision.ecos_error_code) == ("refused", "SIGNATURE_DIGEST", "C02")
    (entry,) = await cos_party.service.journal.find(Filter(request_id=decision.request_id))
    assert entry.detail["security_event"] is True


async def test_a_gateway_cannot_put_another_sender_on_the_envelope(cos_party: Any) -> None:
    decision = await cos_party.ask(cos_party.supplier.document(1), request_id=f"{SECOND}:{ESME}:1")
    assert (decision.outcome, decision.rule) == ("refused", "BAD_REQUEST_ID")


async def test_signed_by_another_user(cos_party: Any) -> None:
    decision = await cos_party.ask(cos_party.supplier.document(1, signed_by=cos_party.second.xml))
    assert (decision.outcome, decision.rule) == ("refused", "SIGNATURE_SIGNER_NOT_ORIGINATOR")


async def test_signed_with_a_certificate_that_is_not_for_xml(cos_party: Any) -> None:
    signing = cos_party.supplier.certificates["DigitalSigningCertificate"]
    decision = await cos_party.ask(cos_party.supplier.document(1, signed_by=signing))
    assert (decision.outcome, decision.rule) == ("refused", "SIGNATURE_SIGNER_ROLE")


async def test_signed_with_a_revoked_certificate(cos_party: Any) -> None:
    await cos_party.revoke(cos_party.supplier.xml)
    decision = await cos_party.ask(cos_party.supplier.document(1))
    assert (decision.outcome, decision.rule) == ("refused", "SIGNATURE_SIGNER_REVOKED")


@pytest.mark.parametrize("kind", ["owner", "role", "usage", "pending", "revoked", "unpublished", "expired"])
async def test_replacement_certificates_are_checked_one_by_one(cos_party: Any, kind: str) -> None:
    smki = cos_party.smki
    name, code, wrong = "DigitalSigningCertificate", "C04", None
    match kind:
        case "owner":
            wrong, code = smki.issue(SECOND, 2), "C03"
        case "role":
            wrong, code = smki.issue(SUPPLIER, 3), "C03"
        case "usage":
            name, wrong, code = "KeyAgreementCertificate", smki.issue(SUPPLIER, 2), "C03"
        case "pending":
            wrong = smki.issue(SUPPLIER, 2, status="P")
        case "revoked":
            wrong = smki.issue(SUPPLIER, 2)
            await cos_party.revoke(wrong)
        case "expired":
            wrong = smki.issue(SUPPLIER, 2, start=datetime(2010, 1, 1, tzinfo=UTC))
    if kind == "unpublished":
        wrong = smki.issue(SUPPLIER, 2)
    else:
        await cos_party.tell(smki.facts[-1])
    assert wrong is not None
    decision = await cos_party.ask(cos_party.supplier.document(1, certificates={name: wrong}))
    assert (decision.outcome, decision.rule, decision.ecos_error_code) == ("refused", "COS_CERTIFICATE", code)


async def test_an_expired_certificate_passes_when_dates_are_not_to_be_checked(cos_party: Any) -> None:
    old = cos_party.smki.issue(SUPPLIER, 2, start=datetime(2010, 1, 1, tzinfo=UTC))
    await cos_party.tell(cos_party.smki.facts[-1])
    document = cos_party.supplier.document(1, dates="false", certificates={"DigitalSigningCertificate": old})
    assert (await cos_party.ask(document)).outcome == "signed"


async def test_the_path_must_be_given(cos_party: Any) -> None:
    import base64

    other = base64.b64encode(cos_party.smki.root.der).decode()
    decision = await cos_party.ask(cos_party.supplier.document(1, path=other))
    assert (decision.rule, decision.ecos_error_code) == ("COS_CERTIFICATE", "C04")


async def test_a_top_up_certificate_is_for_meters_only(cos_party: Any) -> None:
    decision = await cos_party.ask(cos_party.supplier.document(1, device=HCALCS))
    assert (decision.outcome, decision.rule) == ("refused", "COS_TOP_UP_CERTIFICATE")
    document = cos_party.supplier.document(2, device=HCALCS, certificates={"KeyAgreementTopUpCertificate": None})
    assert (await cos_party.ask(document)).outcome == "signed"


@pytest.mark.parametrize("device", [CHF, "00-DB-12-34-56-78-90-FF"])
async def test_devices_without_supplier_credentials_are_refused(cos_party: Any, device: str) -> None:
    assert (await cos_party.ask(cos_party.supplier.document(1, device=device))).rule == "COS_MPXN"


async def test_a_gas_supplier_moves_gas_devices(cos_party: Any) -> None:
    document = cos_party.supplier.document(1, device=GSME, mpxn="1000999888")
    assert (await cos_party.ask(document)).outcome == "signed"


async def test_a_request_is_processed_once(cos_party: Any) -> None:
    document = cos_party.supplier.document(1)
    first = await cos_party.ask(document, message_id="same")
    assert first.outcome == "signed"
    # The same message again is the bus repeating itself: nothing happens.
    second = await cos_party.ask(cos_party.supplier.document(2))
    again = await cos_party.ask(document, message_id="other")
    assert (again.outcome, again.rule, again.payload) == ("refused", "DUPLICATE_REQUEST", None)
    assert [decision.counter for decision in cos_party.decisions] == [first.counter, second.counter, None]
    kept = (await cos_party.http.get(f"/admin/cos-party/requests/{first.request_id}")).json()
    assert (kept["state"], kept["counter"]) == ("signed", first.counter)


async def test_a_far_date_is_held_then_sent_with_the_date_inside(cos_party: Any) -> None:
    execution = cos_party.runtime.clock.now() + timedelta(days=20)
    text = execution.strftime("%Y-%m-%dT%H:%M:%S.00Z")
    held = await cos_party.ask(cos_party.supplier.document(1, at=text))
    assert (held.outcome, held.payload) == ("held", None)
    cos_party.runtime.clock.advance(timedelta(days=15, seconds=1))
    await cos_party.eventually(lambda: len(cos_party.decisions) == 2)
    sent = cos_party.decisions[-1]
    assert (sent.outcome, sent.request_id) == ("signed", held.request_id)
    assert execution.strftime("%Y%m%d%H%M%SZ").encode() in bytes.fromhex(sent.payload)


async def test_a_held_request_is_judged_again_when_its_time_comes(cos_party: Any) -> None:
    execution = cos_party.runtime.clock.now() + timedelta(days=20)
    text = execution.strftime("%Y-%m-%dT%H:%M:%S.00Z")
    await cos_party.ask(cos_party.supplier.document(1, at=text))
    await cos_party.revoke(cos_party.supplier.xml)
    cos_party.runtime.clock.advance(timedelta(days=16))
    await cos_party.eventually(lambda: len(cos_party.decisions) == 2)
    assert cos_party.decisions[-1].rule == "SIGNATURE_SIGNER_REVOKED"


async def test_a_held_request_ends_when_the_registration_changes(cos_party: Any) -> None:
    execution = cos_party.runtime.clock.now() + timedelta(days=20)
    await cos_party.ask(cos_party.supplier.document(1, at=execution.strftime("%Y-%m-%dT%H:%M:%S.00Z")))
    await cos_party.register("1312345678111", 2, {"role": "IS", "user": SECOND, "effective_from": "2020-01-01"})
    await cos_party.eventually(lambda: len(cos_party.decisions) == 2)
    assert (cos_party.decisions[-1].outcome, cos_party.decisions[-1].rule) == ("refused", "COS_NOT_REGISTERED")


async def test_a_cancellation_ends_what_is_held_and_tells_the_device(cos_party: Any) -> None:
    execution = cos_party.runtime.clock.now() + timedelta(days=20)
    held = await cos_party.ask(cos_party.supplier.document(1, at=execution.strftime("%Y-%m-%dT%H:%M:%S.00Z")))
    await cos_party.ask(cos_party.supplier.document(2, at="3000-12-31T00:00:00.00Z"))
    await cos_party.eventually(lambda: len(cos_party.decisions) == 3)
    outcomes = {decision.request_id: decision.outcome for decision in cos_party.decisions[1:]}
    assert outcomes.pop(held.request_id) == "refused"
    assert list(outcomes.values()) == ["signed"]
    signed = next(decision for decision in cos_party.decisions[1:] if decision.payload)
    assert b"99991231235959Z" in bytes.fromhex(signed.payload)
    cos_party.runtime.clock.advance(timedelta(days=30))
    await cos_party.ask(cos_party.supplier.document(3))
    assert len(cos_party.decisions) == 4


async def test_a_users_threshold_quarantines_and_tells_the_user(cos_party: Any) -> None:
    url = f"/admin/cos-party/thresholds/{SUPPLIER}"
    assert (await cos_party.http.put(url, json={"maximum": 1})).status_code == 204
    assert (await cos_party.ask(cos_party.supplier.document(1))).outcome == "signed"
    stopped = await cos_party.ask(cos_party.supplier.document(2))
    assert (stopped.outcome, stopped.payload) == ("quarantined", None)
    await cos_party.eventually(lambda: cos_party.alerts)
    (alert,) = cos_party.alerts
    assert (alert.code, alert.alert, alert.recipients) == ("N34", "QuarantinedRequest", (SUPPLIER,))
    assert alert.body["ADUserThresholdBreach"]["RequestID"] == stopped.request_id
    released = await cos_party.http.post(f"/admin/cos-party/requests/{stopped.request_id}/release")
    assert released.json()["state"] == "signed"
    await cos_party.eventually(lambda: cos_party.decisions[-1].outcome == "signed")
    assert (await cos_party.http.post(f"/admin/cos-party/requests/{stopped.request_id}/release")).status_code == 409


async def test_the_cos_partys_own_threshold_counts_all_users(cos_party: Any) -> None:
    await cos_party.http.put("/admin/cos-party/thresholds/*", json={"maximum": 1, "window_seconds": 60})
    await cos_party.ask(cos_party.supplier.document(1))
    stopped = await cos_party.ask(cos_party.supplier.document(2))
    assert (stopped.outcome, stopped.rule) == ("quarantined", "QUARANTINE_DCC_THRESHOLD")
    deleted = await cos_party.http.post(f"/admin/cos-party/requests/{stopped.request_id}/delete")
    assert deleted.json()["rule"] == "QUARANTINE_DELETED"
    # The window rolls on.
    cos_party.runtime.clock.advance(timedelta(seconds=61))
    assert (await cos_party.ask(cos_party.supplier.document(3))).outcome == "signed"


async def test_checks_and_certificate_can_be_looked_at(cos_party: Any) -> None:
    checks = (await cos_party.http.get("/admin/cos-party/checks")).json()
    assert [check["number"] for check in checks] == list(range(1, 10))
    certificate = (await cos_party.http.get("/admin/cos-party/certificate")).json()
    assert certificate["eui"] == COS
    assert Usage.DIGITAL_SIGNATURE is cos_party.own.usage


@pytest.mark.checklist("C16")
async def test_the_key_stays_in_the_cos_partys_schema(cos_party: Any) -> None:
    """A gateway that knows all messages and certificates still has no key: what it makes up is not the CoS Party's."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec

    from dccemu_protocol.errors import ProtocolError
    from dccemu_protocol.gbcs.crypto import sign

    decision = await cos_party.ask(cos_party.supplier.document(1))
    message = decode(bytes.fromhex(decision.payload))
    forged = sign(message, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises((ProtocolError, InvalidSignature)):
        verify_signature(forged, cos_party.own.public_key)
