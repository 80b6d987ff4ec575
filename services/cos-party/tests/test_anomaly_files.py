"""Thresholds and actions of the CoS Party's own, by signed files (cos-party.md section 3, check 8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dccemu_protocol.anomaly import (
    ActionFile,
    ActionRow,
    QuarantineAction,
    SignedFile,
    Threshold,
    ThresholdFile,
    sign_file,
    write_actions,
    write_thresholds,
)
from dccemu_runtime.journal import Filter

SUPPLIER, SECOND, COS = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-00-00-04"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.asyncio


def limit(quarantine: int, srv: str = "6.23", **more: Any) -> Threshold:
    given: dict[str, Any] = {"warning": None, "valid_from": SINCE, **more}
    return Threshold(srv, timedelta(hours=1), quarantine=quarantine, **given)


async def signed(cos_party: Any, content: bytes, user: str = SUPPLIER, role: int = 136) -> SignedFile:
    certificate = cos_party.smki.issue(user, role)
    await cos_party.tell(cos_party.smki.facts[-1])
    return sign_file(content, cos_party.smki.keys[certificate.point], certificate)


def thresholds(reference: str, *rows: Threshold, user: str = SUPPLIER) -> bytes:
    return write_thresholds(ThresholdFile(reference, user, rows))


async def post(cos_party: Any, kind: str, file: SignedFile) -> tuple[int, dict[str, Any]]:
    answer = await cos_party.ngi.post(f"/tad/v1/{kind}", json=file.as_json())
    return answer.status_code, answer.json()


@pytest.mark.checklist("E6")
async def test_the_excess_over_a_filed_threshold_stops_here_until_an_action_file_comes(cos_party: Any) -> None:
    file = await signed(cos_party, thresholds("TAD-1", limit(2, warning=1), limit(9, "4.1.1")))
    status, taken = await post(cos_party, "thresholds", file)
    assert (status, taken["thresholds"]) == (200, 1)

    decisions = [await cos_party.ask(cos_party.supplier.document(number)) for number in range(1, 5)]

    assert [decision.outcome for decision in decisions] == ["signed", "signed", "quarantined", "quarantined"]
    await cos_party.eventually(lambda: len(cos_party.alerts) == 2)
    entries = await cos_party.service.journal.find(Filter(stage="cos-party"))
    assert [entry.request_id for entry in entries if "warning" in entry.detail] == [decisions[1].request_id]
    breach = cos_party.alerts[0].body["ADUserThresholdBreach"]
    rows = (
        ActionRow(None, None, QuarantineAction.DELETE),
        ActionRow(int(breach["QuarantineEventRef"]), breach["RequestID"], QuarantineAction.RELEASE),
    )
    content = write_actions(ActionFile("TAD-2", SUPPLIER, rows))
    status, done = await post(cos_party, "actions", await signed(cos_party, content))
    assert (status, done["RELEASE"], done["DELETE"]) == (200, 1, 1), done
    await cos_party.eventually(lambda: len(cos_party.decisions) == 6)
    assert cos_party.of(breach["RequestID"])[-1].outcome == "signed"
    (other,) = {decision.request_id for decision in decisions[2:]} - {breach["RequestID"]}
    assert cos_party.of(other)[-1].rule == "QUARANTINE_DELETED"


async def test_wrong_signatures_repeats_and_rows_without_6_23_are_refused(cos_party: Any) -> None:
    content = thresholds("TAD-1", limit(2))
    good = await signed(cos_party, content)
    revoked = await signed(cos_party, content)
    await cos_party.revoke(cos_party.smki.issue(SUPPLIER, 136))
    for fact in cos_party.smki.facts:
        if fact.serial == f"{revoked.serial:032X}":
            await cos_party.revoke(cos_party.facts.signer(fact.issuer, revoked.serial))
    files = {
        "tampered": SignedFile(content.replace(b",2,", b",3,"), good.signature, good.issuer, good.serial),
        "another's": await signed(cos_party, content, SECOND),
        "no file signing certificate": await signed(cos_party, content, role=135),
        "revoked": revoked,
        "another service": await signed(cos_party, thresholds("TAD-3", limit(2, "4.1.1"))),
    }

    refused = {name: (await post(cos_party, "thresholds", file))[1]["code"] for name, file in files.items()}

    assert refused == {
        "tampered": "FILE_SIGNATURE",
        "another's": "FILE_ROWS",
        "no file signing certificate": "FILE_SIGNER",
        "revoked": "FILE_SIGNER",
        "another service": "FILE_ROWS",
    }
    assert (await post(cos_party, "thresholds", good))[0] == 200
    assert (await post(cos_party, "thresholds", good))[1]["code"] == "FILE_REFERENCE"


@pytest.mark.checklist("E6")
async def test_the_cos_partys_own_file_counts_all_users_and_ends_at_its_time(cos_party: Any) -> None:
    until = cos_party.runtime.clock.now() + timedelta(hours=3)
    csv = thresholds("COS-1", limit(1, "*", valid_to=until), user=COS).decode()
    body = {"csv": csv, "approved_by": "Security Sub-Committee"}
    assert (await cos_party.http.put("/admin/cos-party/own-thresholds", json=body)).status_code == 200

    first, second = [await cos_party.ask(cos_party.supplier.document(number)) for number in (1, 2)]

    assert (first.outcome, second.rule) == ("signed", "QUARANTINE_DCC_THRESHOLD")
    (shown,) = (await cos_party.http.get("/admin/cos-party/filed-thresholds")).json()
    assert (shown["user"], shown["maximum"], shown["in_force"]) == ("*", 1, True)
    cos_party.runtime.clock.set(until)
    (shown,) = (await cos_party.http.get("/admin/cos-party/filed-thresholds")).json()
    assert shown["in_force"] is False
    assert [(await cos_party.ask(cos_party.supplier.document(n))).outcome for n in (3, 4)] == ["signed", "signed"]
