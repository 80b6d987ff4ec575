"""A data folder belongs to one running suite: a second one would take its database away under its feet."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dccemu_protocol.errors import EmulatorError

LOCK = "suite.lock"


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a data folder while the suite runs; the system lets it go however the process ends.

    Raises
    ------
    EmulatorError
        When a running suite holds it; its process id is named.
    """
    with (folder / LOCK).open("a+", encoding="ascii") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            holder = held.read().strip() or "unknown"
            raise EmulatorError(f"--data {folder} is used by the running suite with process id {holder}") from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield
