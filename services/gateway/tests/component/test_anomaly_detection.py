"""Check 25, threshold anomaly detection (service-request-processing.md section 16), from the signed file to the end."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dccemu_protocol.anomaly import (
    ActionFile,
    ActionRow,
    QuarantineAction,
    SignedFile,
    Threshold,
    ThresholdFile,
    read_actions,
    sign_file,
    write_actions,
    write_thresholds,
)
from dccemu_protocol.pki import Usage
from dccemu_runtime.http import app as applications
from dccemu_runtime.journal import Filter

SUPPLIER, RIVAL, OTHER_USER = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "00-DB-12-34-56-78-00-04"
DCC = "90-B3-D5-1F-30-00-00-02"
ESME = "00-DB-12-34-56-78-90-A0"
READ = "<sr:ReadInstantaneousImportRegisters/>"
DATED = (
    "<sr:ReadInstantaneousImportRegisters><sr:ExecutionDateTime>{}</sr:ExecutionDateTime>"
    "</sr:ReadInstantaneousImportRegisters>"
)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.asyncio


class Token:
    """A file signing token: key and certificate of a User ID."""

    def __init__(self, world, user: str, role: int = 136) -> None:
        self.world, self.user = world, user
        self.key = world.smki.key()
        self.certificate = world.smki.organisation(user, role, Usage.DIGITAL_SIGNATURE, self.key.public_key())

    @classmethod
    async def of(cls, world, user: str = SUPPLIER, role: int = 136) -> Token:
        token = cls(world, user, role)
        await world.smki.publish(token.certificate)
        for _ in range(2000):
            if world.directory.signer(token.certificate.issuer, token.certificate.serial) is not None:
                return token
            await asyncio.sleep(0.001)
        raise AssertionError("the gateway did not learn of the certificate")

    async def reference(self) -> str:
        reply = await self.world.http.post(f"{self.world.urls['duis']}/tad/v1/references", json={"user": self.user})
        assert reply.status_code == 201, reply.text
        return reply.json()["reference"]

    def sign(self, content: bytes) -> SignedFile:
        return sign_file(content, self.key, self.certificate)

    async def send(self, kind: str, file: SignedFile) -> httpx.Response:
        return await self.world.http.post(f"{self.world.urls['duis']}/tad/v1/{kind}", json=file.as_json())

    async def thresholds(self, *rows: Threshold) -> httpx.Response:
        return await self.send(
            "thresholds", self.sign(write_thresholds(ThresholdFile(await self.reference(), self.user, rows)))
        )

    async def act(self, action: str, event: int | None = None, request_id: str | None = None) -> httpx.Response:
        row = ActionRow(event, request_id, QuarantineAction(action))
        return await self.send(
            "actions", self.sign(write_actions(ActionFile(await self.reference(), self.user, (row,))))
        )


def limit(quarantine: int, srv: str = "4.1.1", window: timedelta = HOUR, **more) -> Threshold:
    given = {"warning": None, "valid_from": SINCE, **more}
    return Threshold(srv, window, quarantine=quarantine, **given)


def alerts(world, user: str = SUPPLIER) -> list[dict]:
    return [
        one.content["DCCAlert"]["QuarantinedRequest"]
        for one in world.taken(user)
        if one.kind == "DCCAlertMessage" and "QuarantinedRequest" in one.content["DCCAlert"]
    ]


async def state_of(world, request_id: object) -> str:
    return await world.gateway.database.pool.fetchval(
        "SELECT state FROM requests WHERE request_id = $1 AND kind <> 'transform'", str(request_id)
    )


async def admin(world, method: str, path: str, body: dict | None = None) -> dict:
    """Call an admin route of the gateway."""
    app = applications.create("admin")
    app.include_router(world.service.admin)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://admin") as client:
        reply = await client.request(method, f"/admin/gateway/anomaly{path}", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.checklist("E1")
async def test_a_signed_thresholds_file_is_accepted_shown_and_in_force_at_its_time(world, eventually) -> None:
    token = await Token.of(world)
    later = world.runtime.clock.now() + timedelta(hours=2)

    reply = await token.thresholds(limit(1, valid_from=later))

    assert reply.status_code == 200, reply.text
    assert (reply.json()["user"], reply.json()["thresholds"]) == (SUPPLIER, 1)
    for _ in range(3):
        assert (await world.send("4.1.1", READ)).response_code == "I99"
    await eventually(lambda: len(world.commands) == 3)
    world.runtime.clock.advance(timedelta(hours=3, minutes=1))
    shown = await world.http.get(f"{world.urls['duis']}/tad/v1/thresholds", params={"user": SUPPLIER})
    (row,) = shown.json()["thresholds"]
    assert (row["srv"], row["quarantine"], row["in_force"], row["counted"]) == ("4.1.1", 1, True, 0)
    first, second = [await world.send("4.1.1", READ) for _ in range(2)]
    assert await state_of(world, first.request_id) != "quarantined"
    assert await state_of(world, second.request_id) == "quarantined"


@pytest.mark.checklist("E2")
async def test_a_file_that_is_not_signed_by_its_owners_file_signing_certificate_is_refused(
    world, tmp_path: Path
) -> None:
    token, rival = await Token.of(world), await Token.of(world, RIVAL)
    xml_key = await Token.of(world, SUPPLIER, role=135)
    content = write_thresholds(ThresholdFile(await token.reference(), SUPPLIER, (limit(5),)))
    good = token.sign(content)
    assert [_openssl(tmp_path, token, file) for file in (good, rival.sign(content))] == [0, 1]

    tampered = SignedFile(content.replace(b",5,", b",9,"), good.signature, good.issuer, good.serial)
    unknown = SignedFile(content, good.signature, good.issuer, good.serial + 1)
    answers = {
        "tampered": await token.send("thresholds", tampered),
        "unknown certificate": await token.send("thresholds", unknown),
        "XML signing certificate": await token.send("thresholds", xml_key.sign(content)),
        "another User": await token.send("thresholds", rival.sign(content)),
    }

    assert {name: (reply.status_code, reply.json()["code"]) for name, reply in answers.items()} == {
        "tampered": (403, "FILE_SIGNATURE"),
        "unknown certificate": (403, "FILE_SIGNER"),
        "XML signing certificate": (403, "FILE_SIGNER"),
        "another User": (422, "FILE_ROWS"),
    }
    assert await world.gateway.database.pool.fetchval("SELECT count(*) FROM thresholds") == 0
    assert (await token.send("thresholds", good)).status_code == 200
    again = await token.send("thresholds", good)
    assert (again.status_code, again.json()["code"]) == (422, "FILE_REFERENCE")


async def test_bad_rows_are_named_and_nothing_of_their_file_is_taken(world) -> None:
    token = await Token.of(world)
    good = write_thresholds(ThresholdFile(await token.reference(), SUPPLIER, (limit(5), limit(6, "4.2"))))
    bad = good.replace(b",4.2,3600,,6,", b",4.99,0,7,6,")

    reply = await token.send("thresholds", token.sign(bad))

    assert (reply.status_code, reply.json()["code"]) == (422, "FILE_ROWS")
    assert [(one["row"], one["column"]) for one in reply.json()["faults"]] == [(3, "srv"), (3, "window_seconds")]
    assert await world.gateway.database.pool.fetchval("SELECT count(*) FROM thresholds") == 0


def _openssl(folder: Path, token: Token, file: SignedFile) -> int:
    """Exit status of openssl's verification of a file with a token's public key: an implementation not ours."""
    public = token.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key.pem", public), ("file.csv", file.content), ("file.sig", file.signature)):
        (folder / name).write_bytes(content)
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "file.sig", "file.csv"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


@pytest.mark.checklist("E4")
async def test_the_excess_is_quarantined_and_its_user_told_within_thirty_minutes(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(2, warning=1))

    answers = [await world.send("4.1.1", READ) for _ in range(4)]
    other = await world.send("4.1.1", READ, user=SUPPLIER, device=ESME)

    assert [one.response_code for one in answers] == ["I99"] * 4
    await eventually(lambda: len(alerts(world)) == 3)
    breaches = [one["ADUserThresholdBreach"] for one in alerts(world)]
    assert {one["RequestID"] for one in breaches} == {str(one.request_id) for one in (*answers[2:], other)}
    assert len({one["QuarantineEventRef"] for one in breaches}) == 1
    await eventually(lambda: len(world.commands) >= 2)

    async def all_delivered() -> bool:
        return (await admin(world, "GET", "/quarantine"))["measure_11"]["not_notified_yet"] == 0

    await eventually(all_delivered)
    shown = await admin(world, "GET", "/quarantine")
    measure = shown["measure_11"]
    assert (measure["anomalous"], measure["notified_in_time"]) == (3, 3)
    assert measure["longest_seconds"] <= 1800
    assert all(one["notified_seconds"] <= 1800 for one in shown["requests"])
    assert len(world.commands) == 2
    entries = await world.journal.find(Filter(stage="request"))
    assert [entry.outcome for entry in entries].count("quarantined") == 3
    quarantined = next(entry for entry in entries if entry.outcome == "quarantined")
    assert quarantined.checks[-1].rule.startswith("25 ")
    assert not quarantined.checks[-1].passed
    warned = [entry for entry in entries if "warnings" in entry.detail]
    assert [entry.request_id for entry in warned] == [str(answers[1].request_id)]


async def test_the_window_slides_and_each_kind_has_its_own(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(1, window=timedelta(minutes=10)), limit(3, "*", timedelta(hours=1)))
    read = {"4.1.1": READ, "4.1.2": "<sr:ReadInstantaneousImportTOUMatrices/>"}

    async def states(*services: str) -> list[str]:
        sent = [await world.send(srv, read[srv]) for srv in services]
        return ["quarantined" if await state_of(world, one.request_id) == "quarantined" else "sent" for one in sent]

    assert await states("4.1.1", "4.1.1") == ["sent", "quarantined"]
    world.runtime.clock.advance(timedelta(minutes=10))
    assert await states("4.1.1", "4.1.1") == ["sent", "quarantined"]
    world.runtime.clock.advance(timedelta(minutes=10))
    assert await states("4.1.1", "4.1.1") == ["sent", "quarantined"]
    world.runtime.clock.advance(timedelta(minutes=10))
    assert await states("4.1.1") == ["quarantined"]
    world.runtime.clock.advance(timedelta(minutes=31))
    assert await states("4.1.1") == ["sent"]


async def test_a_critical_request_counts_when_it_is_signed(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(1, "7.1"))
    answers = [await world.send("7.1", "<sr:EnableSupply/>", cv=4, service="T") for _ in range(3)]
    assert [one.response_code for one in answers] == ["I0"] * 3

    for answer in answers:
        reply = await world.post(world.signed(world.signed_pre_command(answer, "7.1")))
        assert world.read(reply.content).response_code == "I99"

    await eventually(lambda: len(alerts(world)) == 2)
    await eventually(lambda: len(world.commands) == 1)
    await token.act("RELEASE", int(alerts(world)[0]["ADUserThresholdBreach"]["QuarantineEventRef"]))
    await eventually(lambda: len(world.commands) == 3)


async def test_counting_is_exact_when_many_requests_share_a_commit(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(7))

    await asyncio.gather(*(world.send("4.1.1", READ) for _ in range(40)))

    await eventually(lambda: len(alerts(world)) == 33 and len(world.commands) >= 7)
    assert len(world.commands) == 7


async def test_a_refused_request_does_not_count(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(1))
    counter = world.counter + 500
    document = world.signed(world.request("4.1.1", READ, counter=counter))
    replies = await asyncio.gather(*(world.post(document) for _ in range(6)))
    assert sorted(world.read(one.content).response_code for one in replies) == ["E45"] * 5 + ["I99"]
    world.runtime.clock.advance(HOUR)

    first, second = [await world.send("4.1.1", READ) for _ in range(2)]

    assert await state_of(world, first.request_id) != "quarantined"
    assert await state_of(world, second.request_id) == "quarantined"


@pytest.mark.checklist("E4")
async def test_counts_and_quarantine_outlive_the_gateway(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(2))
    await world.send("4.1.1", READ)
    kept = [await world.send("4.1.1", READ) for _ in range(2)][1]
    await eventually(lambda: len(alerts(world)) == 1)

    await world.restart()
    more = await world.send("4.1.1", READ)

    assert await state_of(world, kept.request_id) == "quarantined"
    assert await state_of(world, more.request_id) == "quarantined"
    await eventually(lambda: len(world.commands) == 2)
    assert (await token.act("RELEASE")).json()["RELEASE"] == 2
    await eventually(lambda: len(world.commands) == 4)


@pytest.mark.checklist("E5")
async def test_a_released_request_goes_on_after_a_fresh_access_control(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(0))
    good = await world.send("4.1.1", READ)
    await eventually(lambda: len(alerts(world)) == 1)
    event = int(alerts(world)[0]["ADUserThresholdBreach"]["QuarantineEventRef"])
    report = await world.http.get(f"{world.urls['duis']}/tad/v1/quarantine", params={"user": SUPPLIER})
    assert f"{SUPPLIER},{event},{good.request_id},4.1.1," in report.text

    released = await token.act("RELEASE", event, str(good.request_id))

    assert released.json()["RELEASE"] == 1, released.text
    await eventually(lambda: any(one.response_code == "I0" and one.kind != "DCCAlertMessage" for one in world.taken()))
    assert await state_of(world, good.request_id) == "sent"
    gone = await world.send("4.1.1", READ)
    await world.change_device(ESME, status="Decommissioned")
    await token.act("RELEASE")
    await eventually(lambda: any(b"CommandFailure" in document for document in world.users[SUPPLIER].taken))
    assert await state_of(world, gone.request_id) == "failed"
    assert len(world.commands) == 1


@pytest.mark.checklist("E5")
async def test_a_deleted_request_ends_with_its_answer_and_is_never_sent(world, eventually) -> None:
    token, rival = await Token.of(world), await Token.of(world, RIVAL)
    await token.thresholds(limit(0))
    told = [await world.send("4.1.1", READ) for _ in range(2)]
    refused = await rival.act("DELETE")
    assert (refused.status_code, refused.json()["code"]) == (422, "FILE_ROWS")

    await token.act("DELETE", None, str(told[0].request_id))

    await eventually(lambda: any(one.response_code == "E54" for one in world.taken()))
    assert await state_of(world, told[0].request_id) == "deleted"
    assert await state_of(world, told[1].request_id) == "quarantined"
    world.runtime.clock.advance(timedelta(days=7))
    await eventually(lambda: sum(one.response_code == "E54" for one in world.taken()) == 2)
    states = await world.gateway.database.pool.fetch("SELECT state FROM quarantine ORDER BY decided_at")
    assert [row[0] for row in states] == ["deleted", "expired"]
    assert world.commands == []


async def test_what_is_released_waits_for_its_date_and_its_predecessor(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(0))
    date = world.runtime.clock.now() + timedelta(days=2)
    dated = await world.send("4.1.1", DATED.format(date.strftime("%Y-%m-%dT%H:%M:%SZ")))
    local = await world.send("4.1.1", READ, cv=2, service="D")
    assert (dated.response_code, local.response_code, local.kind) == ("I99", "I99", "Acknowledgement")

    await token.act("RELEASE")

    await eventually(lambda: any("LocalCommand" in one.kind for one in world.taken()))
    assert await state_of(world, local.request_id) == "local"
    assert await state_of(world, dated.request_id) == "held"
    assert world.commands == []
    world.runtime.clock.set(date)
    await eventually(lambda: len(world.commands) == 1)


@pytest.mark.checklist("E3")
async def test_the_dccs_threshold_quarantines_where_the_users_own_does_not(world, eventually) -> None:
    token = await Token.of(world)
    await token.thresholds(limit(100))
    csv = write_thresholds(ThresholdFile("DCC-1", DCC, (limit(2),))).decode()
    await admin(world, "PUT", "/dcc-thresholds", {"csv": csv, "approved_by": "Security Sub-Committee decision 1"})

    for _ in range(2):
        await world.send("4.1.1", READ)
    excess = await world.send("4.1.1", READ)

    await eventually(lambda: len(alerts(world)) == 1)
    assert alerts(world)[0]["ADDCCThresholdBreach"]["RequestID"] == str(excess.request_id)
    (row,) = [one for one in (await admin(world, "GET", "/thresholds"))["thresholds"] if one["user"] == "*"]
    assert (row["counted"], row["in_force"]) == (2, True)
    entries = await world.journal.find(Filter(stage="anomaly detection"))
    assert any("Security Sub-Committee decision 1" in entry.outcome for entry in entries)


async def test_a_threshold_that_comes_into_force_counts_what_was_sent_before(world, eventually) -> None:
    token = await Token.of(world)
    for _ in range(2):
        await world.send("4.1.1", READ)
    rows = [asyncio.create_task(world.send("4.1.1", READ)) for _ in range(5)]

    await token.thresholds(limit(7))
    await asyncio.gather(*rows)

    (shown,) = (await admin(world, "GET", "/thresholds"))["thresholds"]
    assert shown["counted"] == 7
    excess = await world.send("4.1.1", READ)
    assert await state_of(world, excess.request_id) == "quarantined"


async def test_the_report_and_the_action_file_fit_together(world) -> None:
    content = write_actions(ActionFile("R", SUPPLIER, (ActionRow(None, None, QuarantineAction.DELETE),)))

    assert read_actions(content).rows[0].event is None
    assert content.splitlines()[0] == b"reference,user_id,quarantine_event_ref,request_id,action"
    assert json.loads(Token(world, SUPPLIER).sign(content).certificate_text)["serial"]
