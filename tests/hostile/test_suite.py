"""The corpus against a running suite: no wrong accept, no 5xx, each answer in time, and a good request afterwards."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from dccemu_protocol.duis import parse_document, read_response
from dccemu_protocol.identifiers import Eui64
from dccemu_sdk import GatewayClient, GatewayError, User
from dccemu_sdk.session import Dcc

SECONDS_EACH = 2.0
XML = {"Content-Type": "application/xml"}
GOOD = (
    '<sr:Request xmlns:sr="http://www.dccinterface.co.uk/ServiceUserGateway" schemaVersion="5.4"><sr:Header>'
    "<sr:RequestID>{user}:{device}:1</sr:RequestID><sr:CommandVariant>1</sr:CommandVariant>"
    "<sr:ServiceReference>4.1</sr:ServiceReference><sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant>"
    "</sr:Header><sr:Body><sr:ReadInstantaneousImportRegisters/></sr:Body></sr:Request>"
)


@pytest.fixture(scope="module")
def forge(dcc: Dcc, hostile: ModuleType, parties: tuple[Eui64, Eui64, Eui64]) -> Any:
    return hostile.Forge(dcc.store, *parties, first_counter=dcc.counters.next() % 10**9 * 1000)


@pytest.fixture(scope="module")
def gateway(dcc: Dcc) -> GatewayClient:
    return dcc.gateway()


def post(gateway: GatewayClient, case: Any) -> str | None:
    """Post a case; say what is wrong with the answer, or nothing."""
    body = case.body
    began = time.monotonic()
    reply = gateway.post(case.service, body)
    took = time.monotonic() - began
    if reply.status_code >= 500:
        return f"{case.name}: {reply.status_code} {reply.text[:200]}"
    if took > SECONDS_EACH:
        return f"{case.name}: took {took:.1f} s"
    if reply.status_code not in case.statuses:
        return f"{case.name}: {reply.status_code}, not {sorted(case.statuses)}: {reply.text[:200]}"
    if reply.status_code == 200 and case.codes is not None:
        code = read_response(parse_document(reply.content)).response_code
        if code not in case.codes:
            return f"{case.name}: {code}, not {sorted(case.codes)}"
    return None


def test_nothing_hostile_is_accepted_and_a_good_request_still_works(
    dcc: Dcc, gateway: GatewayClient, hostile: ModuleType, forge: Any, parties: tuple[Eui64, Eui64, Eui64]
) -> None:
    wrong = [found for case in hostile.corpus(forge) if (found := post(gateway, case)) is not None]

    assert wrong == []
    user = dcc.user(str(parties[0]))
    good = GOOD.format(user=parties[0], device=parties[2]).encode()
    assert user.send(good, timeout=20).code == "I0"


def test_refused_documents_leave_a_reason_in_the_journal_and_nothing_else(
    dcc: Dcc, gateway: GatewayClient, hostile: ModuleType, forge: Any
) -> None:
    case = next(case for case in hostile.certificates(forge) if case.name == "another User's signature")
    root = parse_document(case.body)
    request_id = root[0][0].text

    assert post(gateway, case) is None

    entries = dcc.admin.wait_for_journal(request_id=request_id, timeout=10)
    assert {entry["outcome"] for entry in entries}.isdisjoint({"accepted", "sent"})
    assert any("SIGNATURE" in str(entry) for entry in entries)
    listed = dcc.admin.call("GET", "/admin/gateway/requests", request_id=request_id)
    assert isinstance(listed, dict)
    assert listed["requests"] == []


def test_mutants_of_published_templates_never_break_the_gateway(
    gateway: GatewayClient, hostile: ModuleType, forge: Any, vectors: Path
) -> None:
    templates = sorted((vectors / "duis").glob("*REQUEST_DUIS.XML"))

    wrong = [
        found for case in hostile.mutants(forge, templates, share=0.02) if (found := post(gateway, case)) is not None
    ]

    assert wrong == []


def test_a_party_cannot_send_for_another_over_its_own_connection(dcc: Dcc, parties: tuple[Eui64, Eui64, Eui64]) -> None:
    good = GOOD.format(user=parties[0], device=parties[2]).encode()
    own = dcc.user(str(parties[0]), party="DEMOSUPPLIER")
    assert own.send(good, timeout=20).code == "I0"

    other = User(own.identity, dcc.gateway(party="DEMOGAS"), own.receiver, counters=dcc.counters)
    with pytest.raises(GatewayError) as caught:
        other.send(good)
    assert caught.value.status == 403


def test_without_a_client_certificate_there_is_no_connection(dcc: Dcc) -> None:
    assert dcc.state.duis_tls is not None
    assert dcc.state.tls_folder is not None
    context = ssl.create_default_context(cafile=str(dcc.state.tls_folder / "ca.pem"))

    with httpx.Client(base_url=dcc.state.duis_tls, verify=context, trust_env=False) as client:
        try:
            status = client.post("/api/v1/serviceS", content=b"<a/>", headers=XML).status_code
        except (httpx.TransportError, ssl.SSLError):
            status = 401

    assert status == 401
