"""The consent register (service-request-processing.md section 14)."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_contracts.consent import ConsentFact
from dccemu_contracts.topics import INVENTORY_CONSENTS

OTHER_USER, SUPPLIER = "00-DB-12-34-56-78-00-04", "90-B3-D5-1F-30-01-00-00"
CALL: dict[str, Any] = {
    "user": OTHER_USER,
    "mpxn": "1312345678111",
    "classes": ["consumption", "joining"],
    "valid_from": "2026-01-01T00:00:00Z",
    "verification": {"method": "bill and bank card", "verified_by": "agent 7", "verified_at": "2025-12-31T12:00:00Z"},
    "purpose": "energy advice",
    "written_notice_at": "2025-12-31T12:00:00Z",
}

pytestmark = pytest.mark.asyncio


async def told(inventory: Any) -> list[ConsentFact]:
    """Collect the facts about consents that others hear."""
    facts: list[ConsentFact] = []

    async def hear(batch: Any) -> None:
        facts.extend(ConsentFact.from_bytes(message.value) for message in batch)

    await inventory.runtime.bus.subscribe([INVENTORY_CONSENTS.name], "gateway", hear, replay=True)
    return facts


@pytest.mark.checklist("G10")
async def test_a_consent_is_recorded_with_how_the_person_was_verified_and_published(inventory: Any) -> None:
    facts = await told(inventory)

    answer = await inventory.port.post("/consents", json=CALL)

    assert answer.status_code == 201, answer.text
    await inventory.eventually(lambda: facts)
    assert (facts[0].consent, facts[0].user, facts[0].mpxn) == (answer.json()["consent"], OTHER_USER, CALL["mpxn"])
    assert facts[0].verification.method == "bill and bank card"
    (shown,) = (await inventory.http.get("/admin/inventory/consents", params={"user": OTHER_USER})).json()
    assert shown["verification"]["verified_by"] == "agent 7"
    for name in ("method", "verified_by", "verified_at"):
        unverified = {**CALL, "verification": {**CALL["verification"], name: ""}}
        assert (await inventory.port.post("/consents", json=unverified)).status_code == 422
    assert (await inventory.port.post("/consents", json={**CALL, "verification": None})).status_code == 422


async def test_a_consent_can_be_withdrawn_once_by_its_user(inventory: Any) -> None:
    facts = await told(inventory)
    consent = (await inventory.port.post("/consents", json=CALL)).json()["consent"]
    url = f"/consents/{consent}/withdraw"

    strangers = await inventory.port.post(url, json={"user": SUPPLIER})
    withdrawn, again = [await inventory.port.post(url, json={"user": OTHER_USER}) for _ in range(2)]

    assert [reply.status_code for reply in (strangers, withdrawn, again)] == [404, 200, 409]
    await inventory.eventually(lambda: len(facts) == 2)
    now = inventory.runtime.clock.now()
    assert facts[-1].withdrawn_at == now
    assert not facts[-1].is_given(now)
    assert facts[-1].version > facts[0].version


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"user": SUPPLIER}, "NOT_ELIGIBLE"),
        ({"device": "00-DB-12-34-56-78-90-A0"}, "BAD_CONSENT"),
        ({"mpxn": None}, "BAD_CONSENT"),
        ({"valid_to": "2026-01-01T00:00:00Z"}, "BAD_CONSENT"),
        ({"written_notice_at": "2099-01-01T00:00:00Z"}, "BAD_CONSENT"),
    ],
)
async def test_what_no_consent_can_be_is_refused(inventory: Any, changes: dict[str, Any], rule: str) -> None:
    answer = await inventory.port.post("/consents", json={**CALL, **changes})

    assert answer.status_code >= 400
    assert answer.json()["code"] == rule
    assert (await inventory.port.get("/consents")).json() == []
