"""Firmware over DUIS: images go to Devices and run there, and what left the Certified Products List comes back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest

from dccemu_protocol.duis import DuisResponse
from dccemu_sdk import firmware
from dccemu_sdk.session import Dcc, running
from dccemu_sdk.user import Outcome, User

ESME, GSME, CHF, GPF, PPMID = (f"00-DB-12-34-56-78-90-A{n}" for n in range(5))
NEIGHBOUR = "00-DB-12-34-56-78-90-B0"
METER = {"manufacturer": "AB01", "model": "010A030B"}
GAS = {"manufacturer": "AB01", "model": "010B030B"}
DISPLAY = {"manufacturer": "AB01", "model": "010C0101"}
HUB = {"manufacturer": "106C", "model": "433100AC"}
SOFTWARE = b"metrology " * 20_000
READ = "<sr:ReadInstantaneousImportRegisters/>"

Build = Callable[..., bytes]


@pytest.fixture(scope="module")
def suite() -> Iterator[Dcc]:
    """A suite of its own, in one process: its Certified Products List changes."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def user(suite: Dcc) -> User:
    """The demonstration Supplier."""
    return suite.user()


def _list(suite: Dcc, kind: str, named: dict[str, str], version: str, **more: str) -> None:
    entry = {
        "device_type": kind,
        "firmware_version": version,
        "gbcs_version": "4.3",
        "smets_chts_version": "SMETS V1.58",
    }
    suite.admin.call("PUT", "/admin/inventory/products", {**entry, **named, **more})


def _record(suite: Dcc, device: str) -> dict[str, object]:
    found = suite.admin.call("GET", f"/admin/inventory/devices/{device}")
    assert isinstance(found, dict)
    return dict(found)


def _until(suite: Dcc, device: str, **wanted: object) -> None:
    """Wait for the inventory's record of a Device."""
    deadline = monotonic() + 20
    while any(_record(suite, device).get(name) != value for name, value in wanted.items()):
        assert monotonic() < deadline, f"{device} is not {wanted}: {_record(suite, device)}"
        sleep(0.02)


def _alert(user: User, code: str, device: str | None = None) -> dict[str, object]:
    """Wait for a DCC Alert; gives its body."""

    def fits(response: DuisResponse) -> bool:
        if response.kind != "DCCAlertMessage" or response.content["DCCAlertCode"] != code:
            return False
        return device is None or device in str(response.content["DCCAlert"])

    assert user.receiver is not None
    found = user.receiver.wait_for(fits, timeout=20)[-1].content["DCCAlert"]
    body = next(iter(found.values()))
    assert isinstance(body, dict)
    return dict(body)


def _receipt(user: User, code: str, device: str) -> None:
    """Wait for a Device Alert with a code."""

    def fits(response: DuisResponse) -> bool:
        is_it = response.kind == "DeviceAlertMessage" and response.content["AlertCode"] == code
        return is_it and str(response.response_id).startswith(device)

    assert user.receiver is not None
    user.receiver.wait_for(fits, timeout=20)


def _clock(suite: Dcc) -> str:
    now = datetime.fromisoformat(str(suite.admin.clock()["now"])).astimezone(UTC)
    return (
        f"<sr:SynchroniseClock><sr:CurrentDateTime>{now:%Y-%m-%dT%H:%M:%SZ}</sr:CurrentDateTime>"
        "<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:SynchroniseClock>"
    )


def _version(suite: Dcc, outcome: Outcome) -> str:
    return str(suite.describe(outcome)[-1]["gbcs"])


@pytest.mark.checklist("C21")
def test_an_off_list_device_takes_only_restoring_requests_and_is_restored_by_its_firmware(
    suite: Dcc, user: User, request_of: Build
) -> None:
    image = firmware.meter_image(user.identity, SOFTWARE, "00020140")
    digest = firmware.image_hash(image)
    _list(suite, "ESME", METER, "00020140", image_hash=digest)
    _list(suite, "ESME", METER, "0002012F", status="Withdrawn")
    _until(suite, ESME, status="Suspended", cpl_status="Withdrawn")
    assert _alert(user, "N28", ESME)

    assert user.send(request_of("4.1.1", 1, READ, ESME)).code == "E5"
    assert user.send(request_of("6.11", 4, _clock(suite), ESME)).code == "E5"
    sent = user.send(firmware.update_firmware(image, "00020140", [ESME]))
    assert sent.code == "I99"
    delivered = _alert(user, "N60", ESME)
    assert (delivered["UpdateFirmwareRequestID"], delivered["CommsHubTransferStatus"]) == (
        str(sent.request_id),
        "Success",
    )
    _receipt(user, "8F72", ESME)
    transfer = _alert(user, "N61", ESME)["FirmwareTransferAlert"]
    assert isinstance(transfer, dict)
    assert (transfer["FirmwareVersion"], transfer["TransferResponseCode"]) == ("00020140", "FileTransferSuccess")
    assert _record(suite, ESME)["status"] == "Suspended"

    activated = user.send(firmware.activate_firmware(ESME, digest))

    assert [answer.response_code for answer in activated.answers] == ["I0", "I99", "I0"]
    _until(suite, ESME, status="Commissioned", firmware_version="00020140", cpl_status="Active")
    assert _alert(user, "N29", ESME)
    assert "00020140" in _version(suite, user.send(firmware.read_firmware_version(ESME)))
    assert user.send(request_of("4.1.1", 1, READ, ESME)).code == "I0"


@pytest.mark.checklist("C21")
def test_an_off_list_device_takes_no_tariff(suite: Dcc, user: User, template: Callable[[str], bytes]) -> None:
    _list(suite, "ESME", METER, "0002012F", status="Withdrawn")
    _until(suite, NEIGHBOUR, status="Suspended")

    assert user.send(template("ECS01a_1.1.1_IMMEDIATE_TOU_SUCCESS"), target=NEIGHBOUR).code == "E5"


@pytest.mark.checklist("C22")
def test_an_off_list_hub_is_suspended_and_the_dcc_upgrades_it(suite: Dcc, user: User) -> None:
    image = firmware.unsigned_image(SOFTWARE, "00009002")
    digest = firmware.image_hash(image, signed=False)
    for kind in ("CHF", "GPF"):
        _list(suite, kind, HUB, "00009002", image_hash=digest)
        _list(suite, kind, HUB, "00009001", status="Withdrawn")
    _until(suite, CHF, status="Suspended")
    _until(suite, GPF, status="Suspended")

    octets = b64encode(image).decode()
    suite.admin.call("POST", f"/admin/inventory/hubs/{CHF}/firmware", {"version": "00009002", "image": octets})

    for device in (CHF, GPF):
        _until(suite, device, status="Commissioned", firmware_version="00009002", cpl_status="Active")
        assert suite.admin.device(device)["firmware_version"] == "00009002"
    assert _alert(user, "N63", CHF) == {"DeviceID": CHF, "FirmwareVersion": "00009002"}
    assert _alert(user, "N29", CHF)
    assert "00009002" in _version(suite, user.send(firmware.read_firmware_version(CHF)))


@pytest.mark.checklist("C23")
def test_an_image_with_another_hash_than_the_listed_one_is_refused(suite: Dcc, user: User) -> None:
    _list(suite, "GSME", GAS, "00020141", image_hash=firmware.image_hash(_gas_image(user)))

    wrong = user.send(firmware.update_firmware(_gas_image(user, b"another "), "00020141", [GSME]))
    unsigned = firmware.unsigned_image(SOFTWARE, "00020141") + bytes(66)
    foreign = firmware.meter_image(suite.user("90-B3-D5-1F-30-03-00-00").identity, SOFTWARE, "00020141")

    assert wrong.code == "E110102"
    assert user.send(firmware.update_firmware(unsigned, "00020141", [GSME])).code == "E110102"
    assert user.send(firmware.update_firmware(foreign, "00020141", [GSME])).code == "E110106"
    entry = suite.admin.journal_entry(
        str(suite.admin.wait_for_journal(request_id=str(wrong.request_id), stage="request")[0]["id"])
    )
    assert "FIRMWARE_HASH" in str(entry["checks"])


def _gas_image(user: User, software: bytes = SOFTWARE) -> bytes:
    return firmware.meter_image(user.identity, software, "00020141")


def test_a_gas_meter_activates_at_the_date_of_the_command_and_the_inventory_follows(suite: Dcc, user: User) -> None:
    image = _gas_image(user)
    digest = firmware.image_hash(image)
    _list(suite, "GSME", GAS, "00020141", image_hash=digest)
    assert user.send(firmware.update_firmware(image, "00020141", [GSME])).code == "I99"
    _receipt(user, "8F72", GSME)
    now = datetime.fromisoformat(str(suite.admin.clock()["now"])).astimezone(UTC)

    outcome = user.send(firmware.activate_firmware(GSME, digest, now + timedelta(hours=1)))
    assert outcome.code == "I0"
    assert _record(suite, GSME)["firmware_version"] == "00020130"
    suite.admin.advance(3601)

    _until(suite, GSME, firmware_version="00020141", status="Commissioned")
    executed = user.wait(outcome.request_id, count=2)[-1]
    assert (executed.kind, executed.content["FutureDatedAlertCode"]) == ("FutureDatedDeviceAlertMessage", "8F66")


def test_a_ppmid_runs_its_image_at_once_and_its_supplier_is_told(suite: Dcc, user: User) -> None:
    image = firmware.unsigned_image(SOFTWARE, "00010004")
    _list(suite, "PPMID", DISPLAY, "00010004", image_hash=firmware.image_hash(image, signed=False))

    assert user.send(firmware.update_ppmid_firmware(image, "00010004", [PPMID])).code == "I99"

    told = _alert(user, "N33", PPMID)
    assert told["PPMIDFirmwareUpgradeAlert"] == {
        "FirmwareVersion": "00010004",
        "ActivateImageResultCode": "ActivationSuccess",
    }
    _until(suite, PPMID, firmware_version="00010004", cpl_status="Active")
    assert "00010004" in _version(suite, user.send(firmware.read_firmware_version(PPMID)))


def test_a_version_that_the_inventory_does_not_hold_is_a_mismatch(suite: Dcc, user: User) -> None:
    running = str(suite.admin.device(PPMID)["firmware_version"])
    suite.admin.set_device(PPMID, {"state": {"firmware/version": "0badf00d"}})

    user.send(firmware.read_firmware_version(PPMID))

    assert _alert(user, "N40", PPMID) == {
        "DeviceID": PPMID,
        "DeviceType": "PPMID",
        "FirmwareVersionSMI": running,
        "FirmwareVersionDevice": "0BADF00D",
    }
