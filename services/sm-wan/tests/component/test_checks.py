"""What a Device does not do: wrong MAC, signature, counter, role, target, use case, octets (gbcs.md section 12)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms
from dccemu_protocol.gbcs.alerts import dlms_alert
from dccemu_protocol.gbcs.envelope import encode
from dccemu_runtime.groupcommit import StoreUnavailable, Unit
from dccemu_runtime.journal import Filter

ESME, GSME = "00db1234567890a0", "00db1234567890a1"
CLOSE = 0x004F


def close_switch(counter: int) -> bytes:
    item = dlms.Specification(dlms.Operation.ACTION, 9, bytes.fromhex("00000a006aff"), 1)
    return dlms.encode(dlms.AccessRequest(dlms.invoke_id(counter), (item,), (d.LongUnsigned(51),)))


def version(counter: int) -> bytes:
    item = dlms.Specification(dlms.Operation.GET, 1, bytes.fromhex("0000000201ff"), 2)
    return dlms.encode(dlms.AccessRequest(dlms.invoke_id(counter), (item,), (d.NULL,)))


async def refused(wan, eventually, identity: str) -> dict[str, str]:
    """The journal's word on a Command that was not answered: failed rule and outcome."""

    async def entries():
        found = await wan.service.journal.find(Filter(request_id=f"request {identity}"))
        return found

    found = []

    async def known() -> bool:
        found[:] = await entries()
        return bool(found)

    await eventually(known)
    failed = [check.rule for check in found[0].checks if not check.passed]
    assert wan.answers(identity) == []
    return {"outcome": found[0].outcome, "rule": failed[0] if failed else ""}


@pytest.mark.asyncio
async def test_a_mac_of_another_broker_is_refused_with_a_critical_alert(wan, eventually, parties):
    command = wan.command(ESME, 0x0059, version(1), 1, mac_by=parties["rival"])

    identity = await wan.send(command)

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "MAC"}
    await eventually(lambda: wan.alerts(0x1000))
    (alert,) = wan.alerts(0x1000)
    wan.check(alert, parties["supplier"])
    assert dlms_alert(dlms.decode(alert.payload)).alert_code == 0x8F3D


@pytest.mark.asyncio
async def test_a_signature_of_somebody_else_is_refused(wan, eventually, parties):
    command = wan.command(ESME, CLOSE, close_switch(1), 1, signer=parties["rival"])

    identity = await wan.send(command)

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "SIGNATURE"}


@pytest.mark.asyncio
async def test_an_unsigned_critical_command_is_refused(wan, eventually, parties):
    identity = await wan.send(wan.command(ESME, CLOSE, close_switch(1), 1))

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "SIGNATURE"}


@pytest.mark.asyncio
async def test_a_party_that_is_in_no_cell_has_no_authority(wan, eventually, parties):
    command = wan.command(ESME, CLOSE, close_switch(1), 1, parties["rival"], signer=parties["rival"])

    identity = await wan.send(command)

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "AUTHORITY"}
    await eventually(lambda: wan.alerts(0x1000))
    assert dlms_alert(dlms.decode(wan.alerts(0x1000)[0].payload)).alert_code == 0x8F30


@pytest.mark.asyncio
async def test_a_known_party_of_the_wrong_role_has_no_authority(wan, eventually, parties):
    operator = parties["network_operator"]

    identity = await wan.send(wan.command(ESME, CLOSE, close_switch(1), 1, operator, signer=operator))

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "AUTHORITY"}


@pytest.mark.asyncio
async def test_a_counter_that_does_not_rise_is_discarded_silently(wan, eventually, parties):
    supplier = parties["supplier"]
    first = await wan.send(wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=supplier))
    await eventually(lambda: wan.answers(first))

    again = await wan.send(wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=supplier))
    lower = await wan.send(wan.command(ESME, CLOSE, close_switch(999), 999, signer=supplier))

    assert await refused(wan, eventually, again) == {"outcome": "discarded", "rule": "COUNTER"}
    assert await refused(wan, eventually, lower) == {"outcome": "discarded", "rule": "COUNTER"}
    assert wan.alerts() == []


@pytest.mark.asyncio
async def test_the_last_accepted_counter_outlives_a_restart(wan, eventually, parties):
    supplier = parties["supplier"]
    first = await wan.send(wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=supplier))
    await eventually(lambda: wan.answers(first))

    await wan.restart()
    again = await wan.send(wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=supplier))

    assert await refused(wan, eventually, again) == {"outcome": "discarded", "rule": "COUNTER"}


@pytest.mark.asyncio
async def test_the_same_device_command_delivered_twice_is_carried_out_once(wan, eventually, parties):
    command = wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=parties["supplier"])

    await wan.send(command, id="once")
    await wan.send(command, id="once")
    await eventually(lambda: wan.answers("once"))
    later = await wan.send(wan.command(ESME, 0x0059, version(2), 2))
    await eventually(lambda: wan.answers(later))

    assert len(wan.answers("once")) == 1
    assert wan.answers("once")[0].kind == "response"


@pytest.mark.asyncio
async def test_a_command_for_another_device_is_refused(wan, eventually, parties):
    identity = await wan.send(wan.command(GSME, 0x0059, version(1), 1), to=ESME)

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "TARGET"}


@pytest.mark.asyncio
async def test_octets_that_are_no_message_are_refused(wan, eventually, parties):
    whole = encode(wan.command(ESME, 0x0059, version(1), 1))

    identity = await wan.send(whole[:-5], to=ESME)

    assert await refused(wan, eventually, identity) == {"outcome": "discarded", "rule": "FORM"}


@pytest.mark.asyncio
async def test_a_use_case_the_device_does_not_have_is_answered_by_an_ecs100_alert(wan, eventually, parties):
    identity = await wan.send(wan.command(ESME, 0x0074, version(1), 77))

    assert await refused(wan, eventually, identity) == {"outcome": "unsupported", "rule": "USE_CASE"}
    await eventually(lambda: wan.alerts(0x0120))
    (alert,) = wan.alerts(0x0120)
    wan.check(alert, parties["supplier"])
    read = dlms_alert(dlms.decode(alert.payload))
    assert read.alert_code == 0x8F85
    assert read.items[0].value == bytes.fromhex("0074") + (77).to_bytes(8, "big")


@pytest.mark.asyncio
async def test_commands_of_one_device_are_done_in_order_and_each_once_under_load(wan, eventually, parties):
    supplier = parties["supplier"]
    commands = [wan.command(ESME, CLOSE, close_switch(n), n, signer=supplier) for n in range(1, 41)]

    identities = [await wan.send(command) for command in commands]
    await eventually(lambda: all(wan.answers(identity) for identity in identities))

    shown = (await wan.admin.get(f"/admin/devices/{ESME}")).json()
    assert shown["state"]["counter/2/critical"] == 40
    wan.runtime.clock.advance(timedelta(seconds=1))
    assert [len(wan.answers(identity)) for identity in identities] == [1] * 40


@pytest.mark.asyncio
async def test_a_commit_of_unknown_outcome_is_not_forgotten(wan, eventually, parties, monkeypatch):
    """The database commits and goes away before it says so: the Device still knows the counter it accepted."""
    group = wan.group()
    commit, failures = group.commit, []

    async def commits_and_fails_once(unit: Unit) -> None:
        await commit(unit)
        if not failures:
            failures.append(unit)
            raise StoreUnavailable("gone")

    monkeypatch.setattr(group, "commit", commits_and_fails_once)
    supplier = parties["supplier"]
    first = await wan.send(wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=supplier))
    await eventually(lambda: wan.answers(first))
    assert failures

    again = await wan.send(wan.command(ESME, CLOSE, close_switch(1000), 1000, signer=supplier))

    assert await refused(wan, eventually, again) == {"outcome": "discarded", "rule": "COUNTER"}
    assert len(wan.answers(first)) == 1
