"""Firmware on its way: the CSP brings images to hubs and Devices, which judge them for themselves."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
import pytest_asyncio

from dccemu_contracts import topics
from dccemu_contracts.firmware import FirmwareDistribution, FirmwareReport, image_name, pieces
from dccemu_protocol.gbcs import datum as d
from dccemu_protocol.gbcs import der_types as t
from dccemu_protocol.gbcs import dlms, firmware, gbz
from dccemu_protocol.gbcs.alerts import dlms_alert
from dccemu_protocol.gbcs.payload import decode_payload
from dccemu_runtime.outbox import message_of

ESME, GSME, CHF, GPF, PPMID = (f"00-DB-12-34-56-78-90-A{n}" for n in range(5))
USER = "90-B3-D5-1F-30-01-00-00"
SOFTWARE = b"metrology " * 20_000
DIGEST = hashlib.sha256(SOFTWARE).hexdigest()
RECEIPT, GAS_RECEIPT, TRANSFER, ACTIVATION = 0x00CE, 0x00CF, 0x0128, 0x012B

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def csp(wan):
    """The SM WAN, with an ear for what the CSP reports."""
    wan.reports = []
    seen: dict[str, bytes] = {}

    async def hear(batch) -> None:
        # Each message once, as an inbox takes it; a repeat must be the same octets.
        for message in batch:
            known = seen.setdefault(message.id, message.value)
            assert known == message.value
            if known is message.value:
                wan.reports.append(FirmwareReport.from_bytes(message.value))

    ear = await wan.runtime.bus.subscribe([topics.SM_WAN_FIRMWARE_REPORTS.name], "gateway", hear)
    yield wan
    await ear.stop()


def image(wan, *, signer: str = USER, version: str = "00020140", hardware: tuple[int, int] | None = None) -> bytes:
    key = wan.hierarchy.keys[signer.replace("-", "").lower(), "digitalSignature"]
    return firmware.build(SOFTWARE, version, sign=firmware.signing_with(key), hardware=hardware)


async def order(wan, device: str, octets: bytes, number: int = 1, user: str | None = USER) -> None:
    now = wan.runtime.clock.now()
    message = FirmwareDistribution(
        id=f"distribution {number} {device}",
        at=now,
        device=device,
        image=image_name(octets),
        version="00020140",
        until=now + timedelta(days=7),
        request_id=f"{USER}:90-B3-D5-1F-30-00-00-02:{number}" if user else None,
        user=user,
    )
    await wan.runtime.bus.publish([message_of(message)])


async def send_image(wan, octets: bytes, order_of: slice = slice(None)) -> None:
    made = list(pieces(octets, wan.runtime.clock.now(), wan.runtime.entropy.uuid))
    await wan.runtime.bus.publish([message_of(one) for one in made[order_of]])


async def due(wan, eventually, device: str, stage: str) -> None:
    """Wait until the distribution has come to a stage."""
    rows = "SELECT 1 FROM firmware_distributions WHERE device = $1 AND stage = $2"
    pool = wan.service.journal._database.pool

    async def there() -> bool:
        return await pool.fetchval(rows, device, stage) is not None

    await eventually(there)


async def travel(wan, eventually, device: str) -> None:
    """Let an image go over the SM WAN and over the HAN."""
    await due(wan, eventually, device, "to-hub")
    wan.runtime.clock.advance(timedelta(seconds=1))
    await due(wan, eventually, device, "to-device")
    wan.runtime.clock.advance(timedelta(seconds=1))


async def ended(wan, eventually) -> None:
    """Wait until nothing is open any more, in rows or in the agenda."""
    pool = wan.service.journal._database.pool

    async def nothing() -> bool:
        return await pool.fetchval("SELECT count(*) FROM firmware_distributions") == 0 and not wan.pending()

    await eventually(nothing)


async def state(wan, device: str) -> dict:
    return (await wan.admin.get(f"/admin/devices/{device}")).json()


async def test_a_meter_keeps_an_image_that_its_supplier_signed_and_says_so(csp, eventually, parties):
    octets = image(csp)
    await order(csp, ESME, octets)
    await send_image(csp, octets, slice(None, None, -1))
    await travel(csp, eventually, ESME)
    await eventually(lambda: csp.alerts(RECEIPT))

    receipt, transfer = csp.alerts(RECEIPT)[0], csp.alerts(TRANSFER)[0]
    csp.check(receipt, parties["supplier"])
    found = dlms_alert(dlms.decode(receipt.payload))
    assert (found.alert_code, found.items) == (0x8F72, (d.OctetString(bytes.fromhex(DIGEST)),))
    csp.check(transfer, parties["broker"])
    told = decode_payload(transfer)
    assert isinstance(told, t.FirmwareTransferAlert)
    assert (told.alert_code, str(told.device), told.version.hex(), told.code) == (0x8F8A, ESME, "00020140", 0)
    assert [(one.stage, one.success, one.hub, one.user) for one in csp.reports] == [("delivered", True, CHF, USER)]
    held = (await state(csp, ESME))["state"]["firmware/image"]
    assert held == {"hash": DIGEST, "version": "00020140"}


@pytest.mark.parametrize(("signer", "gas"), [("90-B3-D5-1F-30-03-00-00", False), ("90-B3-D5-1F-30-03-00-00", True)])
async def test_a_meter_does_not_keep_what_another_supplier_signed(csp, eventually, signer, gas):
    device = GSME if gas else ESME
    octets = image(csp, signer=signer)
    await send_image(csp, octets)
    await order(csp, device, octets)
    await travel(csp, eventually, device)
    code = GAS_RECEIPT if gas else RECEIPT
    await eventually(lambda: csp.alerts(code))

    (receipt,) = csp.alerts(code)
    if gas:
        assert gbz.decode_alert(receipt.payload).alert_code == 0x8F1C
    else:
        assert dlms_alert(dlms.decode(receipt.payload)).alert_code == 0x8F1C
    assert "firmware/image" not in (await state(csp, device))["state"]


async def test_the_hub_does_not_pass_on_an_image_for_other_hardware(csp, eventually):
    octets = image(csp, hardware=(0x1111, 0x1211))
    await send_image(csp, octets)
    await order(csp, ESME, octets)
    await travel(csp, eventually, ESME)
    await eventually(lambda: csp.alerts(TRANSFER))

    told = decode_payload(csp.alerts(TRANSFER)[0])
    assert (told.alert_code, told.code) == (0x8F89, 2)
    assert csp.alerts(RECEIPT) == []
    await ended(csp, eventually)


async def test_a_hub_that_cannot_be_reached_is_tried_again_and_then_given_up(csp, eventually):
    octets = image(csp)
    await csp.admin.put(f"/admin/devices/{CHF}", json={"reachable": False})
    await send_image(csp, octets)
    await order(csp, ESME, octets)
    await due(csp, eventually, ESME, "to-hub")
    csp.runtime.clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await eventually(lambda: any(at > csp.runtime.clock.now() for at in csp.pending().values()))
        csp.runtime.clock.advance(timedelta(hours=1))

    await eventually(lambda: csp.reports)
    (report,) = csp.reports
    assert (report.stage, report.success) == ("delivered", False)
    assert "not reachable" in report.reason
    await ended(csp, eventually)


async def test_an_image_that_never_comes_is_given_up_at_the_end_of_the_order(csp, eventually):
    await order(csp, ESME, image(csp))
    await due(csp, eventually, ESME, "waiting")
    csp.runtime.clock.advance(timedelta(days=7))

    await eventually(lambda: csp.reports)
    assert (csp.reports[0].success, csp.reports[0].reason) == (False, "the image did not come")
    await ended(csp, eventually)


async def test_a_restart_between_any_two_steps_loses_nothing_and_repeats_nothing(csp, eventually):
    octets = image(csp)
    await send_image(csp, octets, slice(1))
    await csp.restart()
    await order(csp, ESME, octets)
    await due(csp, eventually, ESME, "waiting")
    await csp.restart()
    await send_image(csp, octets, slice(1, None))
    await due(csp, eventually, ESME, "to-hub")
    await csp.restart()
    csp.runtime.clock.advance(timedelta(seconds=1))
    await due(csp, eventually, ESME, "to-device")
    await csp.restart()
    csp.runtime.clock.advance(timedelta(seconds=1))
    await eventually(lambda: csp.alerts(RECEIPT))
    await csp.restart()

    assert (len(csp.alerts(RECEIPT)), len(csp.alerts(TRANSFER)), len(csp.reports)) == (1, 1, 1)
    assert [kind for kind, _ in csp.pending()] == []


async def test_a_ppmid_runs_what_it_gets_and_reports_to_the_dcc(csp, eventually, parties):
    octets = firmware.build(SOFTWARE, "00010004")
    await send_image(csp, octets)
    await order(csp, PPMID, octets)
    await travel(csp, eventually, PPMID)
    await eventually(lambda: csp.alerts(ACTIVATION))

    (alert,) = csp.alerts(ACTIVATION)
    csp.check(alert, parties["broker"])
    told = decode_payload(alert)
    assert isinstance(told, t.FirmwareResultAlert)
    assert (told.alert_code, told.version.hex(), told.result) == (0x8F8B, "00010004", 0)
    assert (await state(csp, PPMID))["firmware_version"] == "00010004"


async def test_a_hub_and_its_gas_proxy_function_run_the_dccs_image_together(csp, eventually):
    octets = firmware.build(SOFTWARE, "00009002")
    await send_image(csp, octets)
    await order(csp, CHF, octets, user=None)
    await due(csp, eventually, CHF, "to-hub")
    csp.runtime.clock.advance(timedelta(seconds=1))

    await eventually(lambda: csp.reports)
    (report,) = csp.reports
    assert (report.stage, report.success, report.version, report.request_id) == ("activated", True, "00009002", None)
    assert [(await state(csp, one))["firmware_version"] for one in (CHF, GPF)] == ["00009002", "00009002"]


async def test_one_image_is_kept_once_for_many_devices_and_goes_when_nobody_names_it(csp, eventually):
    octets = image(csp)
    pool = csp.service.journal._database.pool
    for number in (1, 2):
        await send_image(csp, octets)
        await order(csp, (ESME, GSME)[number - 1], octets, number)
    await travel(csp, eventually, GSME)
    await eventually(lambda: csp.alerts(RECEIPT) and csp.alerts(GAS_RECEIPT))
    assert [tuple(row) for row in await pool.fetch("SELECT image, length(octets) FROM firmware_images")] == [
        (image_name(octets), len(octets))
    ]
    assert await pool.fetchval("SELECT count(*) FROM firmware_pieces") == 0

    csp.runtime.clock.advance(timedelta(days=2))
    other = image(csp, version="00020141")
    await send_image(csp, other)
    await order(csp, ESME, other, 3)
    await travel(csp, eventually, ESME)
    await eventually(lambda: len(csp.alerts(RECEIPT)) == 2)
    assert [row[0] for row in await pool.fetch("SELECT image FROM firmware_images")] == [image_name(other)]
