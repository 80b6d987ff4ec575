"""Signed requests go in at the front door, Devices answer, signed Responses reach the User."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest

from dccemu_protocol.identifiers import Eui64
from dccemu_sdk import firmware
from dccemu_sdk.session import Dcc

ESME = "00-DB-12-34-56-78-90-A0"
GSME = "00-DB-12-34-56-78-90-A1"
CHF = "00-DB-12-34-56-78-90-A2"
BROKER = "90-B3-D5-1F-30-00-00-02"

Build = Callable[..., bytes]


def _message(dcc: Dcc, outcome: object) -> dict[str, object]:
    """The GBCS message in the last answer, decoded."""
    described = dcc.describe(outcome)[-1]  # type: ignore[arg-type]
    message = described["gbcs"]
    assert isinstance(message, dict)
    return message


def _clock(dcc: Dcc, element: str) -> str:
    """A body that brings the present time of the Clock."""
    now = datetime.fromisoformat(str(dcc.admin.clock()["now"])).astimezone(UTC)
    return (
        f"<sr:{element}><sr:CurrentDateTime>{now:%Y-%m-%dT%H:%M:%SZ}</sr:CurrentDateTime>"
        f"<sr:TolerancePeriod>60</sr:TolerancePeriod></sr:{element}>"
    )


@pytest.mark.parametrize(("device", "use_case"), [(ESME, "ECS17b"), (GSME, "GCS13a")])
@pytest.mark.checklist("C6")
def test_import_registers_are_read_over_the_wan(dcc: Dcc, request_of: Build, device: str, use_case: str) -> None:
    user = dcc.user()

    outcome = user.send(request_of("4.1.1", 1, "<sr:ReadInstantaneousImportRegisters/>", device))

    assert [answer.response_code for answer in outcome.answers] == ["I99", "I0"]
    message = _message(dcc, outcome)
    assert (message["kind"], message["use_case"], message["mac"]) == ("response", use_case, "valid")


def test_a_command_for_local_delivery_comes_back_at_once(dcc: Dcc, request_of: Build) -> None:
    user = dcc.user()

    outcome = user.send(request_of("4.1.1", 2, "<sr:ReadInstantaneousImportRegisters/>", ESME))

    assert outcome.code == "I0"
    assert outcome.last.kind == "LocalCommand"
    message = _message(dcc, outcome)
    assert (message["kind"], message["use_case"]) == ("command", "ECS17b")


def test_a_critical_request_is_signed_by_the_user_and_obeyed(dcc: Dcc, request_of: Build) -> None:
    user = dcc.user()
    body = _clock(dcc, "SynchroniseClock")

    outcome = user.send(request_of("6.11", 4, body, ESME))

    assert [answer.response_code for answer in outcome.answers] == ["I0", "I99", "I0"]
    message = _message(dcc, outcome)
    assert (message["kind"], message["use_case"], message["signature"]) == ("response", "ECS70", "valid")


def test_load_limits_are_set(dcc: Dcc, template: Callable[[str], bytes]) -> None:
    outcome = dcc.user().send(template("ECS28a_6.4.1_IMMEDIATE_SUCCESS"))

    assert outcome.code == "I0"
    assert _message(dcc, outcome)["signature"] == "valid"


@pytest.mark.parametrize("stem", ["CS11_3.3_SUCCESS", "ECS15a_3.3_SUCCESS"])
def test_an_event_log_is_cleared(dcc: Dcc, template: Callable[[str], bytes], stem: str) -> None:
    outcome = dcc.user().send(template(stem))

    assert outcome.code == "I0"
    assert _message(dcc, outcome)["mac"] == "valid"


def test_the_device_log_of_a_hub_is_read_through_the_broker(dcc: Dcc, template: Callable[[str], bytes]) -> None:
    outcome = dcc.user().send(template("CCS06_8.9_SUCCESS"))

    assert outcome.code == "I0"
    message = _message(dcc, outcome)
    assert message["recipient"] == BROKER


def test_the_inventory_is_read(dcc: Dcc, request_of: Build) -> None:
    body = f"<sr:ReadInventory><sr:DeviceID>{ESME}</sr:DeviceID></sr:ReadInventory>"

    outcome = dcc.user().send(request_of("8.2", 8, body, BROKER))

    assert outcome.code == "I0"
    assert outcome.last.kind == "DSPInventory"


def notification(dcc: Dcc) -> tuple[str, str]:
    """A Device that nobody has notified yet, and the body that notifies it."""
    device = str(Eui64((0x00DB1234 << 32 | dcc.counters.next() % 2**32).to_bytes(8, "big")))
    return device, (
        f"<sr:DevicePrenotification><sr:DeviceID>{device}</sr:DeviceID><sr:DeviceManufacturer>AB01</sr:DeviceManufacturer>"
        "<sr:DeviceModel>010A030B</sr:DeviceModel><sr:DeviceType>ESME</sr:DeviceType>"
        "<sr:SMETSCHTSVersion>SMETS V1.58</sr:SMETSCHTSVersion><sr:FirmwareVersion>0002012F</sr:FirmwareVersion>"
        "<sr:ESMEVariant>AD</sr:ESMEVariant></sr:DevicePrenotification>"
    )


@pytest.mark.checklist("D4")
def test_a_device_is_pre_notified_once(dcc: Dcc, request_of: Build) -> None:
    user, (_, body) = dcc.user(), notification(dcc)

    first = user.send(request_of("12.2", 8, body, BROKER))
    second = user.send(request_of("12.2", 8, body, BROKER))

    assert first.code in {"I0", "I99"}
    assert second.code.startswith("E1202")


def test_a_user_meets_what_it_has_just_changed(dcc: Dcc, request_of: Build) -> None:
    """Sent in the moment of the answer, the next request finds the record that the one before it made."""
    user = dcc.user()
    for _ in range(5):
        device, body = notification(dcc)
        asked = f"<sr:ReadInventory><sr:DeviceID>{device}</sr:DeviceID></sr:ReadInventory>"

        codes = [user.send(request_of(*what, BROKER)).code for what in (("12.2", 8, body), ("8.2", 8, asked))]

        assert codes == ["I99", "I0"]


def test_a_user_meets_the_record_that_a_devices_answer_has_changed(dcc: Dcc, request_of: Build) -> None:
    user = dcc.user()
    dcc.admin.call("PUT", f"/admin/inventory/devices/{ESME}", {"status": "InstalledNotCommissioned"})
    asked = f"<sr:ReadInventory><sr:DeviceID>{ESME}</sr:DeviceID></sr:ReadInventory>"

    commissioned = user.send(request_of("8.1.1", 4, _clock(dcc, "CommissionDeviceSynchroniseClock"), ESME))
    record = user.send(request_of("8.2", 8, asked, BROKER))

    assert (commissioned.code, record.code) == ("I0", "I0")
    found = cast(list[dict[str, str]], record.last.content["Device"])
    assert [device["DeviceStatus"] for device in found if device["DeviceID"] == ESME] == ["Commissioned"]


def test_a_firmware_image_reaches_a_meter_which_verifies_it(dcc: Dcc) -> None:
    user = dcc.user()
    image = firmware.meter_image(user.identity, b"software for gas meters " * 9_000, "00020142")
    entry = {"device_type": "GSME", "manufacturer": "AB01", "model": "010B030B", "firmware_version": "00020142"}
    listed = {**entry, "gbcs_version": "4.3", "image_hash": firmware.image_hash(image)}
    dcc.admin.call("PUT", "/admin/inventory/products", listed)

    sent = user.send(firmware.update_firmware(image, "00020142", [GSME]))

    assert sent.code == "I99"
    assert user.receiver is not None
    user.receiver.wait_for(
        lambda answer: (
            answer.kind == "DeviceAlertMessage"
            and answer.content["AlertCode"] == "8F72"
            and str(answer.response_id).startswith(GSME)
        )
    )


def test_the_published_image_is_for_other_hardware_than_the_meters(
    dcc: Dcc, template: Callable[[str], bytes], request: pytest.FixtureRequest
) -> None:
    document = template("11.1_UPDATE_FIRMWARE")
    octets = re.search(rb"FirmwareImage>([^<]+)<", document)
    assert octets is not None
    digest = firmware.image_hash(base64.b64decode(octets[1]))
    entry = {"device_type": "ESME", "manufacturer": "AB01", "model": "010A030B", "firmware_version": "00000000"}
    dcc.admin.call("PUT", "/admin/inventory/products", {**entry, "gbcs_version": "4.3", "image_hash": digest})
    user = dcc.user()

    sent = user.send(document)

    if "imported" not in request.node.name:
        assert sent.code == "E110106", "the published Supplier's key signed it, not this suite's"
        return
    assert sent.code == "I99"
    assert user.receiver is not None
    user.receiver.wait_for(
        lambda answer: str(sent.request_id) in str(answer.content) and "HardwareVersionMismatch" in str(answer.content)
    )
