"""A record holds only what an answer to 8.2 can say (DUIS schema 5.4, type Device)."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio
ESME = "00-DB-12-34-56-78-90-A0"


@pytest.mark.parametrize(
    ("path", "fields", "place"),
    [
        (f"devices/{ESME}", {"post_code": "EX1"}, "post_code"),
        (f"devices/{ESME}", {"uprn": "-1"}, "uprn"),
        (f"devices/{ESME}", {"esme_variant": "Z"}, "esme_variant"),
        (f"devices/{ESME}", {"status": "Broken"}, "status"),
        ("registrations/2000000000006", {"fuel": "electricity", "address_identifier": 31 * "x"}, "address_identifier"),
    ],
)
async def test_a_record_that_no_answer_could_say_is_refused(
    inventory: Any, path: str, fields: dict[str, str], place: str
) -> None:
    before = (await inventory.http.get(f"/admin/inventory/{path}")).json()

    refused = await inventory.http.put(f"/admin/inventory/{path}", json=fields)

    assert (refused.status_code, refused.json()["code"], refused.json()["place"]) == (422, "BAD_RECORD", place)
    assert (await inventory.http.get(f"/admin/inventory/{path}")).json() == before


async def test_a_scenario_with_a_record_that_no_answer_could_say_is_refused(inventory: Any) -> None:
    text = inventory.scenario.read_text("utf-8")
    spoilt = re.sub(r"post_code: .*", "post_code: EX1", text, count=1)
    assert spoilt != text

    refused = await inventory.http.post(
        "/admin/inventory/reset", content=spoilt, headers={"Content-Type": "application/yaml"}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "BAD_RECORD")
    assert (await inventory.http.get(f"/admin/inventory/devices/{ESME}")).status_code == 200
