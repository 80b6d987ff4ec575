"""Bad input: each gets the answer the reference names, none gives a 5xx, none reaches the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from lxml import etree

from dccemu_contracts.smki import RevocationFact
from dccemu_protocol.pki import Usage
from dccemu_protocol.xmldsig import XMLSigner
from dccemu_runtime.journal import Filter
from dccemu_runtime.outbox import message_of

READ = "<sr:ReadInstantaneousImportRegisters/>"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
SR = "{http://www.dccinterface.co.uk/ServiceUserGateway}"
SUPPLIER, RIVAL, OTHER_USER = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "00-DB-12-34-56-78-00-04"
DCC, ESME, CHF = "90-B3-D5-1F-30-00-00-02", "00-DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A2"


async def nothing_happened(world) -> None:
    assert world.commands == []
    assert await world.gateway.database.pool.fetchval("SELECT count(*) FROM requests") == 0
    assert await world.gateway.database.pool.fetchval("SELECT count(*) FROM commands") == 0
    assert await world.gateway.database.pool.fetchval("SELECT count(*) FROM outbox WHERE topic LIKE 'sm-wan%'") == 0


HTTP_CASES: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "not XML": (lambda good: b"hello", 400),
    "empty": (lambda good: b"", 400),
    "JSON": (lambda good: b'{"a": 1}', 400),
    "cut in the middle": (lambda good: good[: len(good) // 2], 400),
    "a document type declaration": (lambda good: b"<!DOCTYPE r>" + good, 400),
    "an entity bomb": (
        lambda good: b'<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><r>&b;</r>',
        400,
    ),
    "an external entity": (lambda good: b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>', 400),
    "a processing instruction": (lambda good: good.replace(b"<sr:Header>", b"<?php x?><sr:Header>"), 400),
    "UTF-16": (lambda good: good.decode().encode("utf-16"), 400),
    "NUL octets": (lambda good: good.replace(b"4.1.1", b"4.1\x001"), 400),
    "another root": (lambda good: b"<Request/>", 400),
    "a Response": (
        lambda good: good.replace(b"sr:Request ", b"sr:Response ").replace(b"/sr:Request>", b"/sr:Response>"),
        400,
    ),
    "no RequestID": (lambda good: good.replace(b"RequestID>", b"RequestName>"), 400),
    "a RequestID of letters": (
        lambda good: good.replace(b"90-B3-D5-1F-30-01-00-00:00", b"ZZ-B3-D5-1F-30-01-00-00:00"),
        400,
    ),
    "deep nesting": (lambda good: b"<a>" * 400 + b"</a>" * 400, 400),
}


@pytest.mark.asyncio
async def test_what_nobody_can_be_answered_for_is_an_http_error(world) -> None:
    for case, (make, status) in HTTP_CASES.items():
        reply = await world.post(make(world.signed(world.request("4.1.1", READ))))

        assert reply.status_code == status, case
        assert reply.headers["content-type"] == "application/problem+xml"
    await nothing_happened(world)


@pytest.mark.asyncio
async def test_the_frame_of_http_is_kept(make_world) -> None:
    world = await make_world(max_body_bytes=4096)
    good = world.signed(world.request("4.1.1", READ))
    path = f"{world.urls['duis']}/api/v1/serviceS"

    assert (await world.http.get(path)).status_code == 405
    assert (await world.http.get(path)).headers["allow"] == "POST"
    assert (await world.http.post(path, content=good, headers={"content-type": "text/plain"})).status_code == 415
    assert (await world.post(good, **{"content-encoding": "gzip"})).status_code == 415
    assert (await world.post(good + b" " * 4096)).status_code == 413
    assert (await world.http.post(f"{world.urls['duis']}/api/v1/serviceX", content=good)).status_code == 404

    async def chunks():
        for _ in range(100):
            yield b"x" * 1024

    reply = await world.http.post(path, content=chunks(), headers={"content-type": "application/xml"})
    assert reply.status_code == 413
    await nothing_happened(world)


@pytest.mark.asyncio
async def test_a_client_that_stalls_is_let_go_and_others_are_served(world) -> None:
    host, port = world.urls["duis"].removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v1/serviceS HTTP/1.1\r\nhost: x\r\ncontent-type: application/xml\r\ncontent-length: 99\r\n\r\n<a"
    )
    await writer.drain()

    assert (await world.send("4.1.1", READ)).response_code == "I99"

    writer.close()
    await writer.wait_closed()


def _tree(document: bytes) -> etree._Element:
    return etree.fromstring(document)


def _octets(root: etree._Element) -> bytes:
    return etree.tostring(root)


def _algorithm(document: bytes) -> bytes:
    return document.replace(b"ecdsa-sha256", b"ecdsa-sha1")


def _two_signatures(document: bytes) -> bytes:
    root = _tree(document)
    root.append(etree.fromstring(etree.tostring(root.find(f"{DS}Signature"))))
    return _octets(root)


def _signature_misplaced(document: bytes) -> bytes:
    root = _tree(document)
    signature = root.find(f"{DS}Signature")
    root.remove(signature)
    root.insert(1, signature)
    return _octets(root)


def _wrapped_in_body(document: bytes) -> bytes:
    """The signed original is moved below a new Body: what is processed would not be what was signed."""
    root = _tree(document)
    evil = _tree(document)
    signature = evil.find(f"{DS}Signature")
    evil.remove(signature)
    evil.find(f"{SR}Body").append(root)
    evil.append(signature)
    return _octets(evil)


def _original_in_object(document: bytes) -> bytes:
    root = _tree(document)
    original = _tree(document)
    original.remove(original.find(f"{DS}Signature"))
    holder = etree.SubElement(root.find(f"{DS}Signature"), f"{DS}Object")
    holder.append(original)
    root.find(f"{SR}Header/{SR}RequestID").text = f"{SUPPLIER}:{ESME}:99999"
    return _octets(root)


def _two_references(document: bytes) -> bytes:
    root = _tree(document)
    info = root.find(f"{DS}Signature/{DS}SignedInfo")
    info.append(etree.fromstring(etree.tostring(info.find(f"{DS}Reference"))))
    return _octets(root)


def _reference_by_id(document: bytes) -> bytes:
    return document.replace(b'URI=""', b'URI="#body"').replace(b"<sr:Body>", b'<sr:Body Id="body">')


def _second_header(document: bytes) -> bytes:
    root = _tree(document)
    root.insert(1, etree.fromstring(etree.tostring(root.find(f"{SR}Header"))))
    return _octets(root)


def _second_body(document: bytes) -> bytes:
    root = _tree(document)
    root.insert(2, etree.fromstring(etree.tostring(root.find(f"{SR}Body"))))
    return _octets(root)


def _extra_transform(document: bytes) -> bytes:
    extra = b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform></ds:Transforms>'
    return document.replace(b"</ds:Transforms>", extra)


E100_CASES: dict[str, Callable[[bytes], bytes]] = {
    "unsigned": lambda good: _octets((root := _tree(good), root.remove(root.find(f"{DS}Signature")))[0]),
    "a tampered counter": lambda good: good.replace(b"-A0:1001<", b"-A0:1002<"),
    "a tampered body": lambda good: good.replace(
        b"ReadInstantaneousImportRegisters", b"ReadInstantaneousExportRegisters"
    ),
    "another algorithm": _algorithm,
    "two Signatures": _two_signatures,
    "the Signature before the Body": _signature_misplaced,
    "the original wrapped in the Body": _wrapped_in_body,
    "the original in an Object": _original_in_object,
    "two References": _two_references,
    "a Reference by Id": _reference_by_id,
    "two Headers": _second_header,
    "two Bodies": _second_body,
    "an XSLT transform": _extra_transform,
    "an element the schema does not know": lambda good: good.replace(b"<sr:Body>", b"<sr:Body><sr:Extra/>"),
    "a schema version nobody knows": lambda good: good.replace(b'schemaVersion="5.4"', b'schemaVersion="9.9"'),
    "an unknown signer": lambda good: good.replace(b"X509SerialNumber>", b"X509SerialNumber>9"),
}


@pytest.mark.asyncio
@pytest.mark.checklist("C3")
async def test_schema_and_signature_faults_are_answered_with_e100(world) -> None:
    for case, break_it in E100_CASES.items():
        world.counter = 1000
        reply = await world.post(break_it(world.signed(world.request("4.1.1", READ))))

        assert reply.status_code == 200, (case, reply.text)
        assert world.read(reply.content).response_code == "E100", case
        entry = (await world.journal.find(Filter(stage="request"), 1))[0]
        assert not entry.checks[-1].passed
        assert entry.checks[-1].source
        assert all(check.passed for check in entry.checks[:-1])
    await nothing_happened(world)


@pytest.mark.asyncio
async def test_the_signer_must_be_the_users_own_valid_xml_signing_certificate(world, eventually) -> None:
    smki, document = world.smki, world.request("4.1.1", READ)

    async def answer_with(eui: str, role: int, start: datetime | None = None) -> str:
        key = smki.key()
        more = {} if start is None else {"start": start}
        certificate = smki.organisation(eui, role, Usage.DIGITAL_SIGNATURE, key.public_key(), **more)
        await smki.publish(certificate)
        await eventually(lambda: world.directory.signer(certificate.issuer, certificate.serial))
        reply = await world.post(XMLSigner(key, certificate.issuer, certificate.serial).sign(document))
        entry = (await world.journal.find(Filter(stage="request"), 1))[0]
        assert world.read(reply.content).response_code == "E100"
        return entry.checks[-1].rule

    assert "SIGNATURE_SIGNER_ROLE" in await answer_with(SUPPLIER, 2)
    assert "SIGNATURE_SIGNER_NOT_ORIGINATOR" in await answer_with(RIVAL, 135)
    assert "SIGNATURE_SIGNER_EXPIRED" in await answer_with(SUPPLIER, 135, datetime(2009, 1, 1, tzinfo=UTC))
    await nothing_happened(world)


@pytest.mark.asyncio
@pytest.mark.checklist("B7")
async def test_a_revoked_signer_is_refused_from_the_next_request_on(world, eventually) -> None:
    assert (await world.send("4.1.1", READ)).response_code == "I99"
    certificate = world.users[SUPPLIER].xml
    fact = RevocationFact(
        id="revoked",
        at=world.runtime.clock.now(),
        version=1,
        serial=certificate.serial_hex,
        issuer=certificate.issuer,
        revoked_at=world.runtime.clock.now(),
    )
    await world.runtime.bus.publish([message_of(fact)])
    await eventually(lambda: world.directory.store.is_revoked(certificate))

    assert (await world.send("4.1.1", READ)).response_code == "E100"


@pytest.mark.asyncio
@pytest.mark.checklist("A3")
async def test_a_key_store_full_of_strangers_does_not_help_a_stranger(world) -> None:
    stranger = "90-B3-D5-1F-30-0F-00-00"
    key = world.smki.key()
    certificate = world.smki.organisation(stranger, 135, Usage.DIGITAL_SIGNATURE, key.public_key())
    await world.smki.publish(certificate)
    for _ in range(1000):
        if world.directory.signer(certificate.issuer, certificate.serial):
            break
        await asyncio.sleep(0.001)

    reply = await world.post(
        XMLSigner(key, certificate.issuer, certificate.serial).sign(world.request("4.1.1", READ, user=stranger))
    )

    assert world.read(reply.content).response_code == "E1"
    await nothing_happened(world)


CLOCK = (
    "<sr:SynchroniseClock><sr:CurrentDateTime>2026-03-02T09:30:00Z</sr:CurrentDateTime>"
    "<sr:TolerancePeriod>10</sr:TolerancePeriod></sr:SynchroniseClock>"
)
INVENTORY = f"<sr:ReadInventory><sr:DeviceID>{ESME}</sr:DeviceID></sr:ReadInventory>"
DATED = (
    "<sr:ReadInstantaneousImportRegisters><sr:ExecutionDateTime>{}</sr:ExecutionDateTime>"
    "</sr:ReadInstantaneousImportRegisters>"
)

CODE_CASES: dict[str, tuple[str, dict[str, object]]] = {
    "an ineligible role": ("E2", {"srv": "4.1.1", "body": READ, "user": OTHER_USER}),
    "a body of another service": ("E12", {"srv": "4.1.2", "body": READ}),
    "a Service Reference of another variant": ("E12", {"srv": "4.1.1", "body": READ, "reference": "4.2"}),
    "a Command Variant of critical services": ("E12", {"srv": "4.1.1", "body": READ, "cv": 4, "service": "T"}),
    "a critical request without Pre-Command": ("E12", {"srv": "6.11", "body": CLOCK, "cv": 1}),
    "the wrong web service": ("E13", {"srv": "4.1.1", "body": READ, "service": "D"}),
    "the Transform Service for CV 1": ("E13", {"srv": "4.1.1", "body": READ, "service": "T"}),
    "the DCC as target of a device request": ("E19", {"srv": "4.1.1", "body": READ, "device": DCC}),
    "a Device as target of a Non-Device request": (
        "E12",
        {"srv": "8.2", "body": INVENTORY, "cv": 8, "service": "D", "device": ESME},
    ),
    "an unknown Device": ("E19", {"srv": "4.1.1", "body": READ, "device": "00-DB-12-34-56-78-99-99"}),
    "a Device type that cannot": ("E11", {"srv": "4.1.1", "body": READ, "device": CHF}),
    "a User who is not registered": ("E4", {"srv": "4.1.1", "body": READ, "user": RIVAL}),
    "a date in the past": ("E42", {"srv": "4.1.1", "body": DATED.format("2026-03-01T00:00:00Z")}),
    "a date too far ahead": ("E42", {"srv": "4.1.1", "body": DATED.format("2026-04-05T00:00:00Z")}),
    "a date with local delivery": (
        "E43",
        {"srv": "4.1.1", "body": DATED.format("2026-03-05T00:00:00Z"), "cv": 2, "service": "D"},
    ),
    "nothing to cancel": ("E44", {"srv": "4.1.1", "body": DATED.format("3000-12-31T00:00:00Z")}),
}


@pytest.mark.asyncio
@pytest.mark.checklist("C4", "C5")
async def test_each_broken_rule_has_its_code(world) -> None:
    for case, (code, how) in CODE_CASES.items():
        answer = await world.send(**how)

        assert answer.response_code == code, case
    await nothing_happened(world)


STATUS_CASES = {
    "Pending": "E5",
    "Suspended": "E5",
    "Decommissioned": "E5",
    "Withdrawn": "E5",
    "Recovery": "E5",
    "Whitelisted": "E5",
    "Recovered": "I99",
    "Commissioned": "I99",
}


@pytest.mark.asyncio
async def test_the_status_of_the_device_decides(world) -> None:
    for status, code in STATUS_CASES.items():
        await world.change_device(ESME, status=status)

        assert (await world.send("4.1.1", READ)).response_code == code, status


@pytest.mark.asyncio
async def test_a_model_off_the_central_products_list_gets_only_what_brings_it_back(world) -> None:
    await world.change_device(ESME, cpl_status="Withdrawn")

    assert (await world.send("4.1.1", READ)).response_code == "E52"
    version = await world.send("11.2", "<sr:ReadFirmwareVersion/>")
    assert version.response_code == "I99"


@pytest.mark.asyncio
async def test_a_refusal_is_explained_with_rule_expected_got_and_clause(world) -> None:
    await world.send("4.1.1", READ, user=RIVAL)

    entry = (await world.journal.find(Filter(stage="request"), 1))[0]
    failed = entry.checks[-1]
    assert entry.outcome == "refused E4"
    assert "NOT_REGISTERED" in failed.rule
    assert RIVAL in failed.expected
    assert failed.got == "no such registration"
    assert failed.source.endswith("check 19")
    assert len(entry.checks) > 15
