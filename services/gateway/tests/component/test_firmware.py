"""11.1 and 11.4: the rules of firmware requests, what goes to the SM WAN, and what Users are told of it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import timedelta

import pytest
import pytest_asyncio

from dccemu_contracts import topics
from dccemu_contracts.firmware import FirmwareDistribution, FirmwarePiece, FirmwareReport
from dccemu_contracts.inventory import CommandOutcome, DeviceFact, ProductFact
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import der, dlms, firmware
from dccemu_protocol.gbcs import der_types as t
from dccemu_protocol.gbcs.crypto import sign
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, encode
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Usage
from dccemu_runtime.journal import Filter
from dccemu_runtime.outbox import message_of

SUPPLIER, RIVAL, DCC = "90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-03-00-00", "90-B3-D5-1F-30-00-00-02"
ESME, GSME, CHF, GPF, PPMID = (f"00-DB-12-34-56-78-90-A{n}" for n in range(5))
UNKNOWN = "00-DB-12-34-56-78-90-FF"
SOFTWARE, VERSION = b"metrology " * 20_000, "0123ABCE"
DIGEST = hashlib.sha256(SOFTWARE).hexdigest()

pytestmark = pytest.mark.asyncio


class Firmware:
    """A gateway that knows a Certified Products List, and the SM WAN's ear."""

    def __init__(self, world) -> None:
        self.world = world
        self.pieces: list[FirmwarePiece] = []
        self.orders: list[FirmwareDistribution] = []
        self.outcomes: list[CommandOutcome] = []

    async def start(self) -> None:
        bus = self.world.runtime.bus

        async def images(batch) -> None:
            self.pieces += [FirmwarePiece.from_bytes(message.value) for message in batch]

        async def orders(batch) -> None:
            self.orders += [FirmwareDistribution.from_bytes(message.value) for message in batch]

        async def outcomes(batch) -> None:
            self.outcomes += [CommandOutcome.from_bytes(message.value) for message in batch]

        await bus.subscribe([topics.SM_WAN_IMAGES.name], "sm-wan", images)
        await bus.subscribe([topics.SM_WAN_DISTRIBUTIONS.name], "sm-wan", orders)
        await bus.subscribe([topics.INVENTORY_OUTCOMES.name], "inventory", outcomes)

    async def list_products(self, *entries: ProductFact) -> None:
        await self.world.runtime.bus.publish([message_of(one) for one in entries])

    def product(self, kind: str, **changes: object) -> ProductFact:
        given: dict[str, object] = {"version": 1, "gbcs_version": "4.1", "image_hash": DIGEST, **changes}
        named = {"manufacturer": "10A4", "model": "00000001", "firmware_version": VERSION}
        return ProductFact(
            id=f"product {kind} {given}", at=self.world.runtime.clock.now(), type=kind, **{**named, **given}
        )

    def image(self, software: bytes = SOFTWARE, user: str = SUPPLIER) -> bytes:
        return firmware.build(software, VERSION, sign=firmware.signing_with(self.world.users[user].ds))

    def body(self, image: bytes, *devices: str, name: str = "UpdateFirmware", version: str = VERSION) -> str:
        return (
            f"<sr:{name}><sr:FirmwareImage>{b64encode(image).decode()}</sr:FirmwareImage>"
            f"<sr:FirmwareVersion>{version}</sr:FirmwareVersion>"
            f"<sr:DeviceIDList>{','.join(devices)}</sr:DeviceIDList></sr:{name}>"
        )

    async def send(self, image: bytes, *devices: str, user: str = SUPPLIER, version: str = VERSION):
        body = self.body(image, *devices, version=version)
        return await self.world.send("11.1", body, cv=8, service="D", device=DCC, user=user)

    def told(self, code: str, user: str = SUPPLIER) -> list[dict]:
        """Bodies of the DCC Alerts with a code."""
        alerts = [one.content for one in self.world.taken(user) if one.kind == "DCCAlertMessage"]
        return [next(iter(one["DCCAlert"].values())) for one in alerts if one["DCCAlertCode"] == code]

    async def report(self, sent, success: bool, device: str = ESME) -> None:
        report = FirmwareReport(
            id=f"{sent.request_id} {device} delivered",
            at=self.world.runtime.clock.now(),
            device=device,
            hub=CHF,
            stage="delivered",
            success=success,
            version=VERSION,
            request_id=str(sent.request_id),
            user=SUPPLIER,
        )
        await self.world.runtime.bus.publish([message_of(report)])

    async def alert(self, device: str, code: int, payload: bytes, *, target: str = DCC, counter: int = 7) -> None:
        message = GbcsMessage(
            CRA.ALERT, counter, Eui64.parse(device), Eui64.parse(target), OtherInformation(code), payload
        )
        await self.world.from_device(device, encode(sign(message, self.world.devices[device].ds)), "alert")

    async def receipt(self, code: int) -> None:
        """FDRA of the ESME: 8F72 or 8F1C with the hash it calculated."""
        stamp = d.OctetString(bytes.fromhex("07df0101ff000000008000ff"))
        value = d.structure(d.LongUnsigned(code), stamp, d.OctetString(bytes.fromhex(DIGEST)))
        await self.alert(ESME, 0x00CE, dlms.encode(dlms.DataNotification(0x20000007, value)), target=SUPPLIER)

    async def transfer(self, code: int, device: str, result: int) -> None:
        """CCS08 of the hub."""
        told = t.FirmwareTransferAlert(
            code, self.world.runtime.clock.now(), Eui64.parse(device), bytes.fromhex(VERSION), result
        )
        await self.alert(CHF, 0x0128, der.encode(told, 0x0128, CRA.ALERT))


@pytest_asyncio.fixture
async def listed(world, eventually) -> Firmware:
    """Both meters' next version is on the list."""
    found = Firmware(world)
    await found.start()
    await found.list_products(found.product("ESME"), found.product("GSME"))
    await eventually(lambda: len(world.directory.products(VERSION)) == 2)
    return found


async def test_the_image_goes_once_in_pieces_and_each_device_gets_an_order(listed, eventually) -> None:
    sent = await listed.send(listed.image(), ESME, GSME)

    assert sent.response_code == "I99"
    await eventually(lambda: len(listed.orders) == 2)
    await eventually(lambda: len(listed.pieces) == listed.pieces[0].total)
    pieces = sorted(listed.pieces, key=lambda one: one.number)
    octets = b"".join(bytes.fromhex(one.octets) for one in pieces)
    assert octets == listed.image()
    assert {one.image for one in (*pieces, *listed.orders)} == {hashlib.sha256(octets).hexdigest()}
    assert {(one.device, one.request_id, one.user, one.version) for one in listed.orders} == {
        (eui, str(sent.request_id), SUPPLIER, VERSION) for eui in (ESME, GSME)
    }


async def test_an_image_that_is_not_the_listed_one_is_refused_with_evidence(listed) -> None:
    for software, version, user, code in (
        (b"something else", VERSION, SUPPLIER, "E110102"),
        (SOFTWARE, "0123ABCF", SUPPLIER, "E110103"),
        (SOFTWARE, VERSION, RIVAL, "E110106"),
    ):
        sent = await listed.send(listed.image(software, user), ESME, version=version)

        assert sent.response_code == code
        (entry,) = await listed.world.journal.find(Filter(request_id=str(sent.request_id)))
        failed = entry.checks[-1]
        assert (failed.passed, failed.rule.split(":")[0]) == (False, "24 service rules")
        assert failed.expected
        assert failed.got
    assert listed.orders == listed.pieces == []


async def test_an_empty_image_and_one_that_is_no_upgrade_file_are_refused(listed) -> None:
    assert (await listed.send(b"", ESME)).response_code == "E110101"
    assert (await listed.send(SOFTWARE, ESME)).response_code == "E110102"


async def test_an_entry_that_left_the_list_is_no_longer_sent(listed, eventually) -> None:
    for version, change in ((2, {"status": "Withdrawn"}), (3, {"removed": True})):
        await listed.list_products(*(listed.product(kind, version=version, **change) for kind in ("ESME", "GSME")))
        await eventually(lambda: not [p for p in listed.world.directory.products(VERSION) if p.status == "Active"])

        assert (await listed.send(listed.image(), ESME)).response_code == "E110103"


async def test_devices_that_cannot_take_it_are_left_out_and_listed_by_cause(listed) -> None:
    await listed.world.change_device(GSME, model="0000FFFF")

    sent = await listed.send(listed.image(), UNKNOWN, CHF, ESME, GSME)

    assert sent.response_code == "W110101"
    assert sent.kind == "DSPUpdateFirmwareWarning"
    assert sent.content == {"InvalidDeviceIDList": f"{UNKNOWN},{CHF}", "NotApplicableFirmwareDeviceIDList": GSME}
    entry = (await listed.world.journal.find(Filter(request_id=str(sent.request_id), stage="firmware")))[0]
    assert {(check.rule.rpartition(" ")[2], check.passed) for check in entry.checks} == {
        ("InvalidDeviceIDList", False),
        ("NotApplicableFirmwareDeviceIDList", False),
    }


async def test_each_cause_has_its_list(listed, eventually) -> None:
    whole = {name: value for name, value in listed.world.directory.device(ESME) if name not in ("id", "version")}
    for changes, cause in (
        ({"status": "InstalledNotCommissioned"}, "NotCommissionedDeviceIDList"),
        ({"status": "Suspended", "prior_status": "Pending"}, "NotCommissionedDeviceIDList"),
        ({"gbcs_version": "4.2"}, "InvalidGBCSVersionList"),
        ({"manufacturer": "10A5"}, "NotApplicableFirmwareDeviceIDList"),
        ({"import_mpxn": "2000000000014"}, "InvalidDeviceIDList"),
    ):
        await listed.world.change_device(ESME, **{**whole, **changes})

        sent = await listed.send(listed.image(), ESME, GSME)

        assert (sent.response_code, sent.content) == ("W110101", {cause: ESME})
        await listed.report(sent, False, GSME)
        await eventually(lambda: GSME not in listed.world.directory.open_distributions)


async def test_nobody_left_is_e110105(listed) -> None:
    assert (await listed.send(listed.image(), CHF, GPF)).response_code == "E110105"


@pytest.mark.checklist("C21")
async def test_a_device_suspended_out_of_service_may_be_what_the_image_restores(listed, eventually) -> None:
    await listed.world.change_device(ESME, status="Suspended", prior_status="Commissioned", cpl_status="Withdrawn")

    assert (await listed.send(listed.image(), ESME)).response_code == "I99"
    await eventually(lambda: listed.orders)


async def test_one_distribution_at_a_time_also_after_a_restart(listed, eventually) -> None:
    first = await listed.send(listed.image(), ESME)
    second = await listed.send(listed.image(), ESME, GSME)
    assert (second.response_code, second.content) == ("W110101", {"OtherRequestInProgressList": ESME})

    await listed.world.restart()
    await eventually(lambda: len(listed.world.directory.products(VERSION)) == 2)
    assert (await listed.send(listed.image(), ESME)).response_code == "E110105"

    await listed.receipt(0x8F72)
    await eventually(lambda: any(one.kind == "DeviceAlertMessage" for one in listed.world.taken()))
    again = await listed.send(listed.image(), ESME)
    assert again.response_code == "I99"
    assert again.request_id != first.request_id


async def test_the_csps_word_reaches_the_user_and_a_failed_delivery_ends_it(listed, eventually) -> None:
    sent = await listed.send(listed.image(), ESME, GSME)
    await listed.report(sent, True)
    await listed.report(sent, False, GSME)

    await eventually(lambda: len(listed.told("N60")) == 2 and listed.told("N18"))
    told = {one["TargetDeviceID"]: one for one in listed.told("N60")}
    assert (told[ESME]["CommsHubTransferStatus"], told[GSME]["CommsHubTransferStatus"]) == ("Success", "Failure")
    assert told[ESME]["UpdateFirmwareRequestID"] == str(sent.request_id)
    assert listed.told("N18") == [{"UpdateFirmwareRequestID": str(sent.request_id), "MeterIDs": GSME}]
    assert (await listed.send(listed.image(), ESME, GSME)).content == {"OtherRequestInProgressList": ESME}


@pytest.mark.parametrize(("code", "result", "word"), [(0x8F8A, 0, "FileTransferSuccess"), (0x8F89, 2, "Hardware")])
async def test_the_hubs_word_reaches_the_user_that_ordered_it(listed, eventually, code, result, word) -> None:
    sent = await listed.send(listed.image(), ESME)
    await listed.transfer(code, ESME, result)

    await eventually(lambda: listed.told("N61"))
    (told,) = listed.told("N61")
    transfer = told["FirmwareTransferAlert"]
    assert (told["CommsHubDeviceID"], told["AlertCode"]) == (CHF, f"{code:04X}")
    assert (transfer["UpdateFirmwareRequestID"], transfer["OtherDeviceID"]) == (str(sent.request_id), ESME)
    assert transfer["TransferResponseCode"].startswith(word)
    assert [one["MeterIDs"] for one in listed.told("N18")] == ([ESME] if result else [])


async def test_what_has_not_ended_in_time_has_failed_and_one_alert_lists_it(listed, eventually) -> None:
    sent = await listed.send(listed.image(), ESME, GSME)
    await listed.world.restart()
    listed.world.runtime.clock.advance(timedelta(days=7))

    await eventually(lambda: listed.told("N18"))
    assert listed.told("N18") == [{"UpdateFirmwareRequestID": str(sent.request_id), "MeterIDs": f"{ESME},{GSME}"}]


async def test_the_other_supplier_of_the_premises_hears_of_it(listed, eventually) -> None:
    world = listed.world
    gas = next(one for one in [world.directory.registration("3938424403")])
    moved = gas.model_copy(
        update={"version": 2, "id": "moved", "spans": (gas.spans[0].model_copy(update={"user": RIVAL}),)}
    )
    await world.runtime.bus.publish([message_of(moved)])
    await eventually(lambda: world.directory.registration("3938424403").version == 2)

    assert (await listed.send(listed.image(), ESME)).response_code == "I99"

    await eventually(lambda: listed.told("N59", RIVAL))
    assert listed.told("N59", RIVAL) == [{"DeviceType": "ESME", "FirmwareVersion": VERSION, "DeviceList": ESME}]
    assert listed.told("N59") == []


async def test_the_largest_image_passes_and_one_octet_more_is_not_in_the_schema(listed, eventually) -> None:
    room = firmware.MAX_IMAGE - len(listed.image(b"x")) + 1
    software = bytes(range(256)) * (room // 256) + b"." * (room % 256)
    image = listed.image(software)
    assert len(image) == firmware.MAX_IMAGE
    await listed.list_products(listed.product("ESME", version=2, image_hash=hashlib.sha256(software).hexdigest()))
    await eventually(lambda: any(p.version == 2 for p in listed.world.directory.products(VERSION)))

    assert (await listed.send(image + b"x", ESME)).response_code == "E100"
    assert (await listed.send(image, ESME)).response_code == "I99"
    await eventually(lambda: listed.pieces and len(listed.pieces) == listed.pieces[0].total, 20)
    assert max(len(one.to_bytes()) for one in listed.pieces) < 200_000


@pytest.mark.parametrize(("result", "word"), [(0, "ActivationSuccess"), (1, "ActivationFailure")])
async def test_a_ppmid_is_upgraded_by_11_4_and_its_result_is_a_ppmid_alert(listed, eventually, result, word) -> None:
    world, now = listed.world, listed.world.runtime.clock.now()
    hub = world.directory.device(CHF)
    fact = DeviceFact(
        **{**hub.model_dump(), "id": "ppmid", "device": PPMID, "type": "PPMID", "hub": CHF, "meters": (ESME,)}
    )
    key = world.smki.key()
    world.devices[PPMID] = type(world.devices[ESME])(PPMID, key, world.smki.key())
    await world.smki.publish(world.smki.device(PPMID, Usage.DIGITAL_SIGNATURE, key.public_key()))
    await world.runtime.bus.publish([message_of(fact)])
    await listed.list_products(listed.product("PPMID"))
    await eventually(lambda: world.directory.device(PPMID) and len(world.directory.products(VERSION)) == 3)
    body = listed.body(firmware.build(SOFTWARE, VERSION), PPMID, ESME, name="UpdatePPMIDFirmware")

    sent = await world.send("11.4", body, cv=8, service="D", device=DCC)

    assert (sent.response_code, sent.kind) == ("W110401", "DSPUpdatePPMIDFirmwareWarning")
    assert sent.content == {"InvalidDeviceIDList": ESME}
    await eventually(lambda: listed.orders)
    told = t.FirmwareResultAlert(0x8F8B, now, bytes.fromhex(VERSION), result)
    await listed.alert(PPMID, 0x012B, der.encode(told, 0x012B, CRA.ALERT))
    await eventually(lambda: listed.told("N33") and listed.outcomes)
    (alert,) = listed.told("N33")
    assert alert["PPMIDFirmwareUpgradeAlert"] == {"FirmwareVersion": VERSION, "ActivateImageResultCode": word}
    (outcome,) = listed.outcomes
    assert (outcome.device, outcome.alert_code, outcome.success) == (PPMID, "8F8B", result == 0)
    assert outcome.facts["firmware_version"] == VERSION
