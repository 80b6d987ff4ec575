"""An organisation's keys are compromised: recovery on a home of simulated Devices (smki.md section 9).

Each Device judges the Command for itself: signature of the Recovery key, originator counter, certification path.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import datetime
from time import monotonic, sleep

import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, Usage, keystore
from dccemu_sdk.admin import Json
from dccemu_sdk.identity import Identity
from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import command
from dccemu_sdk.user import User

ESME = "00-DB-12-34-56-78-90-A0"
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
BROKER = "90-B3-D5-1F-30-00-00-02"
Build = Callable[..., bytes]
PLACES = [("digitalSignature", 0), ("keyAgreement", 0), ("keyAgreement", 1)]
CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>{:%Y-%m-%dT%H:%M:%SZ}</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
)


def supplier_cells(dcc: Dcc) -> dict[tuple[str, int], tuple[str, str]]:
    """Usage and cell usage with what the Device itself holds there: owner, key identifier."""
    shown = dcc.admin.call("GET", f"/admin/devices/{ESME}")
    assert isinstance(shown, dict)
    return held(shown["cells"])


def held(cells: Json) -> dict[tuple[str, int], tuple[str, str]]:
    assert isinstance(cells, list)
    return {
        (str(cell["usage"]), int(str(cell["cell_usage"]))): (str(cell["eui"]), str(cell.get("ski")).lower())
        for cell in cells
        if isinstance(cell, dict) and cell["role"] == 2
    }


def status(dcc: Dcc) -> str:
    shown = dcc.admin.call("GET", f"/admin/inventory/devices/{ESME}")
    assert isinstance(shown, dict)
    return str(shown["status"])


def believed(dcc: Dcc) -> dict[tuple[str, int], tuple[str, str]]:
    """The same as the inventory has it."""
    shown = dcc.admin.call("GET", f"/admin/inventory/devices/{ESME}")
    assert isinstance(shown, dict)
    return held(shown["cells"])


def outcome(dcc: Dcc) -> list[str]:
    """What became of the Commands of the newest recovery."""
    shown = dcc.admin.call("GET", "/admin/smki/recoveries")
    assert isinstance(shown, list)
    newest = shown[0]
    assert isinstance(newest, dict)
    commands = newest["commands"]
    assert isinstance(commands, list)
    return [str(one["status"]) for one in commands if isinstance(one, dict)]


def reached(what: Callable[[], object], wanted: object, within: float = 30) -> None:
    """Wait until something is as wanted."""
    deadline = monotonic() + within
    while (found := what()) != wanted:
        assert monotonic() < deadline, f"{found!r} after {within} s, not {wanted!r}"
        sleep(0.05)


def recover(dcc: Dcc, way: str) -> str:
    """What a person at the DCC types."""
    line = [*command(), "pki", "recover", SUPPLIER, "--way", way, "--device", ESME, "--admin", dcc.state.admin]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def new_certificates(dcc: Dcc) -> Keystore:
    made = dcc.admin.call("POST", "/admin/smki/certificate-sets", {"eui": SUPPLIER, "role": 2})
    assert isinstance(made, dict)
    return keystore.load(str(made["keystore"]).encode())


def skis(made: Keystore) -> dict[tuple[str, int], tuple[str, str]]:
    found = {}
    for usage, top_up in PLACES:
        certificate = made.certificate(Eui64.parse(SUPPLIER), Usage(usage), 2, top_up=bool(top_up))
        assert certificate is not None
        found[usage, top_up] = (SUPPLIER, certificate.ski.hex())
    return found


def set_clock(dcc: Dcc, user: User, request_of: Build) -> str | None:
    now = datetime.fromisoformat(str(dcc.admin.clock()["now"]))
    return user.send(request_of("6.11", 4, CLOCK.format(now), ESME), timeout=60).code


def with_keys(dcc: Dcc, user: User, made: Keystore) -> User:
    """The same User once it works with other keys."""
    return User(Identity(made, user.identity.eui), user.gateway, user.receiver, counters=dcc.counters)


@pytest.mark.checklist("B13")
def test_way_1_the_owner_replaces_its_certificates_with_the_key_it_still_holds(
    own_suite: Dcc, request_of: Build, credentials_of: Callable[..., str]
) -> None:
    dcc, user = own_suite, own_suite.user(SUPPLIER)
    old = dcc.store.certificate(Eui64.parse(SUPPLIER), Usage.DIGITAL_SIGNATURE, 2)
    assert old is not None
    made = new_certificates(dcc)
    body = credentials_of("6.15.1", dcc, SUPPLIER, made)

    replaced = user.send(request_of("6.15.1", 4, body, ESME), timeout=60)
    dcc.admin.call("POST", f"/admin/smki/certificates/{old.serial_hex}/revoke", {"grounds": "key-compromised"})

    assert replaced.code == "I0"
    assert supplier_cells(dcc) == skis(made)
    reached(lambda: believed(dcc), skis(made))
    assert status(dcc) == "Commissioned"
    assert set_clock(dcc, user, request_of) != "I0"
    assert set_clock(dcc, with_keys(dcc, user, made), request_of) == "I0"


@pytest.mark.checklist("B13")
def test_way_2_the_subscribers_new_certificates_come_into_the_cells(own_suite: Dcc) -> None:
    """Also where an earlier recovery could not reach the Device."""
    dcc, user = own_suite, own_suite.user(SUPPLIER)
    assert user.receiver is not None
    before = supplier_cells(dcc)
    wanted = skis(new_certificates(dcc))
    assert before != wanted
    dcc.admin.call("PUT", f"/admin/devices/{ESME}", {"reachable": False})
    recover(dcc, "acb")
    reached(lambda: (status(dcc), outcome(dcc)), ("Recovery", ["undelivered"]))
    dcc.admin.call("PUT", f"/admin/devices/{ESME}", {"reachable": True})

    assert recover(dcc, "recovery") == "recovery 2: 1 Commands sent\n"

    reached(lambda: supplier_cells(dcc), wanted)
    user.receiver.wait_for(lambda answer: answer.alert_code == "N39", timeout=20)
    reached(lambda: status(dcc), "Commissioned")
    assert believed(dcc) == wanted


@pytest.mark.checklist("B13")
def test_way_3_the_brokers_certificates_come_first_and_the_subscriber_takes_them_over(
    own_suite: Dcc, request_of: Build, credentials_of: Callable[..., str]
) -> None:
    dcc, user = own_suite, own_suite.user(SUPPLIER)
    assert user.receiver is not None
    before = supplier_cells(dcc)
    dcc.admin.call("PUT", f"/admin/devices/{ESME}", {"reachable": False})

    assert recover(dcc, "acb") == "recovery 1: 1 Commands sent\n"
    reached(lambda: (status(dcc), outcome(dcc)), ("Recovery", ["undelivered"]))
    assert supplier_cells(dcc) == before
    dcc.admin.call("PUT", f"/admin/devices/{ESME}", {"reachable": True})
    dcc.admin.advance(3600)

    reached(lambda: {owner for owner, _ in supplier_cells(dcc).values()}, {BROKER})
    reached(lambda: (status(dcc), outcome(dcc)), ("Recovered", ["done"]))
    assert believed(dcc) == supplier_cells(dcc)
    user.receiver.wait_for(lambda answer: answer.alert_code == "N37", timeout=20)
    assert set_clock(dcc, user, request_of) != "I0"

    made = new_certificates(dcc)
    taken = user.send(request_of("6.21", 1, credentials_of("6.21", dcc, SUPPLIER, made), ESME), timeout=60)

    assert taken.code == "I0"
    assert supplier_cells(dcc) == skis(made)
    reached(lambda: (status(dcc), believed(dcc)), ("Commissioned", skis(made)))
    assert set_clock(dcc, with_keys(dcc, user, made), request_of) == "I0"
