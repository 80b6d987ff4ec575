"""Servers started as children end with their parent, also when it is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def ends_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program: the kernel then sends it ``number`` when the parent dies (Linux only).

    The kernel watches the thread that started the child: start it from one that lives as long as the process, which
    is the one with the event loop.
    """
    if not sys.platform.startswith("linux"):
        return None
    # Looked up before the fork: between fork and exec a child must not take locks that another thread may hold.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask


def end_leftover(pid_file: Path, timeout: float = 10.0) -> None:
    """End a PostgreSQL server that outlived its parent, and wait until its lock file means nobody any more."""
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    server = os.fsencode(pid_file.parent)
    if server not in _command_line(pid):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + timeout
    while server in _command_line(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def _command_line(pid: int) -> bytes:
    """The arguments of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
