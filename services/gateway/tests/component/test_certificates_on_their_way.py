"""A Device's certificate may be used before the gateway has heard of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dccemu_protocol.pki import Usage
from dccemu_runtime.journal import Filter
from dccemu_runtime.outbox import message_of

pytestmark = pytest.mark.asyncio
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
ESME = "00-DB-12-34-56-78-90-A0"
ALERT = 0x8F35


async def test_a_message_signed_with_a_key_whose_certificate_is_on_its_way_is_verified_and_passed_on(
    world, eventually
) -> None:
    key = world.smki.key()
    renewed = replace(world.devices[ESME], ds=key)
    fact = world.smki.fact(world.smki.device(ESME, Usage.DIGITAL_SIGNATURE, key.public_key()))

    await world.runtime.bus.publish([message_of(fact)])
    await world.from_device(ESME, renewed.alert(3000, SUPPLIER, ALERT), "alert")

    await eventually(lambda: world.taken())
    assert world.taken()[0].kind == "DeviceAlertMessage"


async def test_one_signed_with_a_key_that_has_no_certificate_is_dropped(world) -> None:
    impostor = replace(world.devices[ESME], ds=world.smki.key())

    await world.from_device(ESME, impostor.alert(3000, SUPPLIER, ALERT), "alert")

    assert await world.journal.wait(Filter(stage="alert", outcome="dropped GBCS_SIGNATURE_INVALID"), 5)
    assert world.taken() == []
