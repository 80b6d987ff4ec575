"""Critical Commands: checked by the Device, answered with its signature; future dating; credentials."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import der, dlms, times
from dccemu_protocol.gbcs import der_types as t
from dccemu_protocol.gbcs.alerts import dlms_alert
from dccemu_protocol.gbcs.envelope import CRA, decode

ESME, GSME, GPF = "00db1234567890a0", "00db1234567890a1", "00db1234567890a3"
CLOCK = bytes.fromhex("0000010000ff")


def obis(text: str) -> bytes:
    return bytes(int(group) for group in text.replace("-", ".").replace(":", ".").split("."))


def request(counter: int, *items: tuple[dlms.Operation, int, str, int, d.Datum]) -> bytes:
    return dlms.encode(
        dlms.AccessRequest(
            dlms.invoke_id(counter),
            tuple(
                dlms.Specification(operation, kind, obis(name), number) for operation, kind, name, number, _ in items
            ),
            tuple(value for *_, value in items),
        )
    )


def synchronise_clock(counter: int, earliest: datetime, latest: datetime) -> bytes:
    window = d.structure(
        d.OctetString(times.NEVER),
        d.OctetString(times.date_time_octets(earliest)),
        d.OctetString(times.date_time_octets(latest)),
    )
    clock = "0-0:1.0.0.255"
    return request(
        counter,
        (dlms.Operation.SET, 8, clock, 9, d.Enum(5)),
        (dlms.Operation.ACTION, 8, clock, 5, window),
        (dlms.Operation.ACTION, 8, clock, 4, d.Integer(0)),
        (dlms.Operation.GET, 8, clock, 2, d.NULL),
        (dlms.Operation.GET, 8, clock, 4, d.NULL),
    )


def load_limit(counter: int, time: bytes, threshold: int = 6900) -> bytes:
    at = d.OctetString(time)
    return request(
        counter,
        (dlms.Operation.SET, 9000, "0-0:94.44.0.3", 4, d.FALSE),
        (dlms.Operation.SET, 9000, "0-0:94.44.128.7", 4, d.DoubleLongUnsigned(threshold)),
        (dlms.Operation.SET, 9000, "0-0:94.44.128.6", 4, d.DoubleLongUnsigned(300)),
        (dlms.Operation.SET, 9000, "0-0:94.44.128.8", 4, d.DoubleLongUnsigned(30)),
        (dlms.Operation.SET, 9000, "0-0:94.44.0.3", 6, at),
        (dlms.Operation.SET, 9000, "0-0:94.44.128.7", 6, at),
        (dlms.Operation.SET, 9000, "0-0:94.44.128.6", 6, at),
        (dlms.Operation.SET, 9000, "0-0:94.44.128.8", 6, at),
    )


def read_limit(counter: int) -> bytes:
    return request(counter, (dlms.Operation.GET, 71, "0-0:17.0.0.255", 4, d.NULL))


async def exchange(wan, eventually, command):
    identity = await wan.send(command)
    await eventually(lambda: wan.answers(identity))
    (answer,) = wan.answers(identity)
    assert answer.kind == "response"
    return decode(bytes.fromhex(answer.payload))


async def threshold(wan, eventually, counter: int) -> int:
    response = await exchange(wan, eventually, wan.command(ESME, 0x0042, read_limit(counter), counter))
    (value,) = dlms.decode(response.payload).data
    return value.value


@pytest.mark.asyncio
async def test_clock_is_set_by_a_signed_command_and_the_answer_is_signed(wan, eventually, parties):
    now = wan.runtime.clock.now()
    await wan.admin.put(f"/admin/devices/{ESME}", json={"state": {"clock/offset": 90}})

    response = await exchange(
        wan,
        eventually,
        wan.command(
            ESME, 0x0062, synchronise_clock(1000, now, now + timedelta(seconds=10)), 1000, signer=parties["supplier"]
        ),
    )

    wan.check(response, parties["supplier"])
    assert response.mac is None
    answer = dlms.decode(response.payload)
    assert [result.result for result in answer.results] == [0] * 5
    assert answer.data[3] == d.OctetString(times.date_time_octets(now))
    assert answer.data[4] == d.Unsigned(0)


@pytest.mark.asyncio
async def test_a_clock_outside_the_window_is_left_and_called_doubtful(wan, eventually, parties):
    past = wan.runtime.clock.now() - timedelta(hours=1)

    response = await exchange(
        wan,
        eventually,
        wan.command(
            ESME, 0x0062, synchronise_clock(1000, past, past + timedelta(seconds=10)), 1000, signer=parties["supplier"]
        ),
    )

    assert dlms.decode(response.payload).data[4] == d.Unsigned(2)


@pytest.mark.asyncio
async def test_load_limit_settings_take_effect_at_once(wan, eventually, parties):
    response = await exchange(
        wan, eventually, wan.command(ESME, 0x0043, load_limit(1000, times.NOW, 5000), 1000, signer=parties["supplier"])
    )

    wan.check(response, parties["supplier"])
    assert len(response.date_time) == 12
    assert await threshold(wan, eventually, 1001) == 5000


@pytest.mark.asyncio
async def test_future_dated_settings_wait_and_send_an_alert_for_each_activation_time(wan, eventually, parties):
    due = wan.runtime.clock.now() + timedelta(days=2)
    command = load_limit(1000, times.date_time_octets(due), 5000)
    await exchange(wan, eventually, wan.command(ESME, 0x0043, command, 1000, signer=parties["supplier"]))
    assert await threshold(wan, eventually, 1001) == 6900
    assert wan.alerts(0x00CC) == []

    wan.runtime.clock.advance(timedelta(days=3))
    await eventually(lambda: len(wan.alerts(0x00CC)) == 4)

    assert await threshold(wan, eventually, 1002) == 5000
    alerts = wan.alerts(0x00CC)
    for alert in alerts:
        wan.check(alert, parties["supplier"])
        assert alert.target.hex == parties["supplier"]
    first = alerts[0].counter
    assert [alert.counter for alert in alerts] == [first, first + 1, first + 2, first + 3]
    read = [dlms_alert(dlms.decode(alert.payload)) for alert in alerts]
    assert {one.alert_code for one in read} == {0x8F66}
    assert {one.time for one in read} == {times.date_time_octets(due)}
    assert [one.items[0].value[12:18] for one in read] == [
        obis("0-0:94.44.0.3"),
        obis("0-0:94.44.128.7"),
        obis("0-0:94.44.128.6"),
        obis("0-0:94.44.128.8"),
    ]


@pytest.mark.asyncio
async def test_a_pending_instruction_outlives_a_restart_and_fires_once(wan, eventually, parties):
    due = wan.runtime.clock.now() + timedelta(days=2)
    command = load_limit(1000, times.date_time_octets(due), 5000)
    await exchange(wan, eventually, wan.command(ESME, 0x0043, command, 1000, signer=parties["supplier"]))

    await wan.restart()
    wan.runtime.clock.advance(timedelta(days=3))
    await eventually(lambda: len(wan.alerts(0x00CC)) == 4)
    await wan.restart()

    assert await threshold(wan, eventually, 1001) == 5000
    assert len(wan.alerts(0x00CC)) == 4


@pytest.mark.asyncio
async def test_cancelling_removes_a_pending_instruction(wan, eventually, parties):
    due = wan.runtime.clock.now() + timedelta(days=2)
    for counter, time in ((1000, times.date_time_octets(due)), (1001, times.NEVER)):
        await exchange(
            wan,
            eventually,
            wan.command(ESME, 0x0043, load_limit(counter, time, 5000), counter, signer=parties["supplier"]),
        )

    wan.runtime.clock.advance(timedelta(days=3))

    assert await threshold(wan, eventually, 1002) == 6900
    assert wan.alerts(0x00CC) == []


@pytest.mark.asyncio
async def test_the_first_failing_item_stops_the_rest(wan, eventually, parties):
    await wan.admin.put(f"/admin/devices/{ESME}", json={"state": {"failures": {"9000/0-0:94.44.128.7/4": 2}}})

    response = await exchange(
        wan, eventually, wan.command(ESME, 0x0043, load_limit(1000, times.NOW), 1000, signer=parties["supplier"])
    )

    assert [result.result for result in dlms.decode(response.payload).results] == [0, 2] + [250] * 6


def change_of_supplier(wan, counter: int, new: str, execution: datetime | None = None) -> bytes:
    certificates, top_up = wan.hierarchy.certificates, wan.hierarchy.top_up[new]
    cells = [
        (certificates[new, "digitalSignature"], t.TrustAnchorCell(2, t.KeyUsage.DIGITAL_SIGNATURE)),
        (certificates[new, "keyAgreement"], t.TrustAnchorCell(2, t.KeyUsage.KEY_AGREEMENT)),
        (top_up, t.TrustAnchorCell(2, t.KeyUsage.KEY_AGREEMENT, 1)),
    ]
    control = t.ReplacementControl(
        7,
        None,
        None,
        t.TrustAnchorCell(5, t.KeyUsage.DIGITAL_SIGNATURE),
        counter,
        None,
        None,
        (t.RoleFloor(2, 0, (t.PrepaymentFloor(0, 0),)),),
    )
    request_ = t.UpdateSecurityCredentials(
        control,
        tuple(t.Replacement(t.Certificate(certificate.der), cell) for certificate, cell in cells),
        (t.Certificate(wan.hierarchy.issuing.der),),
        execution,
    )
    return der.encode(request_, 0x0107, CRA.COMMAND)


@pytest.mark.asyncio
@pytest.mark.checklist("C15")
async def test_change_of_supplier_replaces_the_cells_and_hands_over_authority(wan, eventually, parties):
    supplier, rival, cos = parties["supplier"], parties["rival"], parties["cos"]

    response = await exchange(
        wan, eventually, wan.command(ESME, 0x0107, change_of_supplier(wan, 6001, rival), 6001, cos, signer=cos)
    )

    wan.check(response, cos)
    outcome = der.decode(response.payload, 0x0107, CRA.RESPONSE).outcome
    assert [result.status for result in outcome.results] == [0, 0, 0]
    assert {result.existing_subject.hex for result in outcome.results} == {supplier}
    assert {result.replacing_subject.hex for result in outcome.results} == {rival}
    assert outcome.results[0].replacing_key_id == wan.hierarchy.certificates[rival, "digitalSignature"].ski
    now = wan.runtime.clock.now()
    clock = synchronise_clock(7, now, now + timedelta(seconds=10))
    taken = await exchange(wan, eventually, wan.command(ESME, 0x0062, clock, 7, rival, signer=rival))
    wan.check(taken, rival)
    refused = await wan.send(wan.command(ESME, 0x0062, synchronise_clock(9000, now, now), 9000, signer=supplier))
    await eventually(lambda: any(alert.target.hex == rival for alert in wan.alerts(0x1000)))
    assert wan.answers(refused) == []


@pytest.mark.asyncio
async def test_future_dated_credentials_answer_null_and_tell_the_outcome_later(wan, eventually, parties):
    cos, rival = parties["cos"], parties["rival"]
    due = wan.runtime.clock.now() + timedelta(days=1)

    response = await exchange(
        wan, eventually, wan.command(ESME, 0x0107, change_of_supplier(wan, 6001, rival, due), 6001, cos, signer=cos)
    )
    assert der.decode(response.payload, 0x0107, CRA.RESPONSE).outcome is None
    wan.runtime.clock.advance(timedelta(days=1))
    await eventually(lambda: wan.alerts(0x00CB))

    (alert,) = wan.alerts(0x00CB)
    wan.check(alert, cos)
    content = der.decode(alert.payload, 0x00CB, CRA.ALERT)
    assert (content.alert_code, content.time) == (0x8F66, due.replace(microsecond=0))
    assert [result.status for result in content.outcome.results] == [0, 0, 0]


@pytest.mark.asyncio
async def test_a_certificate_of_another_hierarchy_is_refused_and_the_cell_keeps_what_it_has(wan, eventually, parties):
    cos, rival = parties["cos"], parties["rival"]
    good = der.decode(change_of_supplier(wan, 6001, rival), 0x0107, CRA.COMMAND)
    stranger = type(wan.hierarchy)("strangers")
    foreign = t.Replacement(
        t.Certificate(stranger.certificates[rival, "digitalSignature"].der), good.replacements[0].cell
    )
    bad = der.encode(
        t.UpdateSecurityCredentials(good.control, (foreign, *good.replacements[1:]), good.path), 0x0107, CRA.COMMAND
    )

    response = await exchange(wan, eventually, wan.command(ESME, 0x0107, bad, 6001, cos, signer=cos))

    outcome = der.decode(response.payload, 0x0107, CRA.RESPONSE).outcome
    assert [result.status for result in outcome.results] == [10, 0, 0]
    assert outcome.results[0].replacing_subject.hex == parties["supplier"]


@pytest.mark.asyncio
@pytest.mark.checklist("D12")
async def test_handover_lets_the_broker_replace_the_supplier_cells_it_holds(wan, eventually, parties):
    broker, rival = parties["broker"], parties["rival"]
    gpf = "00db1234567890b3"
    assert gpf in {key[0] for key in wan.devices}
    shown = (await wan.admin.get(f"/admin/devices/{gpf}")).json()
    operator = [cell for cell in shown["cells"] if cell["role"] == 3]
    assert {cell["eui"] for cell in operator} == {"90-B3-D5-1F-30-00-00-02"}
    certificate = wan.hierarchy.certificates[parties["network_operator"], "digitalSignature"]
    control = t.ReplacementControl(3, None, None, t.TrustAnchorCell(3, t.KeyUsage.DIGITAL_SIGNATURE), 1300, 0)
    payload = der.encode(
        t.UpdateSecurityCredentials(
            control,
            (t.Replacement(t.Certificate(certificate.der), t.TrustAnchorCell(3, t.KeyUsage.DIGITAL_SIGNATURE)),),
            (t.Certificate(wan.hierarchy.issuing.der),),
        ),
        0x0103,
        CRA.COMMAND,
    )

    response = await exchange(wan, eventually, wan.command(gpf, 0x0103, payload, 1300, broker, signer=broker))

    outcome = der.decode(response.payload, 0x0103, CRA.RESPONSE).outcome
    assert [result.status for result in outcome.results] == [0]
    assert rival != outcome.results[0].replacing_subject.hex == parties["network_operator"]


@pytest.mark.asyncio
@pytest.mark.checklist("B13", "B14")
async def test_recovery_replaces_credentials_with_a_signature_and_no_mac(wan, eventually, parties):
    """CS02b in mode 8: the Recovery party replaces the Supplier's cells after a compromise."""
    recovery, rival = "90b3d51f30000001", parties["rival"]
    certificate = wan.hierarchy.certificates[rival, "digitalSignature"]
    control = t.ReplacementControl(
        8, None, None, t.TrustAnchorCell(1, t.KeyUsage.DIGITAL_SIGNATURE), 7000, 0, None, (t.RoleFloor(2, 50),)
    )
    payload = der.encode(
        t.UpdateSecurityCredentials(
            control,
            (t.Replacement(t.Certificate(certificate.der), t.TrustAnchorCell(2, t.KeyUsage.DIGITAL_SIGNATURE)),),
            (t.Certificate(wan.hierarchy.issuing.der),),
        ),
        0x0108,
        CRA.COMMAND,
    )
    command = replace(wan.command(ESME, 0x0108, payload, 7000, recovery, signer=recovery), mac=None)

    response = await exchange(wan, eventually, command)

    wan.check(response, recovery)
    outcome = der.decode(response.payload, 0x0108, CRA.RESPONSE).outcome
    assert [result.status for result in outcome.results] == [0]
    assert [(change.role, change.floor) for change in outcome.counter_changes] == [(1, 0), (2, 50)]
    shown = (await wan.admin.get(f"/admin/devices/{ESME}")).json()
    assert shown["state"]["counter/2/critical"] == 50
