"""The hostile corpus against the SMKI: each document gets the status and code of its interface, never a 5xx."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import ModuleType

import httpx
import pytest
from lxml import etree

from dccemu_protocol.identifiers import Eui64
from dccemu_sdk.session import Dcc

SECONDS_EACH = 2.0
TOO_LARGE = 413
REPOSITORY = ("/services/certificatesearch", "/services/retrievecertificate")
WEB_SERVICES = ("/services/1.0/DeviceCSR", "/services/1.0/PortalCSRBatch/SubmitCSRBatch")


@pytest.fixture(scope="module")
def documents(dcc: Dcc, hostile: ModuleType, parties: tuple[Eui64, Eui64, Eui64]) -> dict[str, bytes]:
    """What is no message of the SMKI, by its name in the corpus."""
    forge = hostile.Forge(dcc.store, *parties, first_counter=dcc.counters.next() % 10**9 * 1000)
    return {case.name: case.body for case in hostile.corpus(forge)}


@pytest.fixture(scope="module")
def smki(dcc: Dcc) -> Iterator[httpx.Client]:
    """The SMKI as a subscriber's system uses it: with the registration authority open, a Party ID is its key."""
    parties = dcc.admin.call("GET", "/admin/inventory/parties")
    assert isinstance(parties, list)
    found = [one for one in parties if isinstance(one, dict) and str(dcc.state.supplier) in str(one)]
    key = {"apikey": str(found[0]["party"])}
    headers = {"Content-Type": "application/xml"}
    with httpx.Client(base_url=dcc.state.smki, params=key, headers=headers, trust_env=False, timeout=20) as opened:
        yield opened


def answered(smki: httpx.Client, place: str, body: bytes) -> tuple[int, bytes]:
    began = time.monotonic()
    answer = smki.post(place, content=body)
    assert time.monotonic() - began < SECONDS_EACH
    return answer.status_code, answer.content


@pytest.mark.parametrize("place", REPOSITORY)
def test_the_repository_calls_every_hostile_document_invalid(
    smki: httpx.Client, documents: dict[str, bytes], place: str
) -> None:
    wrong = {
        name: status
        for name, body in documents.items()
        if (status := answered(smki, place, body)[0]) not in (401, TOO_LARGE)
    }

    assert wrong == {}


@pytest.mark.parametrize("place", WEB_SERVICES)
def test_the_csr_services_answer_every_hostile_document_with_format_error(
    smki: httpx.Client, documents: dict[str, bytes], place: str
) -> None:
    wrong = {}
    for name, body in documents.items():
        status, content = answered(smki, place, body)
        if status == TOO_LARGE:
            continue
        root = etree.fromstring(content)
        word = root.findtext("Status") or root.findtext("BatchStatus")
        if (status, word, root.findtext("Error/ErrorCode")) != (200, "FORMAT_ERROR", "FM:AA1"):
            wrong[name] = (status, content[:300])

    assert wrong == {}
