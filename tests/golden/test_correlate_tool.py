"""``dccemu gbcs correlate``: status 0 when they mean the same, else 1 and the first difference, no traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dccemu.commands.gbcs import app
from dccemu_protocol.duis import AnsweredRequest, read_date_time, responses

STEM = "ECS38_7.12_SUCCESS"


@pytest.fixture
def request_file(reference: Any) -> Path:
    return Path(reference.folder / "duis" / f"{STEM}_REQUEST_DUIS.XML")


@pytest.fixture
def pre_command_file(reference: Any, tmp_path: Path) -> Path:
    file = tmp_path / "precommand.hex"
    file.write_text(_pre_command(reference).hex().upper(), "ascii")
    return file


def _pre_command(reference: Any) -> bytes:
    from dccemu_protocol.gbcs.envelope import encode

    return encode(reference.transform(STEM)[1].message)


def correlate(request: Path, pre_command: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["correlate", "--request", str(request), "--pre-command", str(pre_command), *more])


@pytest.mark.checklist("C9")
def test_a_request_and_its_pre_command_are_the_same(request_file: Path, pre_command_file: Path) -> None:
    result = correlate(request_file, pre_command_file)

    assert (result.exit_code, result.stdout) == (0, "same\n")


def test_a_pre_command_may_stand_in_its_duis_response(reference: Any, request_file: Path, tmp_path: Path) -> None:
    answered = AnsweredRequest.of(reference.request(STEM))
    answer = responses.pre_command(answered, _pre_command(reference), "4.3", read_date_time("2015-01-01T00:00:00Z"))
    file = tmp_path / "response.xml"
    file.write_bytes(responses.unsigned(answer))

    assert correlate(request_file, file).exit_code == 0


@pytest.mark.checklist("C9")
def test_the_first_difference_is_named_by_element_and_item(
    request_file: Path, pre_command_file: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "request.xml"
    changed.write_text(request_file.read_text("utf-8").replace(">900<", ">901<"), "utf-8")

    result = correlate(changed, pre_command_file, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "same": False,
        "difference": {
            "element": "/Request/Body/SetRandomisedOffsetLimit/RandomisedOffsetLimit",
            "item": "set class 1 0-0:94.44.0.1 attribute 2",
            "expected": "901",
            "found": "900",
        },
    }
    assert "RandomisedOffsetLimit" in correlate(changed, pre_command_file).stdout


def test_a_device_of_another_type_is_a_difference(request_file: Path, pre_command_file: Path) -> None:
    result = correlate(request_file, pre_command_file, "--device-type", "GSME")

    assert result.exit_code == 1
    assert "message code" in result.stdout


@pytest.mark.parametrize(
    ("text", "said"), [("zz", "NOT_HEXADECIMAL"), ("<a", "NOT_XML"), ("<a/>", ""), ("", "a GBCS message")]
)
def test_what_is_no_pre_command_is_told(request_file: Path, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "precommand.hex"
    file.write_text(text, "ascii")

    result = correlate(request_file, file)

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert said in result.output


@pytest.mark.parametrize("text", ["", "<a/>", "<a", "garbage"])
def test_what_is_no_request_is_told(pre_command_file: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "request.xml"
    file.write_text(text, "ascii")

    result = correlate(file, pre_command_file, "--json")

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert json.loads(result.stdout)["error"]["code"]


def test_a_request_that_gets_no_pre_command_is_told(reference: Any, pre_command_file: Path) -> None:
    found = next(reference.folder.glob("duis/ECS52_*_REQUEST_DUIS.XML"))

    result = correlate(found, pre_command_file)

    assert result.exit_code == 1
    assert "not a critical request" in result.output
