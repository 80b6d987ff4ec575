"""What cryptography alone allows on this machine, measured in the same run as the figures that are held against it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PAIRS = {"non-critical": 1, "critical": 3}
"""Sign and verify pairs of a flow (performance.md): request and answer; critical adds a request and the Device."""


def pair_seconds() -> float:
    """Seconds of one core for one P-256 signature and one verification, with every core busy.

    From ``openssl speed -multi <cores>`` where the command is, else from the cryptography package on one core.
    """
    openssl = shutil.which("openssl")
    if openssl is not None:
        cores = os.cpu_count() or 1
        told = subprocess.run(
            [openssl, "speed", "-seconds", "2", "-multi", str(cores), "ecdsap256"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        rates = re.search(r"nistp256\)\s+\S+\s+\S+\s+([0-9.]+)\s+([0-9.]+)", told.stdout)
        if rates is not None:
            signs, verifies = float(rates[1]), float(rates[2])
            return cores / signs + cores / verifies
    return _measured_here(time.perf_counter)


def pair_work() -> float:
    """Seconds of processor time for one P-256 signature and one verification: other load matters less to it."""
    return _measured_here(time.process_time)


def _measured_here(clock: Callable[[], float]) -> float:
    key = ec.generate_private_key(ec.SECP256R1())
    algorithm = ec.ECDSA(hashes.SHA256())
    data = bytes(1000)
    rounds = 2000
    began = clock()
    for _ in range(rounds):
        key.public_key().verify(key.sign(data, algorithm), data, algorithm)
    return (clock() - began) / rounds


def efficiency(rate: float, flow: str, pair: float) -> float:
    """Efficiency E: requests a second x the flow's sign and verify seconds / cores (performance.md)."""
    return rate * PAIRS[flow] * pair / (os.cpu_count() or 1)
