"""Every status that a batch and its items can be in, as the subscriber reads them (smki.md section 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from lxml import etree

from dccemu_protocol.errors import EmulatorError
from dccemu_smki.entrypoints.batch_worker import BatchWorker
from dccemu_smki.usecases.batches import work_once

from ..conftest import NIGHT, base64_csr, populated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dccemu_protocol.pki import Signer
    from dccemu_smki.usecases.context import Announcement

    from ..conftest import Eventually, House, Open

pytestmark = pytest.mark.asyncio
DEVICE = "00-DB-12-34-56-78-90-A4"
KEY = {"apikey": "SUPPLIER1"}


@pytest_asyncio.fixture
async def stepped(open_house: Open, eventually: Eventually) -> House:
    """A house whose batches are worked on by the test, chunks of one item, polled as often as it likes."""
    made = await populated(await open_house(approve_batches=False, enforce_rates=False, batch_chunk=1), eventually)
    await made.by_hand()
    return made


def batch(texts: Sequence[str]) -> bytes:
    inner = "".join(f'<DeviceCSR ID="i{place}">{text}</DeviceCSR>' for place, text in enumerate(texts))
    return f'<SubmitCSRBatch ID="b1"><Version>1.0</Version>{inner}</SubmitCSRBatch>'.encode()


async def submitted(house: House, texts: Sequence[str], *, approve: bool = True) -> str:
    answer = await house.client.post("/services/1.0/PortalCSRBatch/SubmitCSRBatch", params=KEY, content=batch(texts))
    root = etree.fromstring(answer.content)
    assert [child.tag for child in root] == ["Version", "Build", "BatchStatus", "BatchId"]
    assert (root.get("ID"), root.findtext("BatchStatus")) == ("b1", "PENDING")
    number = root.findtext("BatchId") or ""
    if approve:
        assert (await house.admin.post(f"/admin/smki/batches/{number}", json={"approve": True})).status_code == 200
    return number


async def result(house: House, number: str) -> etree._Element:
    answer = await house.client.get("/services/1.0/PortalCSRBatch/CSRBatchResult", params={**KEY, "BatchId": number})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml;charset=UTF-8")
    return etree.fromstring(answer.content)


async def status(house: House, number: str) -> tuple[str | None, str | None]:
    root = await result(house, number)
    return root.findtext("BatchStatus"), root.findtext("Error/ErrorCode")


def outcomes(root: etree._Element) -> list[tuple[str | None, str | None]]:
    return [(one.findtext("Status"), one.findtext("Error/ErrorCode")) for one in root.findall("DeviceCertificate")]


async def test_a_batch_walks_from_pending_to_completed(stepped: House) -> None:
    number = await submitted(stepped, [base64_csr(1, DEVICE)], approve=False)
    seen = [await status(stepped, number)]
    await stepped.admin.post(f"/admin/smki/batches/{number}", json={"approve": True})
    seen.append(await status(stepped, number))
    for _ in range(2):
        await work_once(stepped.smki)
        seen.append(await status(stepped, number))
    stepped.runtime.clock.set(NIGHT)
    for _ in range(2):
        await work_once(stepped.smki)
        seen.append(await status(stepped, number))

    assert [word for word, _ in seen] == ["PENDING", "PARSING", "QUEUED", "PAUSED", "PROCESSING", "COMPLETED"]
    assert {code for _, code in seen} == {None}
    root = await result(stepped, number)
    assert [child.tag for child in root] == ["Version", "Build", "BatchStatus", "BatchId", "DeviceCertificate"]
    assert [child.tag for child in root[4]] == ["Status", "Certificate"]


async def test_what_the_registration_authority_rejects_is_rejected(stepped: House) -> None:
    number = await submitted(stepped, [base64_csr(1, DEVICE)], approve=False)

    await stepped.admin.post(f"/admin/smki/batches/{number}", json={"approve": False})

    assert await status(stepped, number) == ("REJECTED", None)
    assert await work_once(stepped.smki) is False


async def test_content_that_changed_between_upload_and_parsing_is_tampered(stepped: House) -> None:
    number = await submitted(stepped, [base64_csr(1, DEVICE)])
    pool = stepped.smki.database.pool
    await pool.execute("UPDATE batches SET content = $2 WHERE id = $1", int(number), batch([base64_csr(2, DEVICE)]))

    await work_once(stepped.smki)

    assert await status(stepped, number) == ("TAMPERED", "WF:AA3")
    assert await pool.fetchval("SELECT count(*) FROM batch_items") == 0


async def test_a_batch_pauses_when_the_window_closes_and_goes_on_the_next_night(stepped: House) -> None:
    number = await submitted(stepped, [base64_csr(n, DEVICE) for n in (1, 2, 3)])
    clock, unheard = stepped.runtime.clock, stepped.smki.announce
    clock.set(NIGHT)

    async def morning(announcement: Announcement) -> None:
        """It is eight o'clock when the first chunk is out."""
        clock.set(NIGHT.replace(day=3, hour=8))
        await unheard(announcement)

    stepped.smki.announce = morning
    for _ in range(4):
        await work_once(stepped.smki)
    by_day = await status(stepped, number)
    done: int = await stepped.smki.database.pool.fetchval("SELECT done FROM batches")
    idle = await work_once(stepped.smki) is False
    stepped.smki.announce = unheard
    clock.set(NIGHT.replace(day=3))
    for _ in range(2):
        await work_once(stepped.smki)

    assert (by_day, done, idle) == (("PAUSED", None), 1, True)
    assert outcomes(await result(stepped, number)) == [("SUCCESS", None)] * 3


async def test_beyond_the_capacity_of_a_night_a_batch_slips_to_the_next(stepped: House) -> None:
    number = await submitted(stepped, [base64_csr(1, DEVICE), base64_csr(2, DEVICE)])
    stepped.runtime.clock.set(NIGHT)
    await stepped.smki.database.pool.execute(
        "INSERT INTO batches (party, source, name, status, content_digest, size, submitted_at, completed_at) "
        "VALUES ('SUPPLIER2', 'service', 'b', 'COMPLETED', '', 374999, $1, $1)",
        NIGHT,
    )

    for _ in range(3):
        await work_once(stepped.smki)
    that_night = await status(stepped, number)
    stepped.runtime.clock.set(NIGHT.replace(day=3))
    for _ in range(2):
        await work_once(stepped.smki)

    assert that_night == ("PAUSED", None)
    assert await status(stepped, number) == ("COMPLETED", None)


async def test_what_a_failing_authority_leaves_is_ca_error_and_may_come_again(
    stepped: House, eventually: Eventually
) -> None:
    number = await submitted(stepped, [base64_csr(1, DEVICE), "AAAA"])
    stepped.runtime.clock.set(NIGHT)
    keys = stepped.smki.keys

    class Broken:
        """A key store whose token has gone."""

        async def signer(self, name: str) -> Signer:
            raise EmulatorError(f"the token does not sign with {name}")

    stepped.smki.keys = Broken()  # type: ignore[assignment]
    worker = BatchWorker(stepped.smki, poll=0.01, pause=0.01, attempts=1)
    await worker.start()

    async def is_completed() -> bool:
        return await status(stepped, number) == ("COMPLETED", None)

    await eventually(is_completed)
    await worker.stop()
    stepped.smki.keys = keys
    assert outcomes(await result(stepped, number)) == [("CA_ERROR", "CA:AA7"), ("CSR_ERROR", "CR:AA1")]
    again = await submitted(stepped, [base64_csr(1, DEVICE)])
    for _ in range(3):
        await work_once(stepped.smki)
    assert outcomes(await result(stepped, again)) == [("SUCCESS", None)]


async def test_a_batch_that_fails_within_is_workflow_error(stepped: House, eventually: Eventually) -> None:
    number = await submitted(stepped, [base64_csr(1, DEVICE)])
    stepped.runtime.clock.set(NIGHT)
    await stepped.smki.database.pool.execute("ALTER TABLE certificates ADD CHECK (kind <> 'device')")
    worker = BatchWorker(stepped.smki, poll=0.01, pause=0.01, attempts=2)
    await worker.start()

    async def has_failed() -> bool:
        return await status(stepped, number) == ("WORKFLOW_ERROR", "WF:AA1")

    await eventually(has_failed)
    await worker.stop()


async def test_the_hundred_and_first_certificate_of_a_device_is_an_anomaly(stepped: House) -> None:
    stepped.smki.settings = stepped.smki.settings.model_copy(update={"batch_chunk": 200})
    number = await submitted(stepped, [base64_csr(n, DEVICE) for n in range(1, 102)])
    stepped.runtime.clock.set(NIGHT)

    for _ in range(3):
        await work_once(stepped.smki)

    found = outcomes(await result(stepped, number))
    assert found == [("SUCCESS", None)] * 100 + [("ISSUANCE_ANOMALY", "CA:AA1")]
