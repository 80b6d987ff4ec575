"""Every published request to a Device is answered: by the Device, or by the refusal that the rules demand.

The published templates share one EUI-64 between several meters and name Devices that nobody installed, so some are
refused; ``expected_refusals.json`` names each with the reason. Requests that change credentials or joins come last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dccemu_protocol.duis import DuisRequest, parse_document, read_request
from dccemu_protocol.pki import keystore
from dccemu_sdk.session import Dcc, running
from dccemu_sdk.user import User

EXPECTED = json.loads(Path(__file__).with_name("expected_refusals.json").read_text(encoding="utf-8"))
CHANGING = ("6.15.2", "6.17", "6.21", "6.23", "8.5", "8.7.1", "8.7.2", "8.8.1", "8.8.2", "8.11", "8.12.1", "8.12.2")
ROLES = {"90-B3-D5-1F-30-01-00-08": 8}


@pytest.fixture
def published(suites: dict[str, tuple[str, ...]], vectors: Path) -> Iterator[Dcc]:
    """A suite with the published keys and Devices, its clock shortly before the dates of the templates."""
    if not vectors.exists():
        pytest.skip("the published requests are not here (../shared/vectors)")
    with running(suites["one process, imported"]) as suite:
        suite.admin.set_clock(datetime(2029, 12, 20, tzinfo=UTC))
        yield suite


def _turn(stem: str, request: DuisRequest) -> tuple[int, str]:
    """What changes least comes first; a Supplier's own new certificates come last of all."""
    srv = request.service_reference_variant
    turn = 1 if srv in CHANGING else 2 if srv == "6.15.1" else 0
    return (3 if "SupplierBySupplier" in stem else turn), stem


def _templates(folder: Path) -> list[tuple[str, bytes, DuisRequest]]:
    found = []
    for path in (folder / "duis").glob("*_REQUEST_DUIS.XML"):
        document = path.read_bytes()
        request = read_request(parse_document(document))
        if request.command_variant != 8:
            found.append((path.name.removesuffix("_REQUEST_DUIS.XML"), document, request))
    return sorted(found, key=lambda one: _turn(one[0], one[2]))


def _user(dcc: Dcc, request: DuisRequest) -> User:
    """The sender; where the published set lacks an XML signing key the suite's SMKI makes one."""
    eui = str(request.user)
    if dcc.store.xml_signer(request.user) is None:
        made = dcc.admin.call("POST", "/admin/smki/certificate-sets", {"eui": eui, "role": ROLES.get(eui, 2)})
        assert isinstance(made, dict)
        for entry in keystore.load(str(made["keystore"]).encode()):
            if entry.role == 135:
                dcc.store.add(entry)
    return dcc.user(eui)


def test_every_device_template_is_answered_end_to_end(published: Dcc, vectors: Path) -> None:
    users: dict[str, User] = {}
    wrong: dict[str, list[str]] = {}
    templates = _templates(vectors)

    for stem, document, request in templates:
        eui = str(request.user)
        if eui not in users:
            users[eui] = _user(published, request)
        outcome = users[eui].send(document, timeout=30)
        if outcome.code != EXPECTED.get(stem, {"code": "I0"})["code"]:
            wrong[stem] = [answer.response_code for answer in outcome.answers]

    assert len(templates) >= 279
    assert wrong == {}
