"""Non-critical reads: registers, versions, device log; answered with a MAC, encrypted where the use case says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import dlms, gbz, zcl
from dccemu_protocol.gbcs.envelope import decode

ESME, GSME, CHF = "00db1234567890a0", "00db1234567890a1", "00db1234567890a2"


def protected_read(counter: int, reader: str) -> bytes:
    """ECS17b: the import registers through the data protection object."""
    whole = d.structure(d.Enum(0), d.NULL)
    target = d.structure(
        d.LongUnsigned(1), d.OctetString(bytes.fromhex("00005e2c220a")), d.Integer(2), d.LongUnsigned(0), whole
    )
    agreed = d.structure(d.Enum(2), d.structure(d.OctetString(b"\x02"), d.OctetString(b"")))
    how = d.structure(
        d.Enum(2),
        d.structure(
            d.OctetString(b"\x04" + counter.to_bytes(8, "big")),
            d.OctetString(bytes.fromhex(reader)),
            d.OctetString(bytes.fromhex(ESME)),
            d.OctetString(b""),
            agreed,
        ),
    )
    item = dlms.Specification(dlms.Operation.ACTION, 30, bytes.fromhex("00002b0208ff"), 1)
    return dlms.encode(
        dlms.AccessRequest(dlms.invoke_id(counter), (item,), (d.structure(d.array([target]), d.array([how])),))
    )


async def read_import(wan, eventually, parties, counter: int) -> tuple[d.Datum, object]:
    supplier = parties["supplier"]
    identity = await wan.send(wan.command(ESME, 0x0027, protected_read(counter, supplier), counter))
    await eventually(lambda: wan.answers(identity))
    response = decode(bytes.fromhex(wan.answers(identity)[0].payload))
    wan.check(response, supplier)
    answer = dlms.decode(response.payload)
    assert [result.result for result in answer.results] == [0]
    blob = answer.data[0].elements[1].value
    return d.decode(wan.open(response, blob, supplier)), response


@pytest.mark.asyncio
async def test_import_registers_are_read_encrypted_and_move_with_the_clock(wan, eventually, parties):
    first, response = await read_import(wan, eventually, parties, 1000)

    wan.runtime.clock.advance(timedelta(days=30))
    later, _ = await read_import(wan, eventually, parties, 1001)

    (values,) = first.elements
    (moved,) = later.elements
    assert [type(part).__name__ for part in values.elements] == [
        "DoubleLongUnsigned",
        "Structure",
        "DoubleLongUnsigned",
        "Structure",
    ]
    assert moved.elements[0].value - values.elements[0].value > 100_000
    assert len(response.date_time) == 12


@pytest.mark.asyncio
async def test_gas_register_is_read_encrypted(wan, eventually, parties):
    supplier = parties["supplier"]
    payload = gbz.encode(gbz.GbzPayload((gbz.read_attributes(0x0702, (0x0302, 0x0301, 0x0300, 0x0000), 0),)))

    identity = await wan.send(wan.command(GSME, 0x0074, payload, 1000))
    await eventually(lambda: wan.answers(identity))

    response = decode(bytes.fromhex(wan.answers(identity)[0].payload))
    wan.check(response, supplier)
    (component,) = gbz.decode(response.payload).components
    assert component.is_encrypted
    answer = component.zcl(wan.open(response, component.payload, supplier))
    assert isinstance(answer, zcl.ReadAttributesResponse)
    assert [record.status for record in answer.records] == [0, 0, 0, 0]
    assert answer.records[3].value > 0
    assert response.date_time[-1] == 0


@pytest.mark.asyncio
async def test_the_broker_reads_a_hubs_device_log_on_behalf_of_a_user(wan, eventually, parties):
    broker, supplier = parties["broker"], parties["supplier"]
    item = dlms.Specification(dlms.Operation.GET, 104, bytes.fromhex("00001e0300ff"), 4)
    payload = dlms.encode(dlms.AccessRequest(dlms.invoke_id(5), (item,), (d.NULL,)))

    command = wan.command(CHF, 0x010F, payload, 5, broker, on_behalf_of=(supplier, 77))
    identity = await wan.send(command)
    await eventually(lambda: wan.answers(identity))

    response = decode(bytes.fromhex(wan.answers(identity)[0].payload))
    wan.check(response, broker)
    assert response.target.hex == broker
    assert response.other.supplementary_party.hex == supplier
    assert response.other.supplementary_counter == 77
    (log,) = dlms.decode(response.payload).data
    listed = {entry.elements[0].value.hex() for entry in log.elements}
    assert ESME in listed
    assert GSME in listed


@pytest.mark.asyncio
async def test_a_read_may_be_repeated_with_the_same_counter(wan, eventually, parties):
    item = dlms.Specification(dlms.Operation.GET, 1, bytes.fromhex("0000000201ff"), 2)
    payload = dlms.encode(dlms.AccessRequest(dlms.invoke_id(9), (item,), (d.NULL,)))
    command = wan.command(ESME, 0x0059, payload, 9)

    first, second = await wan.send(command), await wan.send(command)
    await eventually(lambda: wan.answers(first) and wan.answers(second))

    assert wan.answers(first)[0].payload == wan.answers(second)[0].payload
    assert dlms.decode(decode(bytes.fromhex(wan.answers(first)[0].payload)).payload).data == (
        d.OctetString(bytes.fromhex("0002012f")),
    )


@pytest.mark.asyncio
async def test_what_was_set_is_what_is_read(wan, eventually, parties):
    name = dlms.Specification(dlms.Operation.SET, 9000, bytes.fromhex("0000600d01ff"), 2)
    phone = dlms.Specification(dlms.Operation.SET, 9000, bytes.fromhex("0000600d00ff"), 2)
    values = (d.OctetString(b"0123456789"), d.OctetString(b"A Supplier"))
    payload = dlms.encode(dlms.AccessRequest(dlms.invoke_id(3), (phone, name), values))

    identity = await wan.send(wan.command(ESME, 0x0025, payload, 3))
    await eventually(lambda: wan.answers(identity))

    shown = (await wan.admin.get(f"/admin/devices/{ESME}")).json()
    assert shown["state"]["dlms/9000/0-0:96.13.1.255/2"] == d.encode(values[1]).hex()
