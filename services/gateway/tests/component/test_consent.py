"""Consent of the Energy Consumer behind an Other User's requests (service-request-processing.md section 14)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from dccemu_contracts.consent import ConsentFact, Verification
from dccemu_protocol.pki import Usage
from dccemu_runtime.http import app as applications
from dccemu_runtime.journal import Filter
from dccemu_runtime.outbox import message_of

OTHER_USER, SUPPLIER = "00-DB-12-34-56-78-00-04", "90-B3-D5-1F-30-01-00-00"
ESME, CAD = "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-C0"
MPAN = "2000000000006"
JOIN = f"<sr:JoinServiceNonCritical><sr:OtherDeviceID>{CAD}</sr:OtherDeviceID></sr:JoinServiceNonCritical>"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.asyncio


async def with_a_cad(world):
    """The world with a Type 2 Device on the hub of the meter."""
    fact = world.directory.device(ESME).model_copy(
        update={"device": CAD, "id": CAD, "type": "CAD", "status": None, "cells": (), "import_mpxn": None}
    )
    await world.runtime.bus.publish([message_of(fact)])
    await _until(lambda: world.directory.device(CAD))


async def recorded(world, name: str, *classes: str, **changes: object) -> ConsentFact:
    fact = ConsentFact.model_validate(
        {
            "id": f"{name} {len(changes)}",
            "at": SINCE,
            "version": changes.pop("version", 1),
            "consent": name,
            "user": OTHER_USER,
            "mpxn": MPAN,
            "classes": classes,
            "valid_from": SINCE,
            "verification": Verification(method="bill and bank card", verified_by="agent 7", verified_at=SINCE),
            "purpose": "energy advice",
            "written_notice_at": SINCE,
            "recorded_at": SINCE,
            **changes,
        }
    )
    await world.runtime.bus.publish([message_of(fact)])
    await _until(lambda: fact in world.directory._consents.of(fact.user))
    return fact


async def _until(known) -> None:
    for _ in range(2000):
        if known():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the gateway did not learn of the fact")


def profile_data(world) -> str:
    """A read of profile data by a User that the meter does not know: it brings its key agreement certificate."""
    (certificate,) = world.directory.certificates(OTHER_USER, Usage.KEY_AGREEMENT.value)
    return (
        "<sr:ReadActiveImportProfileData><sr:ReadLogPeriod><sr:StartDateTime>2026-02-01T00:00:00Z</sr:StartDateTime>"
        "<sr:EndDateTime>2026-02-02T00:00:00Z</sr:EndDateTime></sr:ReadLogPeriod><sr:KAPublicSecurityCredentials>"
        f"{b64encode(certificate.der).decode()}</sr:KAPublicSecurityCredentials></sr:ReadActiveImportProfileData>"
    )


async def consent_in_journal(world, answer) -> object:
    (entry,) = await world.journal.find(Filter(request_id=str(answer.request_id), stage="request"))
    return entry.detail.get("consent")


@pytest.mark.checklist("C25")
async def test_an_other_user_joins_a_type_2_device_and_the_audit_names_the_consent(world, eventually) -> None:
    await with_a_cad(world)
    await recorded(world, "consent-1", "joining")

    joined = await world.send("8.7.2", JOIN, user=OTHER_USER)
    read = await world.send("4.8.1", profile_data(world), user=OTHER_USER)
    own = await world.send("8.7.2", JOIN, user=SUPPLIER)

    assert [one.response_code for one in (joined, read, own)] == ["I99"] * 3
    assert [await consent_in_journal(world, one) for one in (joined, read, own)] == ["consent-1", "none recorded", None]
    await eventually(lambda: len(world.commands) == 3)


@pytest.mark.checklist("C25")
async def test_without_consent_a_strict_gateway_refuses(make_world) -> None:
    world = await make_world(consent="refuse")
    await with_a_cad(world)
    cases = {
        "none": {},
        "of another meter point": {"mpxn": "3938424403"},
        "for consumption data only": {"classes": ("consumption",)},
        "not yet": {"valid_from": world.runtime.clock.now() + timedelta(days=1)},
        "no longer": {"valid_to": world.runtime.clock.now()},
        "withdrawn": {"withdrawn_at": world.runtime.clock.now()},
        "another User's": {"user": SUPPLIER},
    }
    answers = {}
    for name, changes in cases.items():
        if name != "none":
            await recorded(world, name, *changes.pop("classes", ("joining",)), **changes)
        answers[name] = (await world.send("8.7.2", JOIN, user=OTHER_USER)).response_code
    assert answers == dict.fromkeys(cases, "E4")

    await recorded(world, "of the Device", "joining", mpxn=None, device=ESME)

    assert (await world.send("8.7.2", JOIN, user=OTHER_USER)).response_code == "I99"


@pytest.mark.checklist("G5", "G6")
async def test_a_random_sample_lists_the_requests_without_consent(world) -> None:
    await with_a_cad(world)
    without = [await world.send("4.8.1", profile_data(world), user=OTHER_USER) for _ in range(2)]
    await recorded(world, "consent-1", "joining", valid_to=world.runtime.clock.now() + timedelta(hours=1))
    joined = await world.send("8.7.2", JOIN, user=OTHER_USER)
    world.runtime.clock.advance(timedelta(hours=2))
    late = await world.send("8.7.2", JOIN, user=OTHER_USER)
    app = applications.create("admin")
    app.include_router(world.service.admin)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://admin") as client:

        async def sample(**query: object) -> dict:
            return (await client.get("/admin/gateway/consent-sample", params=query)).json()

        report, two, again = await sample(), await sample(size=2, seed="a"), await sample(size=2, seed="a")

    assert report["population"] == 4
    assert set(report["without_consent"]) == {str(one.request_id) for one in (*without, late)}
    named = {one["request_id"]: (one["class"], one["consent"]) for one in report["sample"]}
    assert named[str(joined.request_id)] == ("joining", "consent-1")
    assert named[str(without[0].request_id)] == ("consumption", None)
    assert len(two["sample"]) == 2
    assert two == again
