"""A home changes Supplier: gateway, CoS Party, Device and both Suppliers, each with its own part (cos-party.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic

import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import keystore
from dccemu_sdk.session import Dcc
from dccemu_sdk.user import Outcome, User

ESME = "00-DB-12-34-56-78-90-A0"
GAINING = "90-B3-D5-1F-30-03-00-00"
LOSING = "90-B3-D5-1F-30-01-00-00"
MPAN = "1312345678111"
pytestmark = pytest.mark.parametrize(
    "own_suite", ["one process, minted", "one process, imported", "isolated, minted"], indirect=True
)
CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>{:%Y-%m-%dT%H:%M:%SZ}</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
)


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


@pytest.mark.checklist("C15")
def test_the_gaining_supplier_takes_over_and_both_are_told(
    own_suite: Dcc, request_of: Callable[..., bytes], credentials_of: Callable[..., str]
) -> None:
    dcc = own_suite
    losing, gaining = dcc.user(LOSING), _gaining_user(dcc)
    _register_gaining_supplier(dcc)

    outcome = _take_over(
        dcc, gaining, request_of("6.23", 1, credentials_of("6.23", dcc, GAINING, mpxn=MPAN), ESME, GAINING)
    )

    assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
    message = dcc.describe(outcome)[-1]["gbcs"]
    assert isinstance(message, dict)
    assert (message["use_case"], message["signature"]) == ("CS02bSupplierByTransCoS", "valid")
    assert losing.receiver is not None
    told = losing.receiver.wait_for(lambda answer: answer.kind == "DCCAlertMessage", timeout=20)
    assert told


def test_afterwards_the_device_obeys_the_gaining_supplier_only(
    own_suite: Dcc, request_of: Callable[..., bytes], credentials_of: Callable[..., str]
) -> None:
    dcc = own_suite
    losing, gaining = dcc.user(LOSING), _gaining_user(dcc)
    _register_gaining_supplier(dcc)
    now = datetime.fromisoformat(str(dcc.admin.clock()["now"]))
    _take_over(dcc, gaining, request_of("6.23", 1, credentials_of("6.23", dcc, GAINING, mpxn=MPAN), ESME, GAINING))

    obeyed = gaining.send(request_of("6.11", 4, CLOCK.format(now), ESME, GAINING), timeout=60)
    refused = losing.send(request_of("6.11", 4, CLOCK.format(now), ESME, LOSING))

    assert obeyed.code == "I0"
    assert refused.code == "E4"
