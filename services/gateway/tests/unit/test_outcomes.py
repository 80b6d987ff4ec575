"""What the DCC reads out of Responses and Alerts."""

from __future__ import annotations

import pytest

from dccemu_gateway.domain.outcomes import read_alert, read_outcome
from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage, OtherInformation, decode
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.identifiers import Eui64

USER, DEVICE = Eui64.parse("90-B3-D5-1F-30-01-00-00"), Eui64.parse("00-DB-12-34-56-78-90-A0")


def message(code: int, payload: str, cra: CRA = CRA.RESPONSE) -> GbcsMessage:
    return GbcsMessage(cra, 1000, DEVICE, USER, OtherInformation(code), bytes.fromhex(payload))


def test_the_firmware_version_of_a_response_is_read() -> None:
    """gbcs.md section 3.6, the Response of ECS52."""
    payload = "da200003e800000109040123abcd010100"

    outcome = read_outcome(message(0x0059, payload), "11.2")

    assert outcome.success
    assert outcome.facts == {"firmware_version": "0123ABCD"}


@pytest.mark.parametrize(("results", "success"), [("00", True), ("01", False)])
def test_a_dlms_result_other_than_0_is_no_success(results: str, success: bool) -> None:
    """gbcs.md section 3.6, the Response of ECS42."""
    assert read_outcome(message(0x004F, f"da200003e8000001000103{results}"), "6.11").success is success


@pytest.mark.parametrize(("code", "success"), [("020100", True), ("020103", False)])
def test_a_join_says_by_its_code_whether_it_worked(code: str, success: bool) -> None:
    assert read_outcome(message(0x000D, code), "8.7.1").success is success


def test_a_plain_alert_has_its_code() -> None:
    """gbcs.md section 3.6, the Alert 810E."""
    payload = "0f200007d000020212810e090c07df0101ff000000008000ff"

    reading = read_alert(message(0x1001, payload, CRA.ALERT))

    assert reading.code == 0x810E
    assert reading.instruction is None


def test_an_execution_alert_names_the_command_that_fired() -> None:
    item = "0019" + f"{1000:016x}" + "0071" + "0000130000ff" + "06"
    payload = "0f200007d0000203128f66090c07df0101ff000000008000ff" + "0913" + item

    reading = read_alert(message(0x00CC, payload, CRA.ALERT))

    assert reading.code == 0x8F66
    assert reading.instruction == (0x0019, 1000)


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(GbcsError):
        read_alert(message(0x1000, "0f2000", CRA.ALERT))
    with pytest.raises(GbcsError):
        decode(bytes.fromhex("dd00"))
