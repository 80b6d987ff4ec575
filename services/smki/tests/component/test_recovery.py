"""Recovery, ways 2 and 3, against a simulated Device that checks everything for itself (smki.md section 9)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from dccemu_contracts.alerts import DccAlertOrder
from dccemu_contracts.inventory import CommandOutcome, DeviceFact
from dccemu_contracts.wan import DeviceCommand, DeviceMessage
from dccemu_protocol.gbcs import crypto, der, envelope
from dccemu_protocol.gbcs import der_types as types
from dccemu_protocol.gbcs.envelope import CRA
from dccemu_protocol.pki import keystore, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dccemu_contracts.envelope import Contract

    from ..conftest import Eventually, House

pytestmark = pytest.mark.asyncio
SUPPLIER, NETWORK = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-02-00-00"
DEVICE = "00-DB-12-34-56-78-90-A0"


@pytest_asyncio.fixture
async def sent(house: House) -> AsyncIterator[list[Contract]]:
    """What the SMKI tells the SM WAN, the inventory and the gateway."""
    found: list[Contract] = []

    async def hear(batch: Any) -> None:
        models = {model.topic.name: model for model in (DeviceCommand, CommandOutcome, DccAlertOrder)}
        found.extend(models[message.topic].from_bytes(message.value) for message in batch)

    topics = [DeviceCommand.topic.name, CommandOutcome.topic.name, DccAlertOrder.topic.name]
    listening = await house.runtime.bus.subscribe(topics, "neighbours", hear)
    yield found
    await listening.stop()


async def holds_suppliers_certificates(house: House, device: str = DEVICE) -> None:
    cells = [
        {"role": 2, "usage": "digitalSignature", "eui": SUPPLIER},
        {"role": 2, "usage": "keyAgreement", "eui": SUPPLIER},
        {"role": 2, "usage": "keyAgreement", "cell_usage": 1, "eui": SUPPLIER},
        {"role": 3, "usage": "digitalSignature", "eui": NETWORK},
    ]
    fact = {
        "id": uuid.uuid4().hex,
        "at": house.runtime.clock.now(),
        "version": house.next_version(),
        "device": device,
        "type": "ESME",
        "status": "Commissioned",
        "cells": cells,
    }
    await house.publish(DeviceFact.model_validate(fact))


def answer(command: DeviceCommand, *, status: int = 0) -> DeviceMessage:
    """What a Device says that replaced its cells, or refused to."""
    asked = envelope.decode(bytes.fromhex(command.payload))
    content = der.decode(asked.payload, 0x0108, CRA.COMMAND)
    assert isinstance(content, types.UpdateSecurityCredentials)
    results = tuple(
        types.ReplacementResult(
            one.cell, status, asked.originator, bytes(8), asked.originator, parse(one.certificate.der).ski
        )
        for one in content.replacements
    )
    outcome = types.UpdateOutcome(asked.counter, 8, content.control.other_floors or (), results)
    payload = der.encode(types.UpdateCredentialsResponse(None, outcome), 0x0108, CRA.RESPONSE)
    said = envelope.GbcsMessage(
        cra=CRA.RESPONSE,
        counter=asked.counter,
        originator=asked.target,
        target=asked.originator,
        date_time=b"",
        other=envelope.OtherInformation(0x0108),
        payload=payload,
        signature=b"",
        mac=None,
    )
    return DeviceMessage(
        id=uuid.uuid4().hex,
        at=command.at,
        device=command.device,
        kind="response",
        payload=envelope.encode(said).hex(),
        in_reply_to=command.id,
    )


async def started(house: House, way: str, eventually: Eventually, user: str = SUPPLIER) -> dict[str, Any]:
    made: list[dict[str, Any]] = []

    async def is_started() -> bool:
        reply = await house.admin.post("/admin/smki/recoveries", json={"way": way, "user": user})
        if reply.status_code == 201:
            made.append(reply.json())
        return bool(made)

    await eventually(is_started)
    return made[0]


async def state(house: House) -> tuple[str, list[str]]:
    (one,) = (await house.admin.get("/admin/smki/recoveries")).json()
    return one["status"], [command["status"] for command in one["commands"]]


async def test_way_2_puts_the_subscribers_new_certificates_on_the_device(
    house: House, sent: list[Contract], eventually: Eventually
) -> None:
    made = await house.admin.post("/admin/smki/certificate-sets", json={"eui": SUPPLIER, "role": 2})
    new = {entry.certificate.der for entry in keystore.load(made.json()["keystore"]) if entry.certificate}
    await holds_suppliers_certificates(house)

    await started(house, "recovery", eventually)
    await eventually(lambda: any(isinstance(one, DeviceCommand) for one in sent))
    command = next(one for one in sent if isinstance(one, DeviceCommand))
    message = envelope.decode(bytes.fromhex(command.payload))
    recovery = next(f for f in house.certificates().values() if f.role == 1)
    crypto.verify_signature(message, parse(bytes.fromhex(recovery.der)).public_key)
    content = der.decode(message.payload, 0x0108, CRA.COMMAND)
    assert isinstance(content, types.UpdateSecurityCredentials)
    assert len(content.replacements) == 3
    assert {one.certificate.der for one in content.replacements} < new
    assert [parse(one.der).kind for one in content.path] == ["issuing"]
    await house.publish(answer(command))

    async def is_closed() -> bool:
        return await state(house) == ("closed", ["done"])

    await eventually(is_closed)
    await eventually(
        lambda: [o.facts["recovery"] for o in sent if isinstance(o, CommandOutcome)] == ["started", "done"]
    )
    await eventually(lambda: [o.code for o in sent if isinstance(o, DccAlertOrder)] == ["N39"])


@pytest.mark.checklist("B13")
@pytest.mark.parametrize(
    ("user", "cells"),
    [
        (SUPPLIER, {"SupplierCertificateType": ["DigitalSigning", "KeyAgreement", "KeyAgreementTopUp"]}),
        (NETWORK, {"NetworkOperatorCertificateType": ["DigitalSigning"]}),
    ],
)
async def test_way_3_puts_the_brokers_certificates_there_first(
    house: House, sent: list[Contract], eventually: Eventually, user: str, cells: dict[str, list[str]]
) -> None:
    await holds_suppliers_certificates(house)

    await started(house, "acb", eventually, user)
    await eventually(lambda: any(isinstance(one, DeviceCommand) for one in sent))
    command = next(one for one in sent if isinstance(one, DeviceCommand))
    content = der.decode(envelope.decode(bytes.fromhex(command.payload)).payload, 0x0108, CRA.COMMAND)
    assert isinstance(content, types.UpdateSecurityCredentials)
    (kinds,) = cells.values()
    assert [parse(one.certificate.der).role for one in content.replacements] == [4] * len(kinds)
    await house.publish(answer(command))

    await eventually(lambda: any(isinstance(one, DccAlertOrder) for one in sent))
    order = next(one for one in sent if isinstance(one, DccAlertOrder))
    assert order.code == "N37"
    assert order.recipients == (user,)
    change = order.body["DeviceStatusChange"]["RecoveryCompleteACBCredentials"]
    assert change == cells
    await eventually(
        lambda: [o.facts["recovery"] for o in sent if isinstance(o, CommandOutcome)] == ["started", "placed"]
    )


async def test_a_device_that_refuses_leaves_the_recovery_to_be_seen(
    house: House, sent: list[Contract], eventually: Eventually
) -> None:
    await holds_suppliers_certificates(house)
    await started(house, "acb", eventually)
    await eventually(lambda: any(isinstance(one, DeviceCommand) for one in sent))
    command = next(one for one in sent if isinstance(one, DeviceCommand))

    await house.publish(answer(command, status=10))

    async def has_failed() -> bool:
        return await state(house) == ("closed", ["failed"])

    await eventually(has_failed)
    assert not any(isinstance(one, DccAlertOrder) for one in sent)


async def test_a_command_that_nobody_answers_is_repeated_each_hour(
    house: House, sent: list[Contract], eventually: Eventually
) -> None:
    def commands() -> list[DeviceCommand]:
        return [one for one in sent if isinstance(one, DeviceCommand)]

    await holds_suppliers_certificates(house)
    await started(house, "acb", eventually)
    await eventually(lambda: len(commands()) == 1)
    unreached = {"id": "u1", "at": house.runtime.clock.now(), "device": DEVICE, "kind": "undelivered"}
    await house.publish(DeviceMessage.model_validate({**unreached, "in_reply_to": commands()[0].id}))

    async def is_undelivered() -> bool:
        return await state(house) == ("open", ["undelivered"])

    await eventually(is_undelivered)
    house.runtime.clock.advance(timedelta(hours=1))
    await eventually(lambda: len(commands()) == 2)
    house.runtime.clock.advance(timedelta(hours=1))
    await eventually(lambda: len(commands()) == 3)

    counters = [envelope.decode(bytes.fromhex(one.payload)).counter for one in commands()]
    assert counters == sorted(set(counters))
    await house.publish(answer(commands()[-1]))

    async def is_closed() -> bool:
        return await state(house) == ("closed", ["done"])

    await eventually(is_closed)
    assert [timer for timer in await house.timers() if timer.kind == "recovery-repeat"] == []


async def test_a_new_recovery_takes_over_what_an_older_one_waits_for(
    house: House, sent: list[Contract], eventually: Eventually
) -> None:
    await holds_suppliers_certificates(house)
    await started(house, "acb", eventually)

    await started(house, "acb", eventually)

    newer, older = (await house.admin.get("/admin/smki/recoveries")).json()
    assert (older["status"], [one["status"] for one in older["commands"]]) == ("closed", ["superseded"])
    assert newer["status"] == "open"
    assert [timer.key for timer in await house.timers() if timer.kind == "recovery-repeat"] == [
        f"{newer['id']} {DEVICE}"
    ]


async def test_what_cannot_be_recovered_is_refused(house: House, eventually: Eventually) -> None:
    nothing = await house.admin.post("/admin/smki/recoveries", json={"way": "acb", "user": SUPPLIER})
    await holds_suppliers_certificates(house)

    async def has_no_replacement() -> bool:
        reply = await house.admin.post("/admin/smki/recoveries", json={"way": "recovery", "user": SUPPLIER})
        return str(reply.json()["code"]) == "NO_REPLACEMENT"

    assert nothing.json()["code"] == "NOTHING_TO_RECOVER"
    await eventually(has_no_replacement)


async def test_answers_that_come_at_once_close_the_recovery(
    house: House, sent: list[Contract], eventually: Eventually
) -> None:
    devices = [f"00-DB-12-34-56-78-91-{number:02X}" for number in range(8)]
    for device in devices:
        await holds_suppliers_certificates(house, device)

    async def all_known() -> bool:
        reply = await house.admin.post("/admin/smki/recoveries", json={"way": "acb", "user": SUPPLIER})
        return reply.status_code == 201 and len(reply.json()["commands"]) == len(devices)

    await eventually(all_known)

    def commands() -> list[DeviceCommand]:
        newest = {one.device: one for one in sent if isinstance(one, DeviceCommand)}
        return list(newest.values())

    await eventually(lambda: len(commands()) == len(devices))
    await house.publish(*(answer(command) for command in commands()))

    async def is_closed() -> bool:
        newest = (await house.admin.get("/admin/smki/recoveries")).json()[0]
        return bool(newest["status"] == "closed")

    await eventually(is_closed)
