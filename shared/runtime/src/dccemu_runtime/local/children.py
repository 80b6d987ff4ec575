"""Servers started as children end with their parent, also when it is killed."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def ends_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program: the kernel then sends it ``number`` when the parent dies (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    # Looked up before the fork: between fork and exec a child must not take locks that another thread may hold.
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return ask
