"""The Receive Response Service: 204 for what the DCC signed, 400 for anything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.duis import AnsweredRequest, responses
from dccemu_protocol.identifiers import Eui64, RequestId
from dccemu_protocol.pki import Keystore
from dccemu_protocol.xmldsig import XMLSigner
from dccemu_sdk import DCCSigners, NoAnswer, Receiver

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = RequestId(Eui64.parse("90-B3-D5-1F-30-01-00-00"), Eui64.parse("00-DB-12-34-56-78-90-A0"), 5)
UNSIGNED = responses.device_response(AnsweredRequest(REQUEST, "4.1", "4.1.1", "5.4"), "I0", NOW, b"gbcs")


@pytest.fixture
def receiver(store: Keystore) -> Iterator[Receiver]:
    with Receiver(DCCSigners(store)) as running:
        yield running


@pytest.fixture
def pushed(dcc_signer: XMLSigner) -> bytes:
    return dcc_signer.sign_canonical(UNSIGNED)


def push(receiver: Receiver, document: bytes) -> int:
    headers = {"Content-Type": "application/xml"}
    return httpx.post(receiver.url, content=document, headers=headers, trust_env=False).status_code


def test_a_signed_response_is_taken(receiver: Receiver, pushed: bytes) -> None:
    assert push(receiver, pushed) == 204
    (response,) = receiver.wait(REQUEST, timeout=5)
    assert response.gbcs_payload == b"gbcs"


def test_what_the_dcc_did_not_sign_is_refused(receiver: Receiver, pushed: bytes, store: Keystore) -> None:
    supplier = store.xml_signer(REQUEST.originator)
    assert supplier is not None
    by_a_user = XMLSigner(supplier[0], supplier[1].issuer, supplier[1].serial).sign_canonical(UNSIGNED)
    stranger = XMLSigner(ec.derive_private_key(5, ec.SECP256R1()), "CN=X", 5).sign_canonical(UNSIGNED)

    assert push(receiver, pushed.replace(b"I0", b"I9")) == 400
    assert push(receiver, UNSIGNED) == 400
    assert push(receiver, by_a_user) == 400
    assert push(receiver, stranger) == 400
    assert push(receiver, b"{}") == 400
    assert receiver.responses == []
    assert all(delivery.refusal for delivery in receiver.deliveries)


def test_a_repeated_delivery_is_kept_but_counts_once(receiver: Receiver, pushed: bytes) -> None:
    push(receiver, pushed)
    push(receiver, pushed)

    assert len(receiver.deliveries) == 2
    assert len(receiver.responses) == 1


def test_a_user_that_is_away_refuses_for_a_while(receiver: Receiver, pushed: bytes) -> None:
    receiver.refuse_next(2, 503)

    assert [push(receiver, pushed) for _ in range(3)] == [503, 503, 204]
    assert len(receiver.responses) == 1


def test_what_does_not_come_in_time_is_an_error_that_says_what_came(receiver: Receiver, pushed: bytes) -> None:
    push(receiver, pushed.replace(b"I0", b"I9"))

    with pytest.raises(NoAnswer, match="1 deliveries"):
        receiver.wait(REQUEST, timeout=0.05)
