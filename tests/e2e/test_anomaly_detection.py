"""Threshold anomaly detection through the whole product: token, signed files, quarantine that outlives kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dccemu_sdk.session import Dcc
from dccemu_sdk.stack import Stack, command

ESME, SUPPLIER = "00-DB-12-34-56-78-90-A0", "90-B3-D5-1F-30-01-00-00"
READ = "<sr:ReadInstantaneousImportRegisters/>"
HEADER = "reference,user_id,srv,window_seconds,warning,quarantine,valid_from,valid_to,exception_note"


def _run(*words: object) -> str:
    done = subprocess.run([*command(), "thresholds", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _send(state: Path, kind: str, file: Path, header: str, row: str) -> dict[str, object]:
    """Obtain a reference, write, sign and send a file of one row, all by the command line."""
    reference = _run("reference", "--user", SUPPLIER, "--state", state)
    file.write_bytes(f"{header}\r\n{reference},{SUPPLIER},{row}\r\n".encode())
    _run("sign", file, "--keystore", file.with_name("token.json"))
    answer: dict[str, object] = json.loads(_run("send", file, "--kind", kind, "--state", state))
    return answer


@pytest.mark.timeout(240)
@pytest.mark.checklist("E1", "E4", "E5")
def test_what_is_quarantined_outlives_kill_9_and_is_released(tmp_path: Path, request_of: Callable[..., bytes]) -> None:
    stack = Stack(["--data", str(tmp_path / "data")], folder=tmp_path, timeout=120)
    state = tmp_path / "state.json"
    try:
        with Dcc(stack.start()) as dcc:
            _run("token", "--user", SUPPLIER, "--out", tmp_path / "token.json", "--state", state)
            row = "4.1.1,3600,,1,2020-01-01T00:00:00Z,,"
            assert _send(state, "thresholds", tmp_path / "thresholds.csv", HEADER, row)["thresholds"] == 1
            user = dcc.user()
            assert user.send(request_of("4.1.1", 1, READ, ESME), timeout=60).code == "I0"
            excess = user.send(request_of("4.1.1", 1, READ, ESME), wait=False)
            assert excess.code == "I99"
            (shown,) = (json.loads(line) for line in _run("show", "--user", SUPPLIER, "--state", state).splitlines())
            assert (shown["in_force"], shown["counted"]) == (True, 1)
            pid = stack.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        stack.stop()

        with Dcc(stack.start()) as dcc:
            user = dcc.user()
            report = _run("report", "--user", SUPPLIER, "--state", state).splitlines()
            assert [line.split(",")[3] for line in report[1:]] == [str(excess.request_id)]
            header = "reference,user_id,quarantine_event_ref,request_id,action"
            done = _send(state, "actions", tmp_path / "actions.csv", header, "*,,RELEASE")
            assert done["RELEASE"] == 1
            assert user.receiver is not None
            (answer,) = user.receiver.wait(excess.request_id, timeout=60)
            assert answer.response_code == "I0"
    finally:
        stack.close()
