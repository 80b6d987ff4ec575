"""kill -9 in the middle of a batch: nothing is half-issued, and the next start finishes it (smki.md section 5.5)."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage, csr, parse

if TYPE_CHECKING:
    from ..conftest import Eventually, Open

pytestmark = pytest.mark.asyncio
NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)
SIZE = 400
WORKER = Path(__file__).with_name("killed_worker.py")
ISSUED = "SELECT count(*) FROM certificates WHERE kind = 'device'"
SUCCEEDED = "SELECT count(*) FROM batch_items WHERE status = 'SUCCESS'"


def batch() -> bytes:
    items = []
    for number in range(SIZE):
        device = Eui64((0x00DB123400000000 + number // 2).to_bytes(8, "big"))
        usage = Usage.KEY_AGREEMENT if number % 2 else Usage.DIGITAL_SIGNATURE
        made = csr.build_device_csr(ec.derive_private_key(5000 + number, ec.SECP256R1()), device, usage)
        items.append(f'<DeviceCSR ID="i{number}">{b64encode(made).decode()}</DeviceCSR>')
    return f'<SubmitCSRBatch ID="b"><Version>1.0</Version>{"".join(items)}</SubmitCSRBatch>'.encode()


async def test_a_batch_survives_kill_9(
    open_house: Open, postgres_url: str, tmp_path: Path, eventually: Eventually
) -> None:
    house = await open_house(batch_chunk=5)
    await house.dcc_services()
    await house.party("SUPPLIER1", {"90-B3-D5-1F-30-01-00-00": ["IS"]})
    await eventually(lambda: not house.service.unready())

    async def submitted() -> bool:
        answer = await house.client.post(
            "/services/1.0/PortalCSRBatch/SubmitCSRBatch", params={"apikey": "SUPPLIER1"}, content=batch()
        )
        return answer.status_code == 200

    await eventually(submitted)
    (row,) = (await house.admin.get("/admin/smki/batches")).json()
    await house.service.stop()
    schema = house.schema
    pool = await asyncpg.create_pool(postgres_url, min_size=1, max_size=1, server_settings={"search_path": schema})
    settings = {
        "database_url": postgres_url,
        "database_schema": schema,
        "data_dir": str(tmp_path),
        "clock": NIGHT.isoformat(),
        "batch_chunk": 5,
    }
    landed = 0
    kills_wanted = 2
    seen = 0
    for _ in range(kills_wanted):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), json.dumps(settings), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"working\n"

        async def has_more(seen: int = seen) -> bool:
            return int(await pool.fetchval(ISSUED)) > seen

        await eventually(has_more, within=30)
        process.send_signal(signal.SIGKILL)
        await process.wait()

        async def is_quiet() -> bool:
            """The killed process's transactions are over."""
            count = await pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'",
                f"dccemu {schema}",
            )
            return int(count) == 0

        await eventually(is_quiet)
        issued, succeeded = await pool.fetchval(ISSUED), await pool.fetchval(SUCCEEDED)
        assert issued == succeeded
        assert await pool.fetchval("SELECT done FROM batches WHERE id = $1", row["batch"]) == succeeded
        landed += issued < SIZE
        seen = issued
    assert landed, "no kill landed in the middle of the batch: the test proved nothing"

    again = await open_house(batch_chunk=200)
    again.runtime.clock.set(NIGHT)

    async def is_completed() -> bool:
        return (await again.admin.get("/admin/smki/batches")).json()[0]["status"] == "COMPLETED"

    await eventually(is_completed, within=30)
    rows = await pool.fetch("SELECT der FROM certificates WHERE kind = 'device'")
    points = {parse(bytes(r["der"])).point for r in rows}
    assert (len(rows), len(points), await pool.fetchval(SUCCEEDED)) == (SIZE, SIZE, SIZE)
    assert await pool.fetchval("SELECT sum(issued) FROM device_counts") == SIZE
    serials = {parse(bytes(r["der"])).serial_hex for r in rows}
    await eventually(lambda: serials <= {fact.serial for fact in again.certificates().values()})
    await pool.close()
