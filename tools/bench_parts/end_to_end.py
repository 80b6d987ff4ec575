"""Requests all the way, everything on: mutual TLS both ways, PostgreSQL before the acknowledgement, bus, Devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import yaml

from dccemu_sdk.admin import AdminClient
from dccemu_sdk.stack import Stack, State

from . import limits, processor

ROOT = Path(__file__).resolve().parents[2]
DEVICES = 64
PARTY, USER = "DEMOSUPPLIER", "90-B3-D5-1F-30-01-00-00"


@dataclass(frozen=True, slots=True)
class Figures:
    """One flow in one topology.

    ``pair`` is the mean of ``limits.pair_seconds`` before and after the flow; ``work`` the processor time in seconds
    of the suite with its database and broker for one request, ``share`` the part of it that P-256 needs by itself.
    """

    topology: str
    flow: str
    rate: float
    pair: float
    efficiency: float
    work: float
    share: float
    p50_half_ms: float
    p99_half_ms: float
    answered: int
    sent: int


def scenario(folder: Path) -> Path:
    """The demonstration scenario with more electricity meters, so that order for each Device binds less."""
    source = yaml.safe_load((ROOT / "deploy/scenarios/demo.yaml").read_text(encoding="utf-8"))
    meter = next(d for d in source["devices"] if d["type"] == "ESME" and d["status"] == "Commissioned")
    for number in range(DEVICES):
        mpan = f"20{number:011d}"
        source["meter_points"].append(
            {
                "mpxn": mpan,
                "fuel": "electricity",
                "registrations": [{"role": "IS", "user": USER, "since": "2015-01-01"}],
            }
        )
        copy = {name: value for name, value in meter.items() if name not in {"secondary_import_mpan", "export_mpan"}}
        source["devices"].append({**copy, "device": device(number), "import_mpxn": mpan})
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(source, sort_keys=False, default_style=None), encoding="utf-8")
    return path


def device(number: int) -> str:
    """The EUI-64 of a meter of the bench."""
    return f"00-DB-12-34-56-79-{number // 256:02X}-{number % 256:02X}"


def _load(state: State, **plan: Any) -> dict[str, Any]:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    admin = AdminClient(state.admin)
    admin.set_receiver(USER, f"https://127.0.0.1:{port}/smartdcc/duis")
    admin.close()
    document = {
        "url": state.duis_tls,
        "tls": str(state.tls_folder),
        "party": PARTY,
        "keystore": str(state.keystore),
        "user": USER,
        "devices": [device(number) for number in range(DEVICES)],
        "receive_port": port,
        "first_counter": time.time_ns() // 1_000_000,
        **plan,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench_parts.load", json.dumps(document)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(topology: Sequence[str], *, count: int, rounds: int) -> Iterator[Figures]:
    """The median of some rounds for each flow, and latency at half of that rate."""
    name = "isolated" if "--isolated" in topology else "one process"
    with tempfile.TemporaryDirectory(prefix="dccemu-bench-") as folder:
        stack = Stack([*topology, "--scenario", str(scenario(Path(folder)))], timeout=180)
        try:
            state = stack.start()
            for flow in ("non-critical", "critical"):
                many = count if flow == "non-critical" else count // 2
                _load(state, flow=flow, count=many // 4, in_flight=64, connections=32)
                assert stack.pid is not None
                before, used = limits.pair_seconds(), processor.seconds(stack.pid)
                runs = [_load(state, flow=flow, count=many, in_flight=256, connections=64) for _ in range(rounds)]
                work = (processor.seconds(stack.pid) - used) / (many * rounds)
                pair = (before + limits.pair_seconds()) / 2
                runs.sort(key=lambda run: run["rate"])
                middle = runs[len(runs) // 2]
                half = _load(state, flow=flow, count=many // 2, in_flight=256, connections=64, rate=middle["rate"] / 2)
                yield Figures(
                    name,
                    flow,
                    middle["rate"],
                    pair,
                    limits.efficiency(middle["rate"], flow, pair),
                    work,
                    limits.PAIRS[flow] * limits.pair_work() / work,
                    half["p50_ms"],
                    half["p99_ms"],
                    sum(run["answered"] for run in runs),
                    sum(run["sent"] for run in runs),
                )
        finally:
            stack.close()
