"""The hub's way to the Device: reachable or not, slow, lossy, silent; faults; power."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms, times
from dccemu_protocol.gbcs.alerts import dlms_alert
from dccemu_protocol.gbcs.envelope import decode
from dccemu_runtime.faults import Fault
from dccemu_runtime.journal import Filter

ESME, CHF = "00db1234567890a0", "00db1234567890a2"


def version(counter: int) -> bytes:
    item = dlms.Specification(dlms.Operation.GET, 1, bytes.fromhex("0000000201ff"), 2)
    return dlms.encode(dlms.AccessRequest(dlms.invoke_id(counter), (item,), (d.NULL,)))


async def journaled(wan, eventually, identity: str) -> str:
    found = []

    async def known() -> bool:
        found[:] = await wan.service.journal.find(Filter(request_id=f"request {identity}"))
        return bool(found)

    await eventually(known)
    return found[0].outcome


@pytest.mark.asyncio
async def test_a_device_that_cannot_be_reached_is_reported_undelivered(wan, eventually):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"reachable": False})

    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))
    await eventually(lambda: wan.answers(identity))

    (answer,) = wan.answers(identity)
    assert (answer.kind, answer.payload) == ("undelivered", None)
    assert "not reachable" in answer.reason


@pytest.mark.asyncio
async def test_an_unknown_device_is_reported_undelivered(wan, eventually):
    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1), to="00db123456789fff")

    await eventually(lambda: wan.answers(identity))

    assert wan.answers(identity)[0].kind == "undelivered"


@pytest.mark.asyncio
async def test_a_device_behind_a_hub_without_wan_is_reported_undelivered(wan, eventually):
    await wan.admin.put(f"/admin/devices/{CHF}", json={"reachable": False})

    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))
    await eventually(lambda: wan.answers(identity))

    assert "Communications Hub" in wan.answers(identity)[0].reason


@pytest.mark.asyncio
async def test_alerts_from_behind_a_hub_without_wan_do_not_arrive(wan, eventually):
    await wan.admin.put(f"/admin/devices/{CHF}", json={"reachable": False})
    unheard = (await wan.admin.post(f"/admin/devices/{ESME}/alerts", json={"code": "8F3E"})).json()["counter"]
    await wan.admin.put(f"/admin/devices/{CHF}", json={"reachable": True})

    heard = (await wan.admin.post(f"/admin/devices/{ESME}/alerts", json={"code": "8F3E"})).json()["counter"]

    await eventually(lambda: wan.alerts())
    assert [alert.counter for alert in wan.alerts()] == [heard]
    assert heard > unheard


@pytest.mark.asyncio
async def test_a_silent_device_says_nothing(wan, eventually):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"silent": True})

    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))

    assert await journaled(wan, eventually, identity) == "lost"
    assert wan.answers(identity) == []


@pytest.mark.asyncio
async def test_loss_of_one_loses_every_command(wan, eventually):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"loss": 1.0})

    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))

    assert await journaled(wan, eventually, identity) == "lost"


@pytest.mark.asyncio
async def test_a_slow_device_answers_later_by_the_clock_and_in_order(wan, eventually):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"latency_ms": 5000})
    first = await wan.send(wan.command(ESME, 0x0059, version(1), 1))
    second = await wan.send(wan.command(ESME, 0x0059, version(2), 2))
    await eventually(lambda: len(wan.pending()) == 2)
    assert wan.sent == []

    wan.runtime.clock.advance(timedelta(seconds=6))
    await eventually(lambda: len(wan.sent) == 2)

    assert [message.in_reply_to for message in wan.sent] == [first, second]


@pytest.mark.asyncio
async def test_commands_on_their_way_arrive_after_a_restart(wan, eventually):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"latency_ms": 5000})
    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))
    await eventually(lambda: wan.pending())

    await wan.restart()
    wan.runtime.clock.advance(timedelta(seconds=6))
    await eventually(lambda: wan.answers(identity))

    assert len(wan.answers(identity)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("point", "effect", "outcome"),
    [("wan", "drop", "lost"), ("wan", "refuse", "undelivered"), ("wan", "corrupt", "discarded")],
)
async def test_faults_on_the_way_hit_commands(wan, eventually, point, effect, outcome):
    wan.runtime.faults.put(Fault(id="f", point=point, effect=effect, match={"device": "00-DB-12-34-56-78-90-A0"}))

    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))

    assert await journaled(wan, eventually, identity) == outcome


@pytest.mark.asyncio
async def test_a_corrupted_response_does_not_verify(wan, eventually, parties):
    wan.runtime.faults.put(Fault(id="f", point="device", effect="corrupt"))

    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))
    await eventually(lambda: wan.answers(identity))

    with pytest.raises(Exception, match="MAC"):
        wan.check(decode(bytes.fromhex(wan.answers(identity)[0].payload)), parties["supplier"])


@pytest.mark.asyncio
@pytest.mark.checklist("F2")
async def test_an_outage_is_told_after_three_minutes_and_its_end_by_the_meter(wan, eventually, parties):
    begin = wan.runtime.clock.now()
    await wan.admin.put(f"/admin/devices/{CHF}/power", json={"supplied": False})
    identity = await wan.send(wan.command(ESME, 0x0059, version(1), 1))
    await eventually(lambda: wan.answers(identity))
    assert wan.answers(identity)[0].kind == "undelivered"

    wan.runtime.clock.advance(timedelta(minutes=4))
    await eventually(lambda: wan.alerts_ordered)
    await wan.admin.put(f"/admin/devices/{CHF}/power", json={"supplied": True})
    await eventually(lambda: wan.alerts(0x0067))

    order = DccAlertOrder.from_bytes(wan.alerts_ordered[0].value)
    assert (order.code, order.alert) == ("AD1", "PowerOutageEvent")
    assert order.recipients == ("90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-02-00-00")
    assert order.body["MPxN"] == "1312345678111"
    (alert,) = wan.alerts(0x0067)
    assert alert.target.hex == parties["network_operator"]
    read = dlms_alert(dlms.decode(alert.payload))
    assert read.alert_code == 0x8F36
    assert read.items[0].value == times.date_time_octets(begin)
