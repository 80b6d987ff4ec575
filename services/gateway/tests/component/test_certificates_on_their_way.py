"""A certificate may be used before the gateway has heard of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dccemu_gateway.usecases.freshness import Freshness
from dccemu_protocol.pki import Usage
from dccemu_protocol.xmldsig import XMLSigner
from dccemu_runtime.journal import Filter
from dccemu_runtime.outbox import message_of
from dccemu_runtime.projected_rows import ProjectedRows

pytestmark = pytest.mark.asyncio
SUPPLIER = "90-B3-D5-1F-30-01-00-00"
ESME = "00-DB-12-34-56-78-90-A0"
ALERT = 0x8F35
XML_SIGNING = 135
READ = "<sr:ReadInstantaneousImportRegisters/>"


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


def new_signer(world):
    """A key of the Supplier's for signing XML, and the fact of its certificate, which nobody has been told yet."""
    key = world.smki.key()
    certificate = world.smki.organisation(SUPPLIER, XML_SIGNING, Usage.DIGITAL_SIGNATURE, key.public_key())
    return XMLSigner(key, certificate.issuer, certificate.serial), message_of(world.smki.fact(certificate))


async def test_a_request_signed_with_a_certificate_that_is_on_its_way_is_accepted(world, monkeypatch) -> None:
    world.users[SUPPLIER].signer, fact = new_signer(world)
    store, hear_all, is_missed = ProjectedRows.store, Freshness.hear_all, asyncio.Event()

    async def slow(rows, fresh, there) -> None:
        await is_missed.wait()
        await store(rows, fresh, there)

    async def missed(freshness, patience, *, among=None) -> bool:
        is_missed.set()
        return await hear_all(freshness, patience, among=among)

    monkeypatch.setattr(ProjectedRows, "store", slow)
    monkeypatch.setattr(Freshness, "hear_all", missed)
    await world.runtime.bus.publish([fact])

    assert (await world.send("4.1.1", READ)).response_code == "I99"


async def test_one_signed_with_a_certificate_that_nobody_told_of_is_refused_at_once(world) -> None:
    world.users[SUPPLIER].signer, _ = new_signer(world)

    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(world.send("4.1.1", READ) for _ in range(20)))

    assert {answer.response_code for answer in answers} == {"E100"}
