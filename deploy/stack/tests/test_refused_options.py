"""What the command line is given wrong is refused with the option, the value and what would do, never a traceback."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dccemu.main import app, normalise
from dccemu.up.claim import claim
from dccemu_sdk.stack import State

EUI = "90-B3-D5-1F-30-01-00-00"


def words(*arguments: str) -> tuple[int, str]:
    """The exit status, and what was said with the frame and the line breaks of the box taken away."""
    result = CliRunner().invoke(app, normalise(list(arguments)), env={"COLUMNS": "300", "TERM": "dumb"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    file = tmp_path / "prose.txt"
    file.write_text("dear: reader: this is no document", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--duis-port", "99999", "65535"),
        ("--admin-port", "-1", "greater than or equal to 0"),
        ("--log-level", "silly", "'debug', 'info', 'warning', 'error'"),
        ("--clock", "yesterday", "ISO 8601"),
        ("--clock", "3000-12-31", "between 1970"),
        ("--database", "foo", "postgresql://"),
        ("--kafka", "foo", "HOST:PORT"),
        ("--receive", "foo", "EUI=URL"),
        ("--receive", f"{EUI}=notaurl", "EUI=URL"),
        ("--receive", "x=http://127.0.0.1:1", "hexadecimal"),
        ("--state", "/nowhere/at/all.json", "there is no folder"),
        ("--data", __file__, "is a file"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_starts(option: str, value: str, said: str) -> None:
    status, text = words("up", option, value)

    assert status == 2
    assert option in text
    assert said in text


@pytest.mark.parametrize("option", ["--scenario", "--pki import"])
def test_a_file_of_another_kind_is_refused_before_anything_starts(option: str, prose: Path) -> None:
    status, text = words("up", *option.split(), str(prose))

    assert status == 2
    assert f"{option}: {prose}: BAD_" in text


def test_a_port_that_is_taken_is_one_line() -> None:
    free = [f"--{name}-port=0" for name in ("duis-tls", "smki", "inventory", "cos-party", "sm-wan", "admin")]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, text = words("up", f"--duis-port={port}", *free)

    assert status == 1
    assert f"'127.0.0.1', {port}" in text
    assert "address already in use" in text


def test_what_is_no_state_file_is_named(prose: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.json"
    half.write_text(json.dumps({"duis": "http://127.0.0.1:1"}), encoding="utf-8")
    for command in (("duis", "send", "--demo"), ("journal",), ("pki", "list"), ("certs", "export")):
        for file in (prose, half):
            status, text = words(*command, "--state", str(file))

            assert status == 1
            assert f"{file} is not a state file" in text


def test_a_suite_that_is_not_there_is_named_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    for command in (("duis", "send", "--demo"), ("journal",), ("pki", "list"), ("certs", "export")):
        status, text = words(*command, "--admin", url)

        assert status == 1
        assert url in text
        assert "dccemu up" in text


def test_a_state_file_says_where_everything_is(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"duis": "d", "smki": "s", "admin": "a", "pid": 1}), encoding="utf-8")

    assert State.read(file).admin == "a"


def test_a_data_folder_belongs_to_one_running_suite(tmp_path: Path) -> None:
    with claim(tmp_path):
        status, text = words("up", "--data", str(tmp_path), "--admin-port=0")

    assert status == 1
    assert f"--data {tmp_path} is used by the running suite with process id {os.getpid()}" in text
    assert not (tmp_path / "database").exists()
    with claim(tmp_path):
        pass
