"""The offline tools: files in, files out, one line for what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dccemu.commands.gbcs import app

REQUEST = "ECS70_6.11_SUCCESS_REQUEST_DUIS.XML"


@pytest.fixture
def run(reference: Any) -> Any:
    """Call ``dccemu gbcs`` with the reference key store."""

    def call(command: str, *arguments: object) -> Any:
        keystore = str(reference.folder / "keystore.json")
        return CliRunner().invoke(app, [command, "--keystore", keystore, *map(str, arguments)])

    return call


def test_a_folder_of_requests_becomes_files(reference: Any, run: Any, tmp_path: Path) -> None:
    result = run(
        "transform",
        "--out", tmp_path,
        "--devices", reference.folder / "stem-devices.json",
        "--role-counters", reference.folder / "role-counters.json",
        reference.folder / "duis",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "2.2" not in result.stderr
    skipped = [line for line in result.stdout.splitlines() if "skipped" in line]
    assert all("is not for a Device" in line for line in skipped)
    requests = len(list((reference.folder / "duis").glob("*.XML")))
    assert len(list(tmp_path.iterdir())) == requests - len(skipped)
    wanted = reference.messages["ECS70_6.11_SUCCESS_PRECOMMAND_GBCS.HEX"].read_text("ascii").strip().upper()
    assert (tmp_path / "ECS70_6.11_SUCCESS_PRECOMMAND_GBCS.HEX").read_bytes() == wanted.encode()


def test_a_repeated_stem_has_the_device_and_counter_of_its_stem(reference: Any, run: Any, tmp_path: Path) -> None:
    stem = "GCS31_14.1_SUCCESS"
    copy = tmp_path / f"{stem}~12_REQUEST_DUIS.XML"
    copy.write_bytes((reference.folder / "duis" / f"{stem}_REQUEST_DUIS.XML").read_bytes())
    out = tmp_path / "out"
    result = run("transform", "--out", out, "--role-counters", reference.folder / "role-counters.json", copy)
    assert result.exit_code == 0, result.output
    wanted = reference.octets(stem, "COMMAND").hex().upper()
    assert (out / f"{stem}~12_COMMAND_GBCS.HEX").read_text("ascii") == wanted


def test_devices_may_be_given_by_eui(reference: Any, run: Any, tmp_path: Path) -> None:
    devices = tmp_path / "devices.json"
    devices.write_text(json.dumps({"00-DB-12-34-56-78-90-A0": {"type": "GSME", "gbcs_version": "4.3"}}))
    result = run("transform", "--out", tmp_path, "--devices", devices, reference.folder / "duis" / REQUEST)
    assert result.exit_code == 0, result.output
    assert "007F" in (tmp_path / "ECS70_6.11_SUCCESS_PRECOMMAND_GBCS.HEX").read_text("ascii")


def test_what_cannot_be_transformed_is_one_line_and_the_others_are_written(
    reference: Any, run: Any, tmp_path: Path
) -> None:
    text = (reference.folder / "duis" / REQUEST).read_text("utf-8")
    bad = tmp_path / "bad_REQUEST_DUIS.XML"
    bad.write_text(text.replace("90-A0:", "90-A4:"), "utf-8")
    garbage = tmp_path / "garbage.XML"
    garbage.write_text("<no", "utf-8")
    invalid = tmp_path / "invalid.XML"
    invalid.write_text(text.replace("<sr:CurrentDateTime>", "<sr:CurrentDateTime>x"), "utf-8")
    out = tmp_path / "out"
    result = run("transform", "--out", out, bad, garbage, invalid, reference.folder / "duis" / REQUEST)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [str(bad), "E11"],
        [str(garbage), "NOT_XML"],
        [str(invalid), "E100"],
    ]
    assert [path.name for path in out.iterdir()] == ["ECS70_6.11_SUCCESS_PRECOMMAND_GBCS.HEX"]


def test_requests_are_read_however_they_were_saved(reference: Any, run: Any, tmp_path: Path) -> None:
    octets = (reference.folder / "duis" / REQUEST).read_bytes()
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "bom_REQUEST_DUIS.XML").write_bytes(b"\xef\xbb\xbf" + octets)
    (folder / "lines_REQUEST_DUIS.XML").write_bytes(octets.replace(b"\r", b"").replace(b"\n", b"\r\n"))
    (folder / "case_request_duis.xml").write_bytes(octets)
    (folder / "stem.XML").write_bytes(octets)
    (folder / "response.xml").write_text("<no/>")
    (folder / "folder.xml").mkdir()
    result = run("transform", "--out", tmp_path / "out", "--clock", "2015-01-01T00:00:00", folder)
    assert (result.exit_code, result.output) == (0, "")
    wanted = reference.messages["ECS70_6.11_SUCCESS_PRECOMMAND_GBCS.HEX"].read_text("ascii").strip().upper()
    made = {
        path.name.removesuffix("_PRECOMMAND_GBCS.HEX"): path.read_text("ascii") for path in (tmp_path / "out").iterdir()
    }
    assert made == dict.fromkeys(("bom", "lines", "case", "stem"), wanted)


@pytest.mark.parametrize("command", ["transform", "command", "inspect"])
def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    reference: Any, run: Any, tmp_path: Path, command: str
) -> None:
    dangling = tmp_path / "dangling_REQUEST_DUIS.XML"
    dangling.symlink_to(tmp_path / "nowhere")
    inputs = {
        "transform": reference.folder / "duis" / REQUEST,
        "command": reference.messages["ECS42_7.1_SUCCESS_COMMAND_GBCS.HEX"],
        "inspect": reference.messages["ECS52_11.2_SUCCESS_COMMAND_GBCS.HEX"],
    }
    out = ["--out", tmp_path / "out"] if command != "inspect" else []
    result = run(command, *out, tmp_path / "none.XML", dangling, inputs[command])
    assert result.exit_code == 1
    assert not isinstance(result.exception, OSError)
    if command == "inspect":
        assert [json.loads(line)["error"]["code"] for line in result.stdout.splitlines()[:2]] == ["UNREADABLE"] * 2
        assert "ECS52" in result.stdout
        return
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        [str(tmp_path / "none.XML"), "UNREADABLE"],
        [str(dangling), "UNREADABLE"],
    ]
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_signed_pre_commands_become_commands(reference: Any, run: Any, tmp_path: Path, decoded: Any) -> None:
    stem = "ECS42_7.1_SUCCESS"
    command = reference.octets(stem, "COMMAND")
    signed = tmp_path / f"{stem}_SIGNEDPRECOMMAND_GBCS.HEX"
    signed.write_text((reference.octets(stem, "PRECOMMAND") + b"\x40" + decoded(command).signature).hex())
    unsigned = tmp_path / "unsigned.HEX"
    unsigned.write_text(reference.octets(stem, "PRECOMMAND").hex())
    result = run("command", "--out", tmp_path / "out", signed, unsigned)
    assert result.exit_code == 1
    assert (tmp_path / "out" / f"{stem}_COMMAND_GBCS.HEX").read_text("ascii") == command.hex().upper()
    assert result.stderr.startswith(f"{unsigned}: E50: ")


def test_inspect_reads_messages_and_names_what_is_wrong_with_garbage(reference: Any, run: Any, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.HEX"
    garbage.write_text("DF09")
    result = run("inspect", "--json", reference.messages["ECS52_11.2_SUCCESS_COMMAND_GBCS.HEX"], garbage)
    assert result.exit_code == 1
    read, refused = map(json.loads, result.stdout.splitlines())
    assert (read["kind"], read["use_case"], read["mac"], read["signature"]) == ("command", "ECS52", "valid", "absent")
    assert refused["file"] == str(garbage)
    assert refused["error"]["code"] == "GBCS_TRUNCATED"
    assert isinstance(refused["error"]["offset"], int)
    plain = run("inspect", reference.messages["ECS52_11.2_SUCCESS_COMMAND_GBCS.HEX"])
    assert "ECS52" in plain.stdout
