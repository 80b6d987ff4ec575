"""`dccemu up` ends as it should: within five seconds of SIGTERM, with status 0; killed or not, nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dccemu_sdk.stack import Stack, State, command

SECONDS = 5.0
SERVICES = ("gateway", "smki", "inventory", "cos_party", "sm_wan")
PORTS = ("duis", "duis_tls", "smki", "inventory", "cos_party", "sm_wan", "admin")
MOMENTS = {"initdb": b"initdb", "the database server": b"autovacuum_naptime", "a service": b"dccemu_smki"}
"""Children of a suite that is starting, by a part of their command lines."""
TOPOLOGIES = {"one process": (), "isolated": ("--isolated",)}


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found |= {child} | _descendants(child)
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _left(pids: set[int], within: float) -> set[int]:
    deadline = time.monotonic() + within
    while (left := {pid for pid in pids if _is_running(pid)}) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@pytest.fixture(params=list(TOPOLOGIES))
def suite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Stack, State]]:
    stack = Stack([*TOPOLOGIES[request.param], "--data", str(tmp_path / "data")], folder=tmp_path, timeout=120)
    try:
        yield stack, stack.start()
    finally:
        stack.close()


@pytest.mark.timeout(240)
def test_sigterm_ends_everything(suite: tuple[Stack, State]) -> None:
    stack, state = suite
    document = json.loads((stack.folder / "state.json").read_text())
    pids = _descendants(state.pid)

    assert document["pid"] == stack.pid
    for name in PORTS:
        address = urlsplit(document[name])
        assert address.hostname is not None
        with socket.create_connection((address.hostname, address.port or 0), timeout=10):
            pass
    for name in ("keystore", "tls_folder"):
        assert Path(document[name]).exists(), name
    assert document["supplier"]
    assert pids

    began = time.monotonic()
    status = stack.stop(timeout=30)
    took = time.monotonic() - began

    assert status == 0, stack.tail()
    assert took <= SECONDS
    assert not _left(pids, within=1.0)


@pytest.mark.isolated
@pytest.mark.timeout(240)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends the children of a process that died")
def test_a_suite_that_is_killed_takes_its_services_its_broker_and_its_database_with_it(tmp_path: Path) -> None:
    """kill -9 of `dccemu up --isolated`: nobody is left to end its children but the system."""
    with Stack(["--isolated", "--data", str(tmp_path / "data")], folder=tmp_path, timeout=120) as stack:
        assert stack.pid is not None
        pids = _descendants(stack.pid)
        running = b"\n".join(_command_line(pid) for pid in pids)
        for program in (*(f"dccemu_{name}" for name in SERVICES), "tansu", "autovacuum_naptime"):
            assert program.encode() in running, program

        os.kill(stack.pid, signal.SIGKILL)

        left = _left(pids, within=15.0)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("topology", "moment"),
    [
        ("one process", "the database server"),
        ("isolated", "a service"),
        pytest.param("one process", "initdb", marks=pytest.mark.nightly),
        pytest.param("isolated", "initdb", marks=pytest.mark.nightly),
        pytest.param("isolated", "the database server", marks=pytest.mark.nightly),
    ],
)
def test_sigterm_while_starting_leaves_nothing_behind(topology: str, moment: str, tmp_path: Path) -> None:
    options = ["up", *TOPOLOGIES[topology], "--data", str(tmp_path / "data"), "--admin-port", "0"]
    for port in ("duis", "duis-tls", "smki", "inventory", "cos-party", "sm-wan"):
        options += [f"--{port}-port", "0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command(), *options], stdout=log, stderr=log, start_new_session=True)
    seen: set[int] = set()
    deadline = time.monotonic() + 60
    while not any(MOMENTS[moment] in _command_line(pid) for pid in seen) and process.poll() is None:
        assert time.monotonic() < deadline
        seen |= _descendants(process.pid)
        time.sleep(0.01)

    process.send_signal(signal.SIGTERM)
    while process.poll() is None and time.monotonic() < deadline:
        seen |= _descendants(process.pid)
        time.sleep(0.01)

    left = _left(seen, within=2.0)
    for pid in left | ({process.pid} if process.poll() is None else set()):
        os.kill(pid, signal.SIGKILL)
    assert process.wait(10) == 0, (tmp_path / "log").read_text()
    assert not left
