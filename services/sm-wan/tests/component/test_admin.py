"""What an operator can see and do."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from dccemu_protocol import catalogue
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms, gbz
from dccemu_protocol.gbcs.alerts import dlms_alert
from dccemu_protocol.gbcs.envelope import decode, encode
from dccemu_protocol.gbcs.payload import decode_payload

ESME, GSME, CHF, GPF = (f"00-DB-12-34-56-78-90-A{n}" for n in range(4))


@pytest.mark.asyncio
async def test_a_device_is_shown_without_its_private_keys(wan):
    shown = await wan.admin.get(f"/admin/devices/{ESME}")

    assert shown.status_code == 200
    body = shown.json()
    assert body["type"] == "ESME"
    assert body["registers"]["active-import"] > 0
    assert {(cell["role"], cell["usage"], cell["has_certificate"]) for cell in body["cells"]} >= {
        (2, "digitalSignature", True),
        (4, "keyAgreement", True),
        (0, "keyCertSign", True),
    }
    assert "key/" not in shown.text


@pytest.mark.asyncio
async def test_an_unknown_device_is_a_problem_document(wan):
    answer = await wan.admin.get("/admin/devices/00-00-00-00-00-00-00-00")

    assert answer.status_code == 404
    assert answer.json()["code"] == "UNKNOWN_DEVICE"


@pytest.mark.asyncio
async def test_registers_count_on_from_a_value_that_was_set(wan):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"registers": {"active-import": 5_000_000}})

    shown = (await wan.admin.get(f"/admin/devices/{ESME}")).json()

    assert shown["registers"]["active-import"] == 5_000_000


@pytest.mark.asyncio
async def test_keys_and_unknown_registers_cannot_be_set(wan):
    key = await wan.admin.put(f"/admin/devices/{ESME}", json={"state": {"key/digitalSignature": "00"}})
    register = await wan.admin.put(f"/admin/devices/{ESME}", json={"registers": {"steam": 1}})

    assert key.status_code // 100 == 4
    assert register.status_code // 100 == 4


@pytest.mark.asyncio
async def test_generic_alerts_go_to_the_role_of_their_code(wan, eventually, parties):
    await wan.admin.post(f"/admin/devices/{ESME}/alerts", json={"code": "8F32"})
    await wan.admin.post(f"/admin/devices/{ESME}/alerts", json={"code": "8010"})
    await wan.admin.post(f"/admin/devices/{GSME}/alerts", json={"code": "810E"})
    await eventually(lambda: len(wan.alerts()) == 3)

    critical, over_current, gas = wan.alerts()
    wan.check(critical, parties["supplier"])
    assert (critical.message_code, critical.mac) == (0x1000, None)
    assert dlms_alert(dlms.decode(critical.payload)).alert_code == 0x8F32
    wan.check(over_current, parties["network_operator"])
    assert over_current.message_code == 0x1001
    wan.check(gas, parties["supplier"])
    assert gbz.decode_alert(gas.payload).alert_code == 0x810E


@pytest.mark.asyncio
@pytest.mark.parametrize("device", [ESME, GSME, CHF, GPF, "00-DB-12-34-56-78-90-A4", "00-DB-12-34-56-78-90-A5"])
async def test_every_alert_code_can_be_sent_by_every_device_and_is_readable(wan, eventually, device):
    codes = list(catalogue.alert_codes)
    for code in codes:
        answer = await wan.admin.post(f"/admin/devices/{device}/alerts", json={"code": code})
        assert answer.status_code == 202, answer.text
    await eventually(lambda: len(wan.alerts()) == len(codes))

    for alert in wan.alerts():
        decode_payload(alert)
        wan.check(alert, alert.target.hex)
    counters = [alert.counter for alert in wan.alerts()]
    assert counters == sorted(set(counters))


@pytest.mark.asyncio
async def test_an_unknown_alert_code_is_refused(wan):
    answer = await wan.admin.post(f"/admin/devices/{ESME}/alerts", json={"code": "0001"})

    assert answer.status_code // 100 == 4
    assert "0001" in answer.text


@pytest.mark.asyncio
async def test_hubs_are_listed_on_the_sm_wan_port(wan):
    hubs = (await wan.status.get("/hubs")).json()

    assert [hub["hub"] for hub in hubs] == [CHF, "00-DB-12-34-56-78-90-B2"]
    assert ESME in hubs[0]["devices"]
    assert all(hub["connected"] for hub in hubs)


@pytest.mark.asyncio
async def test_a_command_brought_by_hand_is_answered_by_hand(wan, parties):
    item = dlms.Specification(dlms.Operation.GET, 1, bytes.fromhex("0000000201ff"), 2)
    payload = dlms.encode(dlms.AccessRequest(dlms.invoke_id(1), (item,), (d.NULL,)))
    eui = ESME.replace("-", "").lower()
    command = b64encode(encode(wan.command(eui, 0x0059, payload, 1))).decode()

    answer = (await wan.admin.post(f"/admin/devices/{ESME}/commands", json={"payload": command})).json()
    garbage = (await wan.admin.post(f"/admin/devices/{ESME}/commands", json={"payload": "AAAA"})).json()

    assert answer["outcome"] == "answered"
    wan.check(decode(b64decode(answer["response"])), parties["supplier"])
    assert wan.sent == []
    assert (garbage["response"], garbage["refusal"]["rule"]) == (None, "FORM")


@pytest.mark.asyncio
async def test_a_device_added_to_the_log_of_its_hub_joins_and_the_hub_backs_up_its_log(wan, eventually, parties):
    hub, eui = CHF.replace("-", "").lower(), "00db1234567890b0"
    register = d.structure(d.OctetString(bytes.fromhex(eui)), d.Enum(1), d.OctetString(bytes(16)), d.Enum(0))
    network = bytes.fromhex("00001e0300ff")
    items = (
        dlms.Specification(dlms.Operation.ACTION, 104, network, 1),
        dlms.Specification(dlms.Operation.SET, 104, network, 3),
        dlms.Specification(dlms.Operation.SET, 104, network, 2),
    )
    values = (register, d.LongUnsigned(90), d.TRUE)
    payload = dlms.encode(dlms.AccessRequest(dlms.invoke_id(7), items, values))
    broker = parties["broker"]

    await wan.send(wan.command(hub, 0x0001, payload, 7, broker, on_behalf_of=(parties["supplier"], 70)))
    await eventually(lambda: len(wan.alerts(0x0018)) == 2)

    keys = []
    for alert in wan.alerts(0x0018):
        wan.check(alert, broker)
        (log,) = dlms_alert(dlms.decode(alert.payload)).items
        entries = {entry.elements[0].value.hex(): entry.elements[1].value for entry in log.elements[2].elements}
        keys.append(len(entries[eui]))
    assert keys == [0, 16]
