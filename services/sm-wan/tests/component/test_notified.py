"""Devices of new inventory records come to life, and only one process keeps Devices."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from dccemu_contracts.inventory import DeviceFact
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms
from dccemu_protocol.gbcs.envelope import decode
from dccemu_runtime.outbox import message_of
from dccemu_sm_wan.bootstrap import build

NEW = "00-DB-12-34-56-78-9F-01"


def fact(wan, version: int, device: str = NEW, **changes: object) -> DeviceFact:
    return DeviceFact(
        id=f"fact {device} {version}",
        at=wan.runtime.clock.now(),
        version=version,
        device=device,
        type="ESME",
        status="Pending",
        manufacturer="AB01",
        model="010A030B",
        firmware_version="0002012F",
        gbcs_version="4.3",
        esme_variant="A",
        notified_by="90-B3-D5-1F-30-01-00-00",
        **changes,
    )


async def is_enrolled(wan, device: str) -> bool:
    """Whether the simulated Device is there with its own certificates and those of the parties in its cells."""
    answer = await wan.admin.get(f"/admin/devices/{device}")
    if answer.status_code != 200:
        return False
    found = answer.json()
    own = [name for name in found["state"] if name.startswith("certificate/")]
    return len(own) == 2 and all(cell["has_certificate"] for cell in found["cells"] if cell["eui"])


@pytest.mark.asyncio
async def test_a_pre_notified_device_gets_keys_and_certificates_and_answers(wan, eventually, parties):
    await wan.runtime.bus.publish([message_of(fact(wan, 1))])
    eui = NEW.replace("-", "").lower()
    await eventually(lambda: is_enrolled(wan, NEW))
    item = dlms.Specification(dlms.Operation.GET, 1, bytes.fromhex("0000000201ff"), 2)
    payload = dlms.encode(dlms.AccessRequest(dlms.invoke_id(1), (item,), (d.NULL,)))

    identity = await wan.send(wan.command(eui, 0x0059, payload, 1))
    await eventually(lambda: wan.answers(identity))

    wan.check(decode(bytes.fromhex(wan.answers(identity)[0].payload)), parties["supplier"])


@pytest.mark.asyncio
async def test_the_hub_of_a_device_follows_the_inventory(wan, eventually):
    await wan.runtime.bus.publish([message_of(fact(wan, 1))])
    await wan.runtime.bus.publish([message_of(fact(wan, 2, hub="00-DB-12-34-56-78-90-A2"))])

    async def served() -> bool:
        answer = await wan.admin.get(f"/admin/devices/{NEW}")
        return answer.status_code == 200 and answer.json()["hub"] == "00-DB-12-34-56-78-90-A2"

    await eventually(served)


@pytest.mark.asyncio
async def test_a_big_inventory_comes_to_life_while_the_service_is_ready(wan, eventually):
    """One record that no Device can be made of stops no other, and nobody waits for all of them."""
    known = [f"00-DB-12-34-56-7A-00-{number:02X}" for number in range(30)]
    records = [message_of(fact(wan, 1, device)) for device in known]
    records[20] = message_of(fact(wan, 1, known[20]).model_copy(update={"gbcs_version": "none at all"}))

    await wan.runtime.bus.publish(records)
    unready = []

    async def all_enrolled() -> bool:
        unready.extend(wan.service.unready())
        return all([await is_enrolled(wan, device) for device in (known[0], known[19], known[21], known[29])])

    await eventually(all_enrolled, within=90)
    assert unready == []
    assert (await wan.admin.get(f"/admin/devices/{known[20]}")).status_code == 404


@pytest.mark.asyncio
async def test_a_second_process_waits_until_the_first_has_ended(wan, eventually):
    second = await build(wan.settings, wan.runtime)
    starting = asyncio.create_task(second.start())
    done, _ = await asyncio.wait({starting}, timeout=0.3)
    assert done == set()

    await wan.service.stop()
    await asyncio.wait_for(starting, 10)

    assert second.unready() == []
    await second.stop()
    await wan.restart()


@pytest.mark.asyncio
async def test_a_process_that_is_stopped_while_it_waits_for_the_devices_asks_for_them_no_more(
    wan, eventually, postgres_url
):
    second = await build(wan.settings, wan.runtime)
    onlooker = await asyncpg.connect(postgres_url)

    async def waiting() -> int:
        return await onlooker.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    starting = asyncio.create_task(second.start())
    await eventually(waiting)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await second.stop()

    assert await waiting() == 0
    await onlooker.close()
